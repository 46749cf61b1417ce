"""Files that are cut short, removed or replaced: an error, and never a score of fewer rows."""

import os
import shutil

import numpy as np
import pytest

import rankme
from rankme._scoring import from_source
from rankme.sources import BadDataError, open_source, row_blocks
from rankme.sources._bytes import raw
from source_files import FORMATS, arrow_writer, matrix, small_blocks, write
from zarr_files import save_array

FILES = [name for name in FORMATS if not name.startswith(("zarr", "huggingface", "lance"))]


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused_at_any_length(tmp_path, name):
    path = write(tmp_path, name, matrix(600, 5))
    whole = path.read_bytes()
    # Of .fvecs, which tells no number of rows, only a cut within a row can be seen.
    for size in (
        0,
        1,
        7,
        len(whole) // 3 + 1,
        len(whole) // 2 + 1,
        len(whole) - 90,
        len(whole) - 1,
    ):
        path.write_bytes(whole[:size])
        with pytest.raises(BadDataError, match=path.name):
            rankme.score(path)


def save_polars_stream(path, rows):
    import polars as pl

    columns = {"rows": pl.Series(rows, dtype=pl.Array(pl.Float32, rows.shape[1]))}
    pl.DataFrame(columns).write_ipc_stream(path)


@pytest.mark.parametrize(
    "save",
    [arrow_writer(stream=True), arrow_writer(stream=True, compression="zstd"), save_polars_stream],
    ids=["stream", "zstd", "polars"],
)
def test_an_arrow_stream_that_is_cut_anywhere_is_refused(tmp_path, save):
    # Between two messages too, where what is left is a stream by itself.
    rows = matrix(23, 5)
    path = tmp_path / "rows.arrows"
    save(path, rows)
    np.testing.assert_array_equal(open_source(path).matrix(), rows)
    whole = path.read_bytes()
    for size in range(len(whole)):
        os.truncate(path, size)
        with pytest.raises(BadDataError, match=r"rows\.arrows"):
            open_source(path)
        path.write_bytes(whole)


def test_a_saved_dataset_whose_file_is_cut_anywhere_is_refused(tmp_path):
    path = write(tmp_path, "huggingface", matrix(23, 5))
    file = sorted(path.glob("data-*.arrow"))[1]
    whole = file.read_bytes()
    for size in range(0, len(whole), 4):
        file.write_bytes(whole[:size])
        with pytest.raises(BadDataError, match=file.name):
            open_source(path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path, monkeypatch, name):
    small_blocks(monkeypatch, size=2000)
    path = write(tmp_path, name, matrix(6000, 5))
    source = open_source(path)
    blocks = source.blocks()
    next(blocks)
    os.truncate(path, 4000)
    with pytest.raises(BadDataError, match=path.name):
        list(blocks)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_was_replaced_since_it_was_opened_is_an_error(tmp_path, name):
    path = write(tmp_path, name, matrix())
    source = open_source(path)
    if path.is_dir():
        shutil.rmtree(path)
        write(tmp_path, name, matrix(seed=2))
    else:
        (tmp_path / "other").mkdir()
        write(tmp_path / "other", name, matrix(seed=2)).replace(path)
    with pytest.raises(BadDataError, match="changed since it was opened"):
        rankme.score(source)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_was_removed_since_it_was_opened_is_an_error(tmp_path, name):
    path = write(tmp_path, name, matrix())
    source = open_source(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises((OSError, BadDataError)):
        rankme.score(source)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_removed_while_it_is_read_gives_all_rows_or_an_error(
    tmp_path, monkeypatch, name
):
    small_blocks(monkeypatch)
    rows = matrix(700, 5)
    path = write(tmp_path, name, rows)
    source = open_source(path)
    blocks = source.blocks(hold=10_000)
    read = [next(blocks)]
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    try:
        read.extend(blocks)
    except (OSError, BadDataError):
        return
    np.testing.assert_array_equal(np.concatenate(read), rows)


def overwrite(path):
    """Write other rows over those of a .npy file, whose size stays."""
    with path.open("r+b") as file:
        file.seek(-400, os.SEEK_END)
        file.write(bytes(400))
    os.utime(path, ns=(7, 7))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("least", [0, 2**20], ids=["mapped", "read"])
def test_a_file_that_changes_while_a_mapped_matrix_is_scored_is_an_error(
    tmp_path, monkeypatch, order, least
):
    path = tmp_path / "wide.npy"
    np.save(path, np.asarray(matrix(8, 300), order=order))
    whole = rankme.score(path, center=True)
    monkeypatch.setattr(raw, "MIN_MAPPED_BYTES", least)
    assert rankme.score(path, center=True) == whole
    as_matrix = from_source.as_matrix

    def disturbed(data):
        assert isinstance(data, np.memmap) == (least == 0)
        overwrite(path)
        return as_matrix(data)

    source = open_source(path)
    monkeypatch.setattr(from_source, "as_matrix", disturbed)
    with pytest.raises(BadDataError, match=r"wide\.npy: changed since it was opened"):
        rankme.score(source, center=True)


def test_a_shard_that_is_gone_when_its_turn_comes_is_an_error(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"part-{number}.npy", matrix(20, 4))
    source = open_source(tmp_path)
    (tmp_path / "part-1.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"part-1\.npy"):
        rankme.score(source)
    counted = []
    blocks = row_blocks((shard, 0) for shard in source.shards)
    with pytest.raises(FileNotFoundError):
        counted.extend(len(block.rows) for block in blocks)
    assert counted == [20]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_lost_chunk_is_not_taken_for_zeros(tmp_path, zarr_format):
    array = save_array(tmp_path / "rows.zarr", matrix(40, 4), zarr_format, (8, 4))
    assert array.nchunks == 5
    path = tmp_path / "rows.zarr" / ("c/3/0" if zarr_format == 3 else "3.0")
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(BadDataError, match="has 4 of 5 chunks; wanted all of them"):
        open_source(tmp_path / "rows.zarr")
    path.write_bytes(data)
    source = open_source(tmp_path / "rows.zarr")
    blocks = source.blocks()
    path.unlink()
    with pytest.raises(BadDataError, match="changed since it was opened"):
        list(blocks)


def test_a_damaged_compressed_array_is_an_error(tmp_path, monkeypatch):
    small_blocks(monkeypatch)
    path = write(tmp_path, "npz-compressed", matrix(400, 5))
    data = bytearray(path.read_bytes())
    data[4000] ^= 255
    path.write_bytes(data)
    with pytest.raises(BadDataError, match=r"array rows\.npy is damaged at row \d+ or later"):
        rankme.score(path)


def test_damaged_messages_of_an_arrow_stream_are_refused(tmp_path):
    path = write(tmp_path, "arrow-stream", matrix(60, 5))
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(400):
        data = bytearray(whole)
        data[int(rng.integers(0, len(data)))] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        try:
            source = open_source(path)
            rows = source.matrix()
        except (BadDataError, OSError):
            continue
        assert rows.shape == (source.n_rows, source.n_cols)
