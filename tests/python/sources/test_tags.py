"""Tags of sources: stored in files, told to `open_source`, checked by compare, kept by states."""

import json

import numpy as np
import pytest

import rankme
from command import run
from rankme.sources import BadDataError, open_source

TAGS = {"model": "vicreg", "step": 1000, "rate": 0.5, "ema": True}
Z = np.random.default_rng(0).standard_normal((320, 8)).astype("f4")


def parquet(path, text):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"rows": list(Z)}).replace_schema_metadata({"rankme": text}), path)


def arrow(path, text):
    import pyarrow as pa

    table = pa.table({"rows": list(Z)}).replace_schema_metadata({"rankme": text})
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


def safetensors(path, text):
    from safetensors.numpy import save_file

    save_file({"rows": Z}, path, metadata={"rankme": text})


def hdf5(path, text, **options):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=Z, **options).attrs["rankme"] = text


def hdf5_in_chunks(path, text):
    hdf5(path, text, chunks=(64, 8))


def hdf5_at_the_root(path, text):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=Z)
        file.attrs["rankme"] = text


def zarr(path, text):
    import zarr as package

    store = package.open_array(path, mode="w", shape=Z.shape, chunks=(64, 8), dtype="f4")
    store[:] = Z
    store.attrs["rankme"] = json.loads(text) if text.startswith("{") else text


WRITERS = [parquet, arrow, safetensors, hdf5, hdf5_in_chunks, hdf5_at_the_root, zarr]


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_a_file_stores_tags(tmp_path, write):
    path = tmp_path / "rows"
    write(path, json.dumps(TAGS))
    assert open_source(path).tags == TAGS
    assert open_source(path, tags={"step": 2000}).tags == {**TAGS, "step": 2000}
    assert open_source([path], tags={"step": 2000}).tags["step"] == 2000
    for text in ("vicreg", '{"step": [1]}', "[1]"):
        write(path, text)
        with pytest.raises(BadDataError, match=r"rows: its metadata have .* under 'rankme'; want"):
            open_source(path)


def test_a_folder_has_the_tags_that_its_files_have_alike(tmp_path):
    for step in (1, 2):
        safetensors(tmp_path / f"{step}.safetensors", json.dumps({"model": "m", "step": step}))
    found = open_source(tmp_path)
    assert found.tags == {"model": "m"}
    assert found.tagged({"step": 3}).tags == {"model": "m", "step": 3}
    assert found.tagged({"step": 3}) == found  # the same rows


def test_what_cannot_be_tags():
    with pytest.raises(TypeError, match="tags must be a mapping"):
        open_source("tests/data/minilm_docstrings_2000x384_f16.npy", tags="step")


def test_compare_reads_and_checks_the_tags_of_files(tmp_path):
    layers = {"a": "head", "b": "head", "c": "backbone"}
    for name, layer in layers.items():
        (tmp_path / name).mkdir()
        parquet(tmp_path / name / "z.parquet", json.dumps({"layer": layer, "step": 1}))
    paths = {name: tmp_path / name / "z.parquet" for name in layers}
    with pytest.raises(ValueError, match="run 'b' has layer 'head' and run 'c' has layer 'back"):
        rankme.compare(paths)
    assert rankme.compare(paths, tags={"c": {"layer": "head"}}).best == "a"
    mixed = open_source([paths["a"], paths["c"]])  # of two layers in itself
    with pytest.raises(ValueError, match="run 'mixed' has layer 'head' and run 'mixed' has layer"):
        rankme.compare({"mixed": mixed, "b": Z})
    assert rankme.compare({"mixed": mixed, "b": Z}, allow="layer").rows == 320
    result = run("compare", str(paths["a"]), str(paths["b"]), "--json")
    assert [one["tags"] for one in json.loads(result.stdout)["runs"]] == [
        {"layer": "head", "step": 1}
    ] * 2
    assert run("compare", str(paths["a"]), str(paths["c"])).returncode == 1


def test_a_saved_run_keeps_the_tags_of_its_files(tmp_path):
    safetensors(tmp_path / "z.safetensors", json.dumps(TAGS))
    state = tmp_path / "z.rankme"
    run("score", str(tmp_path / "z.safetensors"), "--state", str(state))
    assert rankme.Accumulator.load(state).tags == TAGS
