"""``rankme score --by``: the rows of each label by themselves."""

import gzip
import json

import deltalake
import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from command import error_line, run
from rankme._scoring.by_column import spectra_by
from rankme.sources import BadDataError, jsonl, open_source
from source_files import arrow_table, matrix

ROWS = np.vstack([matrix(90, 8), np.tile(matrix(1, 8), (10, 1))])
LABELS = np.random.default_rng(0).permutation(np.r_[np.arange(90) % 2, np.full(10, 2)])
ROWS = ROWS[np.argsort(np.argsort(LABELS, kind="stable"))]
NAMES = np.array(["cat", "dog", "eel"])[LABELS]


def table():
    both = arrow_table(ROWS.astype("f4"))
    return both.append_column("label", pa.array(LABELS)).append_column("name", pa.array(NAMES))


def save(path):
    if path.suffix == ".parquet":
        pq.write_table(table(), path, row_group_size=30)
    elif path.suffix == ".lance":
        lance.write_dataset(table(), path, max_rows_per_file=30)
    elif path.suffix == ".csv":
        lines = (
            f'{y},{n},"{row.tolist()}"\n' for y, n, row in zip(LABELS, NAMES, ROWS, strict=True)
        )
        path.write_text("label,name,rows\n" + "".join(lines))
    elif path.name.endswith((".jsonl", ".jsonl.gz")):
        lines = (
            json.dumps({"label": int(y), "of": {"name": str(n)}, "name": str(n), "rows": row})
            for y, n, row in zip(LABELS, NAMES, ROWS.tolist(), strict=True)
        )
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "wt") as file:
            file.write("\n\n".join(lines))
    else:
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(path, table().schema) as writer:
            writer.write_table(table(), max_chunksize=7)
    return path


SUFFIXES = [".parquet", ".arrow", ".arrows", ".lance", ".csv", ".jsonl", ".jsonl.gz"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("options", [{}, {"center": True, "normalize": True}])
def test_each_group_has_the_score_of_its_rows(tmp_path, suffix, options):
    source = open_source(save(tmp_path / f"rows{suffix}"))
    for column, labels in (("label", LABELS), ("name", NAMES)):
        found = spectra_by(source, column, **options)
        assert [str(one.label) for one in found] == sorted(set(map(str, labels)))
        for one in found:
            rows = ROWS[labels.astype(str) == str(one.label)]
            expected = rankme.spectrum(rows.astype("f4"), **options)
            assert one.spectrum.n_rows == len(rows)
            assert one.spectrum.rankme() == pytest.approx(expected.rankme(), rel=1e-6, abs=1e-6)


def test_a_line_a_group(tmp_path):
    path = save(tmp_path / "rows.parquet")
    done = run("score", "--json", "--by", "label", path)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["by"], one["group"], one["n_rows"]) for one in told] == [
        ("label", 0, 45), ("label", 1, 45), ("label", 2, 10)
    ]  # fmt: skip
    assert told[2]["rankme"] == pytest.approx(1.0, abs=1e-4)
    assert "label 2 has 10 rows and" in done.stderr
    lines = run("score", "--by", "name", path).stdout.splitlines()
    assert lines[0] == f"{path} by name"
    assert [line.split()[0] for line in lines[1:]] == ["cat", "dog", "eel"]


def test_several_files_are_one_set(tmp_path):
    for number in (0, 1):
        part = table().slice(50 * number, 50)
        pq.write_table(part, tmp_path / f"part-{number}.parquet")
    for words in ([tmp_path], ["--pool", *sorted(tmp_path.glob("*.parquet"))]):
        done = run("score", "--json", "--by", "name", *words)
        assert [json.loads(line)["n_rows"] for line in done.stdout.splitlines()] == [45, 45, 10]


