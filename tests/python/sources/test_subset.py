"""Chosen rows of every format, in any blocks, by any way: the same, and little else is read."""

import itertools
import os
import pickle
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

import rankme
from rankme import sources
from rankme.sources import BadDataError, RowSource, choose_rows, open_source, subset
from rankme.sources._bytes import files
from rankme.sources._in_memory import ChunkRows
from rankme.sources._picked import picked
from source_files import FORMATS, arrow_table, matrix, parquet_writer, small_blocks, write
from web import serve

N = 37
CHOICES = [(5, 0), (20, 0), (36, 3), (9, None), (1, 7)]


def rows_of(source, **options):
    blocks = [np.array(block) for block in source.blocks(**options)]
    return np.concatenate(blocks) if blocks else np.empty((0, source.n_cols), source.dtype)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, 200) for name in FORMATS),
        *itertools.product(
            ("npy", "parquet", "arrow-lz4", "hdf5-gzip", "npz-compressed"), (40, None)
        ),
    ],
)
def test_every_format_has_the_same_rows(tmp_path, monkeypatch, name, size):
    if size is not None:
        small_blocks(monkeypatch, size)
    z = matrix(N)
    source = open_source(write(tmp_path, name, z))
    for rows, seed in CHOICES:
        some = subset(source, rows, seed=seed)
        expected = z[choose_rows(N, rows, seed=seed)]
        assert (some.n_rows, some.n_cols, some.dtype) == (rows, 5, np.float32)
        np.testing.assert_array_equal(rows_of(some), expected)
        np.testing.assert_array_equal(rows_of(some, start=rows // 2), expected[rows // 2 :])
        np.testing.assert_array_equal(some.matrix(), expected)
        np.testing.assert_array_equal(
            np.concatenate([panel.copy() for panel in some.panels(2)], axis=1), expected
        )
        kept = list(some.blocks(hold=rows))  # a block outlives the steps that `hold` tells
        np.testing.assert_array_equal(np.concatenate(kept), expected)
        nulls = some.with_nulls_as_nan()
        np.testing.assert_array_equal(rows_of(nulls), expected)
    assert rankme.score(source, rows=20) == pytest.approx(
        rankme.score(z[choose_rows(N, 20)]), rel=1e-12
    )


@pytest.mark.parametrize("size", [1, 4, 15, 100])
def test_the_size_of_row_groups_and_batches_changes_nothing(tmp_path, size):
    import pyarrow as pa

    z = matrix(N)
    path = tmp_path / "rows.parquet"
    parquet_writer(row_group_size=size)(path, z)
    table = arrow_table(z)
    with (
        pa.OSFile(os.fspath(tmp_path / "rows.arrow"), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=size)
    for rows, seed in CHOICES:
        expected = z[choose_rows(N, rows, seed=seed)]
        for place in (path, tmp_path / "rows.arrow"):
            np.testing.assert_array_equal(
                rows_of(subset(open_source(place), rows, seed=seed)), expected
            )


def test_fortran_order(tmp_path, monkeypatch):
    small_blocks(monkeypatch)
    z = matrix(N)
    np.save(tmp_path / "f.npy", np.asfortranarray(z))
    some = subset(open_source(tmp_path / "f.npy"), 8)
    np.testing.assert_array_equal(rows_of(some), z[choose_rows(N, 8)])


def test_shards_change_nothing_and_those_without_rows_are_not_read(tmp_path):
    z = matrix(400)
    for number, part in enumerate(np.split(z, [3, 10, 11, 200, 390])):
        np.save(tmp_path / f"part-{number}.npy", part)
    whole = open_source(tmp_path)
    for rows, seed in ((3, 0), (50, 1), (399, 0), (10, None)):
        some = subset(whole, rows, seed=seed)
        np.testing.assert_array_equal(rows_of(some), z[choose_rows(400, rows, seed=seed)])
    first = subset(whole, 10, seed=None)
    names = [shard.name.rpartition("/")[2] for shard in first.shards]
    assert names == ["part-0.npy", "part-1.npy"]
    # Of a shard that is wholly in nothing is chosen: it is that shard.
    assert first.shards == whole.shards[:2]
    (tmp_path / "part-4.npy").unlink()
    np.testing.assert_array_equal(rows_of(first), z[:10])
    with pytest.raises(FileNotFoundError):
        rows_of(subset(whole, 300))


def test_chosen_rows_of_chosen_rows(tmp_path):
    z = matrix(100)
    np.save(tmp_path / "a.npy", z)
    some = subset(subset(open_source(tmp_path / "a.npy"), 50), 20, seed=4)
    expected = z[choose_rows(100, 50)][choose_rows(50, 20, seed=4)]
    np.testing.assert_array_equal(rows_of(some), expected)
    np.testing.assert_array_equal(rows_of(pickle.loads(pickle.dumps(some))), expected)


def test_other_rows_are_another_version(tmp_path):
    np.save(tmp_path / "a.npy", matrix())
    source = open_source(tmp_path / "a.npy")
    assert subset(source, N) is source
    found = [subset(source, *choice[:1], seed=choice[1]).identity for choice in CHOICES]
    assert len({one.version for one in [*found, source.identity]}) == len(CHOICES) + 1
    assert {one.shard for one in found} == {source.identity.shard}
    assert found[0] == subset(open_source(tmp_path / "a.npy"), 5).identity


class Counted(RowSource):
    """A source of a user that tells which rows it made, in blocks of ten."""

    name, n_cols, dtype = "counted", 2, np.dtype(np.float64)
    identity = sources.Identity("counted", 0, "1")

    def __init__(self, n_rows, entries=None, given=None):
        self.n_rows, self.seen, self.checks = n_rows, [], 0
        self.found, self.given = entries, n_rows if given is None else given

    @property
    def entries(self):
        return self.found

    def check_unchanged(self):
        self.checks += 1

    def blocks(self, start=0, *, hold=0):  # noqa: ARG002 - the protocol has it
        for first in range(start, self.given, 10):
            numbers = np.arange(first, min(first + 10, self.given))
            self.seen += numbers.tolist()
            yield np.stack([numbers, -numbers], axis=1).astype(float)


def test_blocks_without_chosen_rows_are_passed_over():
    source = Counted(1000)
    chosen = np.array([3, 5, 500, 501, 999])
    blocks = np.concatenate(list(source.take(chosen)))
    np.testing.assert_array_equal(blocks[:, 0], chosen)
    assert source.seen == [*range(3, 13), *range(500, 510), 999]
    assert source.checks == 1


@pytest.mark.parametrize(
    ("entries", "seen"),
    [((0,), range(3, 503)), ((0, 400, 900), [*range(3, 13), *range(500, 510)])],
)
def test_nothing_is_read_twice_where_reading_can_begin_at_few_rows(entries, seen):
    source = Counted(1000, entries)
    list(source.take(np.array([3, 5, 500, 501])))
    assert source.seen == list(seen)


def test_a_source_that_ends_early_is_an_error():
    with pytest.raises(BadDataError, match="counted: ends before row 40"):
        rankme.score(Counted(100, given=40), rows=50, seed=None)
    with pytest.raises(BadDataError, match="counted: ends before row 50"):
        list(Counted(100, given=40).take(np.array([1, 50])))


def test_entries_of_some_rows():
    some = subset(Counted(100, (0, 30, 31, 90)), 10)
    numbers = choose_rows(100, 10)
    wanted = sorted({int((numbers < entry).sum()) for entry in (0, 30, 31, 90)} - {10})
    assert list(some.entries) == wanted
    assert subset(Counted(100), 10).entries is None


def test_errors_tell_the_place_in_the_file(tmp_path):
    z = matrix(100)
    bad = int(choose_rows(100, 10)[6])
    z[bad, 3] = np.nan
    for name in ("npy", "parquet", "arrow-lz4", "hdf5-chunked"):
        path = write(tmp_path, name, z)
        with pytest.raises(BadDataError, match=rf"row {bad}\b.*column 3 .* is nan"):
            rankme.score(path, rows=10)
    wide = matrix(100, 30)
    wide[bad, 3] = np.inf
    np.save(tmp_path / "wide.npy", wide)
    for options in ({}, {"center": True}):
        with pytest.raises(BadDataError, match=rf"row {bad}, column 3 .* is inf"):
            rankme.score(tmp_path / "wide.npy", rows=10, **options)
    with pytest.raises(rankme.NonFiniteError, match=rf"Z\[{bad}, 3\]"):
        rankme.score(z, rows=10)


def test_what_is_wrong_with_other_rows_does_not_matter(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    z = matrix(60)
    chosen = choose_rows(60, 10)
    left = int(np.setdiff1d(np.arange(60), chosen)[7])
    table = pa.table(
        {"e": pa.array([None if i == left else row for i, row in enumerate(z.tolist())])}
    )
    pq.write_table(table, tmp_path / "null.parquet")
    assert rankme.score(tmp_path / "null.parquet", rows=10) == pytest.approx(
        rankme.score(z[chosen].astype("f8")), rel=1e-12
    )
    gone = int(chosen[4])
    table = pa.table(
        {"e": pa.array([None if i == gone else row for i, row in enumerate(z.tolist())])}
    )
    pq.write_table(table, tmp_path / "null.parquet", row_group_size=9)
    with pytest.raises(BadDataError, match=rf"\(row {gone} of the file\) is null"):
        rankme.score(tmp_path / "null.parquet", rows=10)
    s = rankme.spectrum(tmp_path / "null.parquet", rows=10, skip_nonfinite=True)
    assert (s.n_rows, s.n_skipped) == (9, 1)


def test_too_many_rows(tmp_path):
    np.save(tmp_path / "a.npy", matrix())
    source = open_source(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=rf"rows is 38, and {source.name} has 37 rows; ask for 37"):
        subset(source, 38)
    assert subset(source, 37).n_rows == 37


# ---- what is read ------------------------------------------------------------------------------


@pytest.fixture
def read(monkeypatch):
    """Count the bytes that are read of local files."""
    counted = Counter()
    plain = files.LocalFile.read

    def counting(self, handle, view, position):
        count = plain(self, handle, view, position)
        counted[self.path.name] += count
        return count

    monkeypatch.setattr(files.LocalFile, "read", counting)
    return counted


def test_of_a_local_file_the_rows_are_read_and_what_is_near(tmp_path, read):
    z = matrix(2000, 1024)  # of 4 KiB each
    for name in ("npy", "fvecs", "arrow-file", "safetensors"):
        path = write(tmp_path, name, z)
        source = open_source(path)
        read.clear()
        some = np.concatenate([block.copy() for block in subset(source, 40).blocks()])
        np.testing.assert_array_equal(some, z[choose_rows(2000, 40)])
        # Gaps of up to 16 KiB are read through: a few of the forty have a neighbour so near.
        assert 40 * 4096 <= read[path.name] <= 60 * 4100, name
        read.clear()
        list(subset(source, 300, seed=None).blocks())
        assert 300 * 4096 <= read[path.name] <= 300 * 4100, name


def test_of_a_remote_file_ranges_are_fetched(tmp_path):
    z = matrix(4000, 512)  # 2 KiB each, 8 MB
    np.save(tmp_path / "rows.npy", z)
    with serve(tmp_path) as server:
        source = open_source(f"{server.url}/rows.npy")
        for seed, rows, most in ((None, 500, 500 * 2048), (0, 3, 2**20)):
            server.requests.clear()
            some = np.concatenate([b.copy() for b in subset(source, rows, seed=seed).blocks()])
            np.testing.assert_array_equal(some, z[choose_rows(4000, rows, seed=seed)])
            fetched = 0
            for command, _, asked in server.requests:
                if command == "GET":
                    first, last = map(int, asked.removeprefix("bytes=").split("-"))
                    fetched += last - first + 1
            assert rows * 2048 <= fetched <= most
        assert rankme.score(source, rows=900, seed=None) == pytest.approx(
            rankme.score(z[:900]), rel=1e-12
        )


def test_row_groups_without_chosen_rows_are_not_read(tmp_path):
    import pyarrow.parquet as pq

    z = matrix(2000, 256)
    path = tmp_path / "rows.parquet"
    parquet_writer(row_group_size=100, compression="none", use_dictionary=False)(path, z)
    footer = pq.ParquetFile(path).metadata
    chosen = choose_rows(2000, 5)
    groups = set((chosen // 100).tolist())
    data = bytearray(path.read_bytes())
    for group in set(range(20)) - groups:  # what is read of these would be no Parquet
        column = footer.row_group(group).column(1)
        begin = column.data_page_offset
        data[begin : begin + column.total_compressed_size] = b"x" * column.total_compressed_size
    path.write_bytes(data)
    np.testing.assert_array_equal(rows_of(subset(open_source(path), 5)), z[chosen])
    with pytest.raises(BadDataError):
        rows_of(open_source(path))


def test_an_array_of_an_unknown_library_on_a_gpu_is_refused_with_a_way_out():
    # What the compiled core says of such an array; there is no GPU to have one on.
    view = SimpleNamespace(device="cuda:0", shape=(9, 3))
    with pytest.raises(TypeError, match=r"of object on cuda:0 pass Z\[index\], with index = ") as e:
        picked(object(), view, np.array([1, 4]))
    assert "rankme.sources.choose_rows(9, 2)" in str(e.value)


def test_memory_rows():
    z = matrix(500)
    some = subset(ChunkRows("Z", np.split(z, [1, 7, 400])), 50)
    np.testing.assert_array_equal(rows_of(some), z[choose_rows(500, 50)])
