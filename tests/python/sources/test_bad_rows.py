"""Rows that cannot be counted: null, ragged, too wide, not finite. The error says where."""

import re

import h5py
import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import BadDataError, open_source, parquet
from source_files import (
    FORMATS,
    arrow_table,
    matrix,
    needs_null_fixed_lists,
    small_blocks,
    write,
)


def save_table(path, table, groups=4):
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=groups)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=groups)


def vectors(lists, kind):
    import pyarrow as pa

    kinds = {
        "fixed": lambda: pa.list_(pa.float32(), 3),
        "list": lambda: pa.list_(pa.float32()),
        "large": lambda: pa.large_list(pa.float32()),
        "binary": lambda: pa.binary(12),
    }
    if kind == "binary":
        lists = [None if row is None else np.array(row, np.float32).tobytes() for row in lists]
    return pa.table({"rows": pa.array(lists, kinds[kind]())})


NOUNS = {".parquet": "row group", ".arrow": "record batch"}


@pytest.fixture(params=NOUNS)
def place(request, tmp_path):
    """A path, and what a group is called there."""
    return tmp_path / f"rows{request.param}", NOUNS[request.param]


def refused(path, problem, dtype=None):
    """The problem is found when the file is opened or when it is scored, not later."""
    with pytest.raises(BadDataError, match=re.escape(f"{path}: {problem}")):
        rankme.score(open_source(path, dtype=dtype))


@pytest.mark.parametrize("kind", ["fixed", "list", "large", "binary"])
def test_a_null_row_is_named(place, kind):
    path, noun = place
    if kind == "fixed" and path.suffix == ".parquet":
        needs_null_fixed_lists()
    rows = [[1.0, 2, i] for i in range(10)]
    rows[6] = None
    save_table(path, vectors(rows, kind))
    problem = f"{noun} 1, row 2 (row 6 of the file) is null in column 'rows'"
    refused(path, problem, "float32" if kind == "binary" else None)


@pytest.mark.parametrize("kind", ["fixed", "list", "large"])
def test_a_null_entry_is_named(place, kind):
    path, noun = place
    rows = [[1.0, 2, i] for i in range(10)]
    rows[9] = [1.0, 2, None]
    save_table(path, vectors(rows, kind))
    refused(path, f"{noun} 2, row 1 (row 9 of the file), entry 2 is null in column 'rows'")


@pytest.mark.parametrize("kind", ["list", "large"])
@pytest.mark.parametrize("ragged", [[], [1.0, 2], [1.0, 2, 3, 4]])
def test_a_row_of_another_length_is_named(place, kind, ragged):
    path, noun = place
    rows = [[1.0, 2, i] for i in range(10)]
    rows[4] = ragged
    save_table(path, vectors(rows, kind))
    refused(
        path,
        f"{noun} 1, row 0 (row 4 of the file) has length {len(ragged)} in column 'rows'; wanted 3",
    )


def test_lengths_that_cancel_are_found(place):
    path, _ = place
    rows = [[1.0, 2, i] for i in range(4)]
    rows[1], rows[2] = [1.0, 2], [1.0, 2, 3, 4]
    save_table(path, vectors(rows, "list"))
    refused(path, f"{NOUNS[path.suffix]} 0, row 1 (row 1 of the file) has length 2")


@pytest.mark.parametrize("kind", ["fixed", "list", "large"])
def test_slices_of_columns_are_read_from_their_own_offset(place, kind):
    path, _ = place
    rows = matrix(20, 3)
    save_table(path, arrow_table(rows, kind).slice(5, 9))
    np.testing.assert_array_equal(open_source(path).matrix(), rows[5:14])


@pytest.mark.parametrize("kind", ["list", "large"])
def test_a_first_row_that_tells_no_length_is_an_error(place, kind):
    path, _ = place
    save_table(path, vectors([None, [1.0, 2, 3]], kind))
    refused(path, f"{place[1]} 0, row 0 (row 0 of the file) is null in column 'rows'")
    save_table(path, vectors([None, None], kind))
    refused(path, "column 'rows' has only rows that are null")
    save_table(path, vectors([[], []], kind))
    with pytest.raises(BadDataError, match=r"empty, shape \(2, 0\)"):
        open_source(path)


def test_a_table_without_rows_is_an_error(place):
    path, _ = place
    save_table(path, vectors([], "fixed"))
    with pytest.raises(BadDataError, match=r"empty, shape \(0, 3\)"):
        open_source(path)


GROUPS = {"arrow": ("record batch", 7), "parquet": ("row group", 15)}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(37, 5), (17, 20)], ids=["tall", "wide"])
@pytest.mark.parametrize("options", [{}, {"center": True}])
def test_a_bad_entry_is_named_with_its_place(tmp_path, name, shape, options):
    rows = matrix(*shape)
    rows[16, 3] = np.nan
    path = write(tmp_path, name, rows)
    noun, size = GROUPS.get(name.partition("-")[0], (None, 1))
    where = (
        "row 16" if noun is None else (f"{noun} {16 // size}, row {16 % size} (row 16 of the file)")
    )
    if name == "huggingface":
        shard = next(shard for shard in open_source(path).shards if np.isnan(shard.matrix()).any())
        row = int(np.argwhere(np.isnan(shard.matrix()))[0, 0])
        path, where = shard.name, f"record batch 0, row {row} (row {row} of the file)"
    expected = f"{path}: {where}, column 3 (counted from 0) is nan; every entry must be finite"
    with pytest.raises(BadDataError) as caught:
        rankme.score(write(tmp_path, name, rows), **options)
    assert str(caught.value) == expected


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_row_groups_side_by_side_keep_their_order(tmp_path, monkeypatch, workers):
    small_blocks(monkeypatch)
    monkeypatch.setattr(parquet, "_workers", lambda: workers)
    rows = matrix(200, 5)  # 14 row groups
    source = open_source(write(tmp_path, "parquet", rows))
    for start in (0, 14, 15, 16, 100, 199, 200):
        blocks = source.blocks(start, hold=200)
        np.testing.assert_array_equal(np.concatenate([rows[:start], *blocks]), rows)


