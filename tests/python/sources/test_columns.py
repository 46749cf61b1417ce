"""Which column, tensor or dataset is meant, and what is said where a library is missing."""

import subprocess
import sys

import numpy as np
import pytest

import rankme
from command import environment, error_line, run
from rankme.sources import BadDataError, MissingLibraryError, open_source
from source_files import FORMATS, arrow_table, matrix, write
from zarr_files import add_array, new_group


def two_npz(path, one, two):
    np.savez(path, one=one, two=two)


def two_safetensors(path, one, two):
    from safetensors.numpy import save_file

    save_file({"one": one, "two": two}, path)


def two_tensors(path, one, two):
    import torch

    torch.save({"one": torch.from_numpy(one), "two": torch.from_numpy(two)}, path)


def two_tables(one, two):
    return arrow_table(one, "list", "one").append_column("two", arrow_table(two)["rows"])


def two_parquet(path, one, two):
    import pyarrow.parquet as pq

    pq.write_table(two_tables(one, two), path)


def two_arrow(path, one, two):
    from pyarrow import feather

    feather.write_feather(two_tables(one, two), str(path), compression="uncompressed")


def two_hdf5(path, one, two):
    import h5py

    with h5py.File(path, "w") as file:
        file["one"], file["two"] = one, two


def two_zarr(path, one, two):
    group = new_group(path)
    add_array(group, "one", one)
    add_array(group, "two", two)


CONTAINERS = {
    ".npz": (two_npz, "array"),
    ".safetensors": (two_safetensors, "tensor"),
    ".pt": (two_tensors, "tensor"),
    ".parquet": (two_parquet, "column"),
    ".feather": (two_arrow, "column"),
    ".h5": (two_hdf5, "dataset"),
    ".zarr": (two_zarr, "array"),
}


@pytest.fixture(params=CONTAINERS)
def container(request, tmp_path):
    """A file of two matrices, and what its things are called."""
    path = tmp_path / f"two{request.param}"
    save, noun = CONTAINERS[request.param]
    one, two = matrix(12, 3, seed=1), matrix(12, 3, seed=2)
    save(path, one, two)
    return path, noun, one, two


def test_a_name_picks_one(container):
    path, _, one, two = container
    for name, rows in (("one", one), ("two", two)):
        source = open_source(path, column=name)
        assert source.identity.column == name
        np.testing.assert_array_equal(source.matrix(), rows)


def test_without_a_name_both_are_listed(container):
    path, _, _, _ = container
    with pytest.raises(BadDataError, match=r"holds 2 that may be meant: 'one', 'two'; name one"):
        open_source(path)
    with pytest.raises(BadDataError, match="holds 2 that may be meant"):
        rankme.score(path)


def test_a_wrong_name_is_an_error_that_lists_the_right_ones(container):
    path, noun, _, _ = container
    with pytest.raises(BadDataError, match=rf"has no {noun} 'three'; it has 'one', 'two'"):
        open_source(path, column="three")


