"""A shard without rows is no shard, in every format; a damaged one is an error as ever."""

import numpy as np
import pytest

import rankme
from command import run
from rankme.sources import BadDataError, open_source
from source_files import FORMATS, matrix

EMPTY = np.zeros((0, 4), np.float32)


def save(name, path, rows):
    FORMATS[name][1](path, rows)


def save_safetensors(path, rows):
    from safetensors.numpy import save_file

    save_file({"rows": rows}, path)


def save_hdf5(path, rows):
    import h5py

    with h5py.File(path, "w") as file:
        file["rows"] = rows


def save_zarr(path, rows):
    import zarr

    zarr.save_array(path, rows)


WRITERS = {
    ".npy": np.save,
    ".npz": lambda path, rows: np.savez(path, rows=rows),
    ".fbin": lambda path, rows: save("fbin", path, rows),
    ".safetensors": save_safetensors,
    ".pt": lambda path, rows: save("pt", path, rows),
    ".h5": save_hdf5,
    ".zarr": save_zarr,
    ".parquet": lambda path, rows: save("parquet-list", path, rows),
    ".arrow": lambda path, rows: save("arrow-list", path, rows),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_shard_without_rows_is_no_shard(tmp_path, suffix):
    write = WRITERS[suffix]
    write(tmp_path / f"part-0{suffix}", np.eye(4, dtype=np.float32))
    write(tmp_path / f"part-1{suffix}", EMPTY)
    for path in (tmp_path, tmp_path / f"*{suffix}"):
        source = open_source(path)
        assert [shard.n_rows for shard in source.shards] == [4]
        assert rankme.score(source, eps=0) == pytest.approx(4, rel=1e-12)
    names = [f"part-1{suffix}", f"part-0{suffix}"]
    result = run("score", "--pool", "--eps", "0", *names, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "RankMe      4.000000" in result.stdout
    assert open_source([tmp_path / name for name in names]).n_rows == 4
    with pytest.raises(BadDataError, match=r"empty, shape \(0, [04]\)"):
        open_source(tmp_path / f"part-1{suffix}")


def test_nothing_but_empty_shards_is_an_error(tmp_path):
    np.save(tmp_path / "part-0.npy", EMPTY)
    with pytest.raises(BadDataError, match="all 1 files of it are without rows"):
        open_source(tmp_path)
    result = run("score", "--pool", "part-0.npy", "part-0.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")


@pytest.mark.parametrize("suffix", [".npy", ".fbin"])
def test_rows_behind_a_header_that_announces_none_are_damage(tmp_path, suffix):
    path = tmp_path / f"part-1{suffix}"
    WRITERS[suffix](path, EMPTY)
    path.write_bytes(path.read_bytes() + matrix(3, 4).tobytes())
    WRITERS[suffix](tmp_path / f"part-0{suffix}", np.eye(4, dtype=np.float32))
    with pytest.raises(BadDataError, match="48 bytes follow the array"):
        open_source(tmp_path)


def test_no_columns_are_an_error(tmp_path):
    np.save(tmp_path / "part-0.npy", np.eye(4))
    np.save(tmp_path / "part-1.npy", np.zeros((5, 0)))
    with pytest.raises(BadDataError, match=r"part-1\.npy: empty, shape \(5, 0\)"):
        open_source(tmp_path)


def test_stores_side_by_side_are_one_set(tmp_path):
    rows = matrix(30, 4)
    for number in range(3):
        save_zarr(tmp_path / f"part-{number}.zarr", rows[10 * number :][:10])
    source = open_source(tmp_path)
    np.testing.assert_array_equal(source.matrix(), rows)
    assert len(source.shards) == 3
