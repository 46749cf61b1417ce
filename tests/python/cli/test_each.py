"""``rankme score --each`` and ``rankme.sources.open_each``: everything that a path holds."""

import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

import rankme
from command import run
from rankme.sources import BadDataError, open_each
from source_files import arrow_table, matrix
from zarr_files import add_array, new_group

A, B = matrix(30, 3), matrix(40, 2, seed=2)
BIAS = np.ones(5, np.float32)
NAMED = {"a": A, "b10": B, "b9": 2 * B, "c": BIAS}


def save_hdf5(path):
    with h5py.File(path, "w") as file:
        for name, rows in NAMED.items():
            file[name] = rows


def save_zarr(path):
    group = new_group(path)
    for name, rows in NAMED.items():
        add_array(group, name, rows)


WRITERS = {
    ".safetensors": lambda path: save_file(NAMED, path),
    ".npz": lambda path: np.savez(path, **NAMED),
    ".pt": lambda path: torch.save({k: torch.from_numpy(v) for k, v in NAMED.items()}, path),
    ".h5": save_hdf5,
    ".zarr": save_zarr,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_matrix_of_a_container(tmp_path, suffix):
    path = tmp_path / f"all{suffix}"
    WRITERS[suffix](path)
    found = open_each(path)
    assert [*found] == ["a", "b9", "b10"]
    for name, source in found.items():
        np.testing.assert_array_equal(source.matrix(), NAMED[name])


def test_a_line_for_each_and_a_word_of_what_is_left_out(tmp_path):
    path = tmp_path / "all.safetensors"
    WRITERS[".safetensors"](path)
    done = run("score", "--each", "--json", path)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["column"] for one in told] == ["a", "b9", "b10"]
    for one in told:
        assert one["path"] == str(path)
        assert one["rankme"] == pytest.approx(rankme.score(NAMED[one["column"]]), rel=1e-12)
    assert "left out, as no set of embeddings: c\n" in done.stderr
    assert f"rows in {path}[" in done.stderr.partition("N differs")[2]
    assert f"{path}[b9]\n" in run("score", "--each", path).stdout
    assert "or take each: --each" in run("score", path).stderr


def test_every_column_of_a_table_and_a_file_of_one(tmp_path):
    table = arrow_table(A).append_column("other", arrow_table(2 * A).column("rows"))
    pq.write_table(table, tmp_path / "t.parquet")
    assert [*open_each(tmp_path / "t.parquet")] == ["rows", "other"][::-1]
    struct = pa.table({"v": pa.StructArray.from_arrays([table["rows"].chunk(0)] * 2, ["x", "y"])})
    pq.write_table(struct, tmp_path / "s.parquet")
    assert [*open_each(tmp_path / "s.parquet")] == ["v.x", "v.y"]
    np.save(tmp_path / "one.npy", A)
    assert [*open_each(tmp_path / "one.npy")] == ["one.npy"]


def test_every_sub_folder_by_itself(tmp_path):
    for name, rows in (("layer-10", A), ("layer-9", B)):
        (tmp_path / "run" / name).mkdir(parents=True)
        for number in (0, 1):
            np.save(tmp_path / "run" / name / f"part-{number}.npy", rows[number::2])
    np.save(tmp_path / "run" / "beside.npy", A)
    (tmp_path / "run" / "notes.txt").touch()
    found = open_each(tmp_path / "run")
    assert [*found] == ["layer-9", "layer-10"]
    assert [source.n_rows for source in found.values()] == [40, 30]
    done = run("score", "--each", "--json", tmp_path / "run")
    assert [json.loads(line)["n_rows"] for line in done.stdout.splitlines()] == [40, 30]
    assert "left out, as files beside sub-folders, which are scored: beside.npy" in done.stderr


def test_a_table_of_several_folders_is_one_set(tmp_path):
    import deltalake

    labels = pa.array(["a", "b"] * 15)
    table = arrow_table(A).append_column("kind", labels)
    deltalake.write_deltalake(tmp_path / "t", table, partition_by=["kind"])
    (source,) = open_each(tmp_path / "t").values()
    assert source.n_rows == 30


def test_one_that_cannot_be_read_does_not_stop_the_others(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "run" / name).mkdir(parents=True)
    np.save(tmp_path / "run" / "a" / "rows.npy", A)
    (tmp_path / "run" / "b" / "rows.npy").write_bytes(b"nothing")
    done = run("score", "--each", "--json", tmp_path / "run", tmp_path / "missing")
    assert done.returncode == 1
    first, *others = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["n_rows"] == 30
    assert len(others) == 2
    assert all("error" in one for one in others)


def test_what_is_no_collection(tmp_path):
    with pytest.raises(BadDataError, match="has no sub-folders with files"):
        open_each(tmp_path)
    np.save(tmp_path / "rows.npy", A)
    for words, text in (
        (["--pool"], "and --pool is for one"),
        (["--column", "a"], "and --column is for one"),
        (["--state", tmp_path / "run.rankme"], "and --state is for one"),
    ):
        done = run("score", "--each", tmp_path / "rows.npy", *words)
        assert done.returncode == 2
        assert text in done.stderr