@pytest.mark.parametrize(("option", "suffix"), [("--column", ".parquet"), ("--key", ".pt")])
def test_the_command_takes_the_name(tmp_path, option, suffix):
    path, two = tmp_path / f"two{suffix}", matrix(12, 3, seed=2)
    CONTAINERS[suffix][0](path, matrix(12, 3), two)
    result = run("score", "--json", option, "two", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f'"rankme": {rankme.score(two)}'[:20] in result.stdout
    result = run("score", path.name, cwd=path.parent)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith(f"{path.name}: holds 2 that may be meant: 'one', 'two'")


def test_a_table_without_vectors_lists_its_columns(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"c{i}": np.zeros(2) for i in range(14)}
    pq.write_table(pa.table(columns), tmp_path / "flat.parquet")
    with pytest.raises(
        BadDataError, match=r"no column of floating-point vectors; .*'c11' and 2 more"
    ):
        open_source(tmp_path / "flat.parquet")
    with pytest.raises(BadDataError, match=r"column 'c1' is of type double; wanted lists"):
        open_source(tmp_path / "flat.parquet", column="c1")


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
def test_a_table_of_numbers_leads_to_its_score_in_memory(tmp_path, form):
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet as pq

    rows = matrix(30, 3)
    table = pa.table({f"x{i}": rows[:, i] for i in range(3)})
    path = tmp_path / f"flat.{'parquet' if form == 'parquet' else 'arrow'}"
    if form == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if form == "file" else pa.ipc.new_stream
        with new(path, table.schema) as sink:
            sink.write_table(table)
    with pytest.raises(BadDataError, match="in memory more is taken") as caught:
        open_source(path)
    code = str(caught.value).partition("Z = ")[2]
    read, call = code.split("; ")
    z = eval(read, {"pyarrow": pa})  # noqa: S307
    assert eval(call, {"rankme": rankme, "Z": z}) == pytest.approx(rankme.score(rows))  # noqa: S307


@pytest.mark.parametrize("name", ["npy", "fbin", "fvecs"])
def test_a_name_for_what_has_none_is_an_error(tmp_path, name):
    with pytest.raises(BadDataError, match="one matrix without a name, so column cannot be 'x'"):
        open_source(write(tmp_path, name, matrix()), column="x")


# What is hidden, the extra that brings it, and a format that needs it.
LIBRARIES = [
    ("pyarrow", "parquet", "parquet"),
    ("pyarrow", "arrow", "arrow-file"),
    ("pyarrow", "arrow", "huggingface"),
    ("h5py", "hdf5", "hdf5"),
    ("zarr", "zarr", "zarr-2"),
    ("torch", "torch", "pt"),
]

HIDE = """
import sys
sys.modules[sys.argv[1]] = None  # an import of it fails now
import rankme
try:
    rankme.open_source(sys.argv[2])
except rankme.sources.MissingLibraryError as error:
    print(error)
"""


@pytest.mark.parametrize(("library", "extra", "name"), LIBRARIES)
def test_a_missing_library_names_its_extra(tmp_path, library, extra, name):
    path = write(tmp_path, name, matrix())
    result = subprocess.run(
        [sys.executable, "-c", HIDE, library, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert f"needs {library}" in result.stdout
    assert f'pip install "rankme[{extra}]"' in result.stdout
    assert str(path) in result.stdout


def test_bfloat16_without_its_library_names_its_extra(tmp_path, monkeypatch):
    import torch
    from safetensors.torch import save_file

    save_file({"rows": torch.zeros(4, 2).bfloat16()}, tmp_path / "rows.safetensors")
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(MissingLibraryError, match=r'pip install "rankme\[bfloat16\]"'):
        open_source(tmp_path / "rows.safetensors")


def test_a_missing_fsspec_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingLibraryError, match=r"s3://bucket/x\.npy: a URL needs fsspec"):
        open_source("s3://bucket/x.npy")


def test_a_missing_protocol_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingLibraryError, match=r'pip install "rankme\[gcs\]"') as caught:
        open_source("gs://bucket/x.npy")
    assert isinstance(caught.value, ImportError)


def test_the_command_names_the_extra(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['h5py'] = None\n")
    write(tmp_path, "hdf5", matrix())
    result = run("score", "rows.h5", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).endswith('pip install "rankme[hdf5]"')


def test_importing_rankme_imports_no_reader():
    code = "import sys, rankme; print(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert loaded.isdisjoint({"pyarrow", "h5py", "zarr", "torch", "fsspec", "ml_dtypes"})


def test_every_extra_of_a_reader_is_declared():
    from importlib.metadata import metadata

    extras = set(metadata("rankme").get_all("Provides-Extra"))
    assert {extra for _, extra, _ in LIBRARIES} <= extras
    assert {"bfloat16", "remote", "s3", "gcs"} <= extras
    assert {name for _, _, name in LIBRARIES} <= set(FORMATS)


@pytest.mark.parametrize("save", ["parquet", "arrow"])
def test_ids_are_no_embeddings(tmp_path, save):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import feather

    rows = matrix(20, 4)
    ids = pa.array([bytes([i] * 16) for i in range(20)], pa.binary(16))
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), ids)
    path = tmp_path / f"rows.{save}"

    def write(table):
        if save == "parquet":
            pq.write_table(table, path)
        else:
            feather.write_feather(table, str(path), compression="uncompressed")

    write(arrow_table(rows).append_column("hash", ids).append_column("uuid", uuids))
    np.testing.assert_array_equal(open_source(path).matrix(), rows)
    # Whoever names it means it, and has to tell what it holds.
    with pytest.raises(BadDataError, match=r"column 'hash' holds bytes .*; say what they are"):
        open_source(path, column="hash")
    assert open_source(path, column="hash", dtype="uint8").n_cols == 16
    with pytest.raises(BadDataError, match=r"column 'uuid' is of type .*uuid.*; wanted lists"):
        open_source(path, column="uuid")
    write(pa.table({"uuid": uuids}))
    with pytest.raises(BadDataError, match="holds no column of floating-point vectors"):
        open_source(path)
    # Matrices in rows are not flattened.
    kind = pa.fixed_shape_tensor(pa.float32(), (2, 2))
    storage = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 4)
    write(pa.table({"pictures": pa.ExtensionArray.from_storage(kind, storage)}))
    with pytest.raises(BadDataError, match="holds no column of floating-point vectors"):
        open_source(path)


def test_an_encrypted_archive_is_an_error(tmp_path):
    np.savez(tmp_path / "rows.npz", rows=matrix(20, 4))
    data = bytearray((tmp_path / "rows.npz").read_bytes())
    data[6] |= 1  # the flags of the local header, and of the central directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "rows.npz").write_bytes(data)
    with pytest.raises(BadDataError, match=r"rows\.npy in the zip archive is encrypted"):
        open_source(tmp_path / "rows.npz")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt", ".h5", ".zarr"])
def test_quantised_rows_alone_in_a_file_are_told_what_they_may_be(tmp_path, suffix):
    import h5py
    import safetensors.numpy
    import torch

    rows = np.round(matrix(30, 4) * 20).astype(np.int8)
    path = tmp_path / f"rows{suffix}"
    if suffix == ".npz":
        np.savez(path, rows=rows)
    elif suffix == ".safetensors":
        safetensors.numpy.save_file({"rows": rows}, path)
    elif suffix == ".pt":
        torch.save({"rows": torch.from_numpy(rows)}, path)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["rows"] = rows
    else:
        add_array(new_group(path), "rows", rows)
    with pytest.raises(BadDataError, match=r"in Python, Z being its .*: quantised embeddings"):
        open_source(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_float8_in_a_file_leads_to_its_score(tmp_path, suffix):
    import safetensors.torch
    import torch

    z = torch.from_numpy(matrix(30, 4)).to(torch.float8_e4m3fn)
    path = tmp_path / f"rows{suffix}"
    if suffix == ".pt":
        torch.save(z, path)
    else:
        safetensors.torch.save_file({"rows": z}, path)
    with pytest.raises(BadDataError, match=r"its tensor: pass Z\.float\(\), times the scale"):
        open_source(path)
    read = torch.load(path) if suffix == ".pt" else safetensors.torch.load_file(path)["rows"]
    assert rankme.score(read.float()) == rankme.score(z.float())