@pytest.mark.parametrize("batch_rows", [1, 3, 4, 5, 9, 10])
def test_a_block_is_made_of_decoded_pieces(tmp_path, monkeypatch, batch_rows):
    small_blocks(monkeypatch)  # of 10 rows
    monkeypatch.setattr(parquet, "BATCH_BYTES", 20 * batch_rows)
    rows = matrix(64, 5)  # 4 groups of 15 rows and one of 4
    source = open_source(write(tmp_path, "parquet", rows))
    for start in range(65):
        blocks = list(source.blocks(start, hold=64))
        np.testing.assert_array_equal(np.concatenate([rows[:start], *blocks]), rows)
        assert all(1 <= len(block) <= 10 for block in blocks)


def test_the_command_names_the_row_group(tmp_path):
    rows = matrix(40, 5)
    rows[33, 1] = -np.inf
    write(tmp_path, "parquet", rows)
    result = run("score", "rows.parquet", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result) == (
        "rows.parquet: row group 2, row 3 (row 33 of the file), column 1 (counted from 0) is -inf; "
        "every entry must be finite"
    )


def test_fvecs_rows_of_two_lengths_are_an_error(tmp_path):
    path = write(tmp_path, "fvecs", matrix(6, 3))
    data = bytearray(path.read_bytes())
    data[16 * 4 : 16 * 4 + 4] = (2).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "row 4 has length 2; wanted 3")


@pytest.mark.parametrize("name", ["npz", "safetensors", "pt", "hdf5", "zarr-3"])
def test_integers_are_refused(tmp_path, name):
    path = write(tmp_path, name, matrix().astype(np.int32))
    # Of a file with one thing in it, what is wrong with that is said.
    with pytest.raises(BadDataError, match=r"holds no .* of floating-point vectors|dtype int32; "):
        open_source(path)


@pytest.mark.parametrize(
    ("options", "found"),
    [({"chunks": (10, 3)}, "2 of its 4"), ({}, "0 of its 1"), ({"chunks": (10, 2)}, "4 of its 8")],
)
def test_rows_of_hdf5_that_were_not_written_are_an_error(tmp_path, options, found):
    path = tmp_path / "rows.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("rows", (40, 3), np.float32, **options)
        if options:
            data[:20] = matrix(20, 3)
    with pytest.raises(BadDataError, match=rf"rows\.h5\[rows\]: {found} chunks were written"):
        open_source(path)


def test_rows_of_hdf5_that_lie_in_other_files_are_refused(tmp_path):
    path = tmp_path / "rows.h5"
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((20, 3), np.float32)
        layout[:] = h5py.VirtualSource(tmp_path / "gone.h5", "rows", (20, 3))
        file.create_virtual_dataset("rows", layout)
    with pytest.raises(BadDataError, match="its rows lie in other files"):
        open_source(path)


@pytest.mark.parametrize("lists", ["list", "large_list", "fixed", "binary", "fixed binary"])
@pytest.mark.parametrize("form", ["file", "stream", "compressed", "parquet", "folder"])
@pytest.mark.parametrize("gone", [{0}, {0, 1, 2, 3, 4, 17, 39}, {39}], ids=str)
def test_rows_that_are_null_are_left_out_of_every_format(tmp_path, lists, form, gone):
    import pyarrow as pa
    import pyarrow.parquet as pq

    if lists == "fixed" and form in {"parquet", "folder"}:
        needs_null_fixed_lists()
    z = np.random.default_rng(5).standard_normal((40, 4)).astype(np.float32)
    rows = [None if i in gone else row for i, row in enumerate(z)]
    if "binary" in lists:
        kind = pa.binary(16) if "fixed" in lists else pa.binary()
        values = pa.array([None if row is None else row.tobytes() for row in rows], kind)
        options = {"dtype": "float32"}
    else:
        width = {"list": (), "large_list": (), "fixed": (4,)}[lists]
        made = pa.large_list if lists == "large_list" else pa.list_
        values, options = pa.array(rows, made(pa.float32(), *width)), {}
    table = pa.table({"e": values})
    path = tmp_path / "rows"
    if form in ("parquet", "folder"):
        path.mkdir()
        pq.write_table(table.slice(0, 4), path / "part-0.parquet", row_group_size=3)
        pq.write_table(table.slice(4), path / "part-1.parquet", row_group_size=3)
        if form == "parquet":
            path = tmp_path / "rows.parquet"
            pq.write_table(table, path, row_group_size=3)
    else:
        codec = pa.ipc.IpcWriteOptions(compression="lz4" if form == "compressed" else None)
        new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        with new(path, table.schema, options=codec) as sink:
            sink.write_table(table, max_chunksize=5)
    if form == "folder" and gone >= {0, 1, 2, 3} and "fixed" not in lists:
        with pytest.raises(BadDataError, match=r"part-0.*only rows that are null"):
            open_source(path, **options)
        return
    source = open_source(path, **options)
    some = rankme.spectrum(source, skip_nonfinite=True)
    there = np.delete(z, sorted(gone), axis=0)
    assert (some.n_rows, some.n_skipped) == (len(there), len(gone))
    assert some.rankme() == pytest.approx(rankme.score(there), rel=1e-12)
    assert rankme.score(source, rows=40, skip_nonfinite=True) == pytest.approx(some.rankme())
    with pytest.raises(BadDataError, match=r"of the file.* is null in column 'e'"):
        rankme.score(source)
