"""Lance datasets and tables of LanceDB: the live rows of one version, whatever is written later."""

import json
import pickle

import lance
import lancedb
import numpy as np
import pyarrow as pa
import pytest

import rankme
from command import run
from rankme.sources import BadDataError, choose_rows, open_source, subset
from rankme.sources import lance as reader
from source_files import arrow_table, joined, matrix

ROWS = matrix(100, 5)


def write(path, rows=ROWS, kind="fixed", **options):
    return lance.write_dataset(arrow_table(rows, kind), path, max_rows_per_file=30, **options)


@pytest.mark.parametrize("kind", ["fixed", "list", "large"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_row_comes_once_from_any_start(tmp_path, monkeypatch, kind, dtype):
    monkeypatch.setattr(reader, "BATCH_BYTES", 200)
    rows = ROWS.astype(dtype)
    write(tmp_path / "rows.lance", rows, kind)
    source = open_source(tmp_path / "rows.lance")
    assert (source.n_rows, source.n_cols, source.dtype) == (100, 5, dtype)
    for start in (0, 1, 29, 30, 31, 99, 100):
        np.testing.assert_array_equal(joined(source, start), rows[start:])
    np.testing.assert_array_equal(joined(subset(source, 9)), rows[choose_rows(100, 9)])
    score = rankme.score(tmp_path / "rows.lance")
    assert score == pytest.approx(rankme.score(rows), rel=1e-12)
    assert joined(pickle.loads(pickle.dumps(source))).tolist() == rows.tolist()
    for start in (-1, 101):
        with pytest.raises(ValueError, match="wanted a row from 0 to 100"):
            source.blocks(start)


def test_deleted_rows_are_gone_and_later_versions_do_not_count(tmp_path):
    data = write(tmp_path / "rows.lance")
    before = open_source(tmp_path / "rows.lance")
    data.delete("id % 3 = 0")
    after = open_source(tmp_path / "rows.lance")
    live = ROWS[np.arange(100) % 3 != 0]
    np.testing.assert_array_equal(joined(after), live)
    np.testing.assert_array_equal(joined(after, 40), live[40:])
    np.testing.assert_array_equal(joined(subset(after, 9)), live[choose_rows(len(live), 9)])
    np.testing.assert_array_equal(joined(before), ROWS)
    assert before.identity.version != after.identity.version
    data.cleanup_old_versions(older_than=None, retain_versions=1)
    with pytest.raises(BadDataError, match="cannot be read"):
        joined(before)


def test_a_table_of_lancedb(tmp_path):
    items = [{"id": i, "vector": row.tolist()} for i, row in enumerate(ROWS)]
    database = lancedb.connect(tmp_path / "db")
    table = database.create_table("items", items)
    table.delete("id >= 90")
    source = open_source(tmp_path / "db" / "items.lance")
    np.testing.assert_array_equal(joined(source), ROWS[:90])
    assert source.identity.column == "vector"
    with pytest.raises(BadDataError, match=r"its folder items\.lance is a table of Lance; open"):
        open_source(tmp_path / "db")


def test_several_columns_have_to_be_named(tmp_path):
    table = arrow_table(ROWS).append_column("other", arrow_table(2 * ROWS).column("rows"))
    lance.write_dataset(table, tmp_path / "rows.lance")
    with pytest.raises(BadDataError, match="2 that may be meant: 'rows', 'other'"):
        open_source(tmp_path / "rows.lance")
    found = open_source(tmp_path / "rows.lance", column="other")
    np.testing.assert_array_equal(joined(found), 2 * ROWS)
    with pytest.raises(BadDataError, match="has no column 'third'"):
        open_source(tmp_path / "rows.lance", column="third")


def test_bytes_and_integers(tmp_path):
    table = pa.table({"rows": pa.array([row.tobytes() for row in ROWS], pa.binary())})
    lance.write_dataset(table, tmp_path / "bytes.lance")
    with pytest.raises(BadDataError, match="holds bytes"):
        open_source(tmp_path / "bytes.lance")
    found = open_source(tmp_path / "bytes.lance", dtype="float32")
    np.testing.assert_array_equal(joined(found), ROWS)
    whole = np.random.default_rng(0).integers(0, 256, (40, 4)).astype(np.uint8)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(whole.ravel()), 4)
    lance.write_dataset(pa.table({"rows": lists}), tmp_path / "uint8.lance")
    found = open_source(tmp_path / "uint8.lance", integers=True)
    np.testing.assert_array_equal(joined(found), whole)
    found = open_source(tmp_path / "uint8.lance", unpack_bits=True)
    np.testing.assert_array_equal(joined(found), np.unpackbits(whole, axis=1))


def test_bad_rows_are_named_by_their_place(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "BATCH_BYTES", 64)
    rows = [[1.0, 2.0], [3.0, 5.0], [8.0, 1.0], [4.0, 4.0]] * 5
    for name, bad, text in (
        ("ragged", [1.0], "row 17 has length 1 in column 'rows'; wanted 2"),
        ("null", None, "row 17 is null in column 'rows'"),
        ("nan", [np.nan, 1.0], r"row 17, column 0 \(counted from 0\) is nan"),
    ):
        given = [bad if i == 17 else row for i, row in enumerate(rows)]
        column = pa.array(given, pa.list_(pa.float32()))
        lance.write_dataset(pa.table({"rows": column}), tmp_path / f"{name}.lance")
        with pytest.raises(BadDataError, match=text):
            rankme.score(tmp_path / f"{name}.lance")
        if name != "ragged":
            found = rankme.spectrum(tmp_path / f"{name}.lance", skip_nonfinite=True)
            assert (found.n_rows, found.n_skipped) == (19, 1)


def test_a_dataset_without_rows_or_with_a_lost_file(tmp_path):
    write(tmp_path / "empty.lance", ROWS[:0])
    with pytest.raises(BadDataError, match=r"empty, shape \(0, 5\)"):
        open_source(tmp_path / "empty.lance")
    write(tmp_path / "rows.lance")
    source = open_source(tmp_path / "rows.lance")
    for file in (tmp_path / "rows.lance" / "data").iterdir():
        file.unlink()
    with pytest.raises(BadDataError, match="is gone"):
        rankme.score(source)


def test_a_run_is_resumed_and_a_new_version_is_another_file(tmp_path):
    data = write(tmp_path / "rows.lance")
    state, path = tmp_path / "run.rankme", tmp_path / "rows.lance"
    for _ in range(2):
        done = run("score", path, "--state", state, "--json")
        assert json.loads(done.stdout)["rankme"] == pytest.approx(rankme.score(ROWS), rel=1e-12)
    data.delete("id = 0")
    assert "changed" in run("score", path, "--state", state).stderr
