"""``rankme score --by``: the rows of each label by themselves."""

import json

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from command import error_line, run
from rankme._scoring.by_column import spectra_by
from rankme.sources import BadDataError, open_source
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
    else:
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(path, table().schema) as writer:
            writer.write_table(table(), max_chunksize=7)
    return path


SUFFIXES = [".parquet", ".arrow", ".arrows", ".lance", ".csv"]


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
    with pytest.raises(BadDataError, match="labels are read of Parquet, Arrow, Lance and CSV"):
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