def test_labels_that_are_none(tmp_path):
    path = tmp_path / "rows.parquet"
    rows = table().column("rows")
    for column, text in (
        (pa.array([*NAMES[:-1], None]), "row 99 has no label in column 'y'"),
        (pa.array(np.linspace(0, 1, 100)), "of type double; wanted labels"),
    ):
        pq.write_table(pa.table({"rows": rows, "y": column}), path)
        with pytest.raises(BadDataError, match=text):
            spectra_by(open_source(path), "y")
    with pytest.raises(BadDataError, match="has no column 'z' to group by; it has 'rows', 'y'"):
        spectra_by(open_source(path), "z")
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(BadDataError, match="labels are read of Parquet, Arrow, Lance, CSV and"):
        spectra_by(open_source(tmp_path / "rows.npy"), "y")
    assert "labels are read of" in error_line(run("score", "--by", "y", tmp_path / "rows.npy"))


def test_an_entry_that_is_not_finite_is_named(tmp_path):
    bad = ROWS.astype("f4")
    bad[17, 3] = np.nan
    both = arrow_table(bad).append_column("label", pa.array(LABELS))
    pq.write_table(both, tmp_path / "rows.parquet", row_group_size=15)
    with pytest.raises(BadDataError, match=r"row group 1, row 2 \(row 17 of the file\), column 3"):
        spectra_by(open_source(tmp_path / "rows.parquet"), "label")


def test_options_that_are_for_one_set(tmp_path):
    path = save(tmp_path / "rows.parquet")
    for words in (["--each"], ["--rows", "20"], ["--method", "qr"], ["--skip-nonfinite"]):
        done = run("score", "--by", "label", path, *words)
        assert done.returncode == 2
        assert f"{words[0]} is not for groups of rows" in done.stderr


def test_labels_of_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "CHUNK_BYTES", 500)  # many chunks, with labels of their own
    path = save(tmp_path / "rows.jsonl")
    by_name = spectra_by(open_source(path), "name")
    within = spectra_by(open_source(path), "of.name")
    assert [(one.label, one.spectrum.rankme()) for one in within] == [
        (one.label, one.spectrum.rankme()) for one in by_name
    ]
    answers = [
        {"custom_id": name, "response": {"body": {"data": [
            {"index": i, "embedding": row} for i, row in enumerate(rows.tolist())
        ][::-1]}}}
        for name, rows in (("a", ROWS[:30]), ("b", ROWS[30:70]), ("a", ROWS[70:]))
    ]  # fmt: skip
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    found = spectra_by(open_source(tmp_path / "out.jsonl"), "custom_id")
    for one, rows in zip(found, (np.vstack([ROWS[:30], ROWS[70:]]), ROWS[30:70]), strict=True):
        assert one.spectrum.n_rows == len(rows)
        assert one.spectrum.rankme() == pytest.approx(rankme.score(rows), rel=1e-12)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (None, "line 3 has no label in column 'y'"),
        (..., "line 3 has no label in column 'y'"),
        ("one", "the labels of lines 1 to 4: .*changed from number to string"),
        (1.5, "the labels of lines 1 to 4: "),
    ],
)
def test_lines_whose_label_is_none(tmp_path, label, text):
    lines = [{"y": 1, "v": row} for row in ROWS[:4].tolist()]
    lines[2] = {"v": lines[2]["v"]} if label is ... else {**lines[2], "y": label}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(BadDataError, match=text):
        spectra_by(open_source(path), "y")
    first = r"line 1 has \[0\.1\] under 'y', its label; wanted: a text, a whole number or a boolean"
    path.write_text(json.dumps({"y": [0.1], "v": ROWS[0].tolist()}) + "\n")
    with pytest.raises(BadDataError, match=first):
        spectra_by(open_source(path, column="v"), "y")
    with pytest.raises(BadDataError, match="line 1 has no label under 'z'"):
        spectra_by(open_source(path, column="v"), "z")


def test_labels_are_of_one_kind_in_all_files(tmp_path):
    for number, labels in enumerate((LABELS[:50], [str(one) for one in LABELS[50:]])):
        some = arrow_table(ROWS[50 * number : 50 * (number + 1)].astype("f4"))
        pq.write_table(some.append_column("y", pa.array(labels)), tmp_path / f"p-{number}.parquet")
    with pytest.raises(BadDataError, match=r"holds texts, and whole numbers before, in .*p-0"):
        spectra_by(open_source(tmp_path), "y")


