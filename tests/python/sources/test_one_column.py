"""A set of several files has its vectors in one column, and each dimension in one place."""

import json

import numpy as np
import pytest

import rankme
from rankme.sources import BadDataError, subset

Z = np.random.default_rng(7).standard_normal((40, 5)).astype("f4")
NAMES = [f"x_{i}" for i in range(5)]


def npz(path, name, rows):
    np.savez(path.with_suffix(".npz"), **{name: rows, "ids": np.arange(len(rows))})


def jsonl(path, name, rows):
    lines = [json.dumps({name: row}) for row in rows.astype(float).tolist()]
    path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")


def parquet(path, name, rows):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(
        pa.table({name: pa.array(rows.tolist(), pa.list_(pa.float32()))}),
        path.with_suffix(".parquet"),
    )


def safetensors(path, name, rows):
    pytest.importorskip("safetensors.numpy").save_file(
        {name: rows, "bias": rows[0]}, path.with_suffix(".safetensors")
    )


def hdf5(path, name, rows):
    with pytest.importorskip("h5py").File(path.with_suffix(".h5"), "w") as file:
        file[name], file["bias"] = rows, rows[0]


@pytest.mark.parametrize("write", [npz, jsonl, parquet, safetensors, hdf5])
def test_columns_of_several_names_are_no_set_by_themselves(tmp_path, write):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "part-0", "clip", Z[:25])
    write(folder / "part-1", "dino", Z[25:])
    files = sorted(map(str, folder.iterdir()))
    for path in (folder, str(folder / "part-*")):
        with pytest.raises(BadDataError, match=r"different sets: 'clip' in .*part-0.*'dino' in"):
            rankme.open_source(path)
    assert rankme.open_source(files).n_rows == len(Z)  # each is named
    write(folder / "part-1", "clip", Z[25:])
    assert rankme.score(folder) == pytest.approx(rankme.score(Z), rel=1e-12)


def csv(path, names, rows):
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows.astype(float).tolist())]
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")


def columns(path, names, rows):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table(dict(zip(names, rows.T.copy(), strict=True)))
    pq.write_table(table, path.with_suffix(".parquet"))


@pytest.mark.parametrize("write", [csv, columns])
def test_dimensions_are_put_together_by_their_names(tmp_path, write):
    pytest.importorskip("pyarrow")
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "part-0", NAMES, Z[:25])
    write(folder / "part-1", NAMES[::-1], Z[25:, ::-1])
    files = sorted(map(str, folder.iterdir()))
    if write is csv:  # without a pattern each file has the order of its own
        for path in (folder, files):
            with pytest.raises(BadDataError, match=r"part-1.csv: has column 'x_4' for dimension 0"):
                rankme.open_source(path)
    found = rankme.open_source(folder, column="x_*")
    assert {one.dimensions for one in (*found.shards, *subset(found, 7).shards)} == {tuple(NAMES)}
    np.testing.assert_array_equal(np.vstack(list(found.blocks())).astype("f4"), Z)
    write(folder / "part-1", [f"x_{i + 1}" for i in range(5)], Z[25:])
    for path in (folder, files):
        with pytest.raises(BadDataError, match=r"has column 'x_1' for dimension 0, where .*part-0"):
            rankme.open_source(path, column="x_*")