def test_a_dictionary_of_labels_may_be_of_bytes_and_lack_some(tmp_path):
    codes = pa.array([0, 1, 3, 0], pa.uint8())
    table = arrow_table(ROWS[:4].astype("f4"))
    for names, bad in ((["cat", "dog", "no", "eel"], None), (["cat", "dog", "no", None], 2)):
        labels = pa.DictionaryArray.from_arrays(codes, pa.array(names))
        path = tmp_path / "rows.arrow"
        with pa.ipc.new_file(path, table.append_column("y", labels).schema) as writer:
            writer.write_table(table.append_column("y", labels))
        if bad is None:
            found = spectra_by(open_source(path), "y")
            assert [(one.label, one.spectrum.n_rows) for one in found] == [
                ("cat", 2), ("dog", 1), ("eel", 1)
            ]  # fmt: skip
        else:
            with pytest.raises(BadDataError, match="row 2 has no label in column 'y'"):
                spectra_by(open_source(path), "y")


@pytest.mark.parametrize("kind", ["delta", "parquet", "npy", "jsonl"])
def test_partitions_are_labels(tmp_path, kind):
    place = tmp_path / "rows"
    names = np.array(["a b", "c", "a b"])[LABELS]
    if kind == "delta":
        both = arrow_table(ROWS.astype("f4")).append_column("of", pa.array(names))
        deltalake.write_deltalake(place, both, partition_by=["of"])
    for label, folder in (("a b", "of=a%20b"), ("c", "of=c")) if kind != "delta" else ():
        (place / folder).mkdir(parents=True)
        some = ROWS[names == label].astype("f4")
        if kind == "npy":
            np.save(place / folder / "part-0.npy", some)
        elif kind == "jsonl":
            lines = "".join(json.dumps({"e": row}) + "\n\n" for row in some.tolist())
            (place / folder / "part-0.jsonl").write_text(lines)
        else:
            pq.write_table(arrow_table(some), place / folder / "part-0.parquet", row_group_size=20)
    found = spectra_by(open_source(place), "of")
    assert [one.label for one in found] == ["a b", "c"]
    for one in found:
        some = ROWS[names == one.label].astype("f4")
        assert one.spectrum.n_rows == len(some)
        assert one.spectrum.rankme() == pytest.approx(rankme.score(some), rel=1e-9)
    if kind != "delta":
        (place / "of=c").rename(place / "of=__HIVE_DEFAULT_PARTITION__")
        with pytest.raises(BadDataError, match="has no label in column 'of'"):
            spectra_by(open_source(place), "of")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_labels_of_a_column_and_of_folders_are_not_mixed(tmp_path, suffix):
    for label, column in (("a", "name"), ("b", "other")):
        (tmp_path / f"name={label}").mkdir()
        rows = arrow_table(ROWS[:4]).append_column(column, pa.array(["x", "y"] * 2))
        path = tmp_path / f"name={label}" / f"part-0{suffix}"
        if suffix == ".parquet":
            pq.write_table(rows, path)
        elif suffix == ".csv":
            text = [f'{one[column]},"{one["rows"]}"\n' for one in rows.to_pylist()]
            path.write_text(f"{column},rows\n" + "".join(text))
        else:
            path.write_text("".join(json.dumps(one) + "\n" for one in rows.to_pylist()))
    said = "has the labels 'name' in the name of its folder, and .* has them in a column; wanted"
    with pytest.raises(BadDataError, match=said):
        spectra_by(open_source(tmp_path), "name")


def test_words_for_missing_values_are_labels_of_csv(tmp_path):
    path = tmp_path / "rows.csv"
    names = ["NA", "null", "nan"]
    path.write_text("name,x,y\n" + "".join(f"{n},0.5,{i}.5\n" for i, n in enumerate(names * 4)))
    found = spectra_by(open_source(path, column="[xy]"), "name")
    assert [one.label for one in found] == ["NA", "nan", "null"]
    path.write_text("name,x,y\nNA,0.5,1.5\n,0.5,1.5\n")
    with pytest.raises(BadDataError, match="row 1 has no label in column 'name'"):
        spectra_by(open_source(path, column="[xy]"), "name")
