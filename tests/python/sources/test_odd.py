"""Files that are odd and whole, and files that are damaged."""

import os
import random

import h5py
import numpy as np
import pytest

import rankme
from rankme.distributed._ranges import ranges_of
from rankme.sources import BadDataError, open_source
from source_files import FORMATS, matrix, write

ROWS = matrix(30, 4)


def flat(kind, rows=ROWS):
    import pyarrow as pa

    if kind == "lists":
        return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    types = {
        "id": pa.binary(8),
        "binary": pa.binary(),
        "bytes": pa.list_(pa.int8()),
        "tokens": pa.list_(pa.list_(pa.float32())),
        "tags": pa.list_(pa.string()),
    }
    entry = {"id": b"12345678", "binary": b"123", "bytes": [1, 2], "tokens": [[1.0]], "tags": ["x"]}
    return pa.array([entry[kind]] * len(rows), types[kind])


def save(path, arrays, names):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_arrays(arrays, names), path)
    return path


@pytest.mark.parametrize("kind", ["bytes", "tokens"])
def test_an_id_beside_other_vectors_is_not_taken_for_them(tmp_path, kind):
    path = save(tmp_path / "rows.parquet", [flat("id"), flat(kind)], ["id", "emb"])
    with pytest.raises(BadDataError, match="holds 2 that may be meant: 'id', 'emb'"):
        open_source(path)
    with pytest.raises(BadDataError, match="column 'emb' is of type"):
        open_source(path, column="emb")


def test_binary_beside_lists_of_text_is_found(tmp_path):
    path = save(tmp_path / "rows.parquet", [flat("id"), flat("tags")], ["emb", "tags"])
    assert open_source(path, dtype="int8").n_cols == 8


def test_a_column_is_not_mixed_up_with_a_field_of_that_name(tmp_path):
    import pyarrow as pa

    struct = pa.StructArray.from_arrays([pa.array(np.zeros(30, np.float32))], ["norm"])
    path = save(tmp_path / "rows.parquet", [struct, flat("lists")], ["emb", "emb.norm"])
    np.testing.assert_array_equal(open_source(path).matrix(), ROWS)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_two_columns_of_one_name_are_refused(tmp_path, suffix):
    import pyarrow as pa

    path = tmp_path / f"rows.{suffix}"
    arrays, names = [flat("lists"), flat("lists")], ["emb", "emb"]
    if suffix == "parquet":
        save(path, arrays, names)
    else:
        table = pa.Table.from_arrays(arrays, names)
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(BadDataError, match="has 2 columns of the name 'emb'"):
        open_source(path)


@pytest.mark.parametrize("options", [{}, {"compression": "lz4"}, {"compression": "zstd"}])
def test_a_file_of_polars_is_read(tmp_path, options):
    polars = pytest.importorskip("polars")
    column = polars.Series(ROWS, dtype=polars.Array(polars.Float32, 4))
    polars.DataFrame({"emb": column}).write_ipc(tmp_path / "rows.arrow", **options)
    np.testing.assert_array_equal(open_source(tmp_path / "rows.arrow").matrix(), ROWS)


def test_parquet_that_ends_in_an_empty_row_group_is_cut_into_tasks(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_arrays([flat("lists")], ["emb"])
    with pq.ParquetWriter(tmp_path / "rows.parquet", table.schema) as writer:
        for part in (table.slice(0, 0), table, table.slice(0, 0), table, table.slice(0, 0)):
            writer.write_table(part)
    for most in (1, 30, 59, 60, 100):
        parts = ranges_of(tmp_path / "rows.parquet", None, most)
        assert all(part.start < part.stop for part in parts)
        assert sum(part.stop - part.start for part in parts) == 60


def test_parquet_files_that_are_open_keep_no_footers(tmp_path):
    write(tmp_path, "parquet", ROWS)
    assert "FileMetaData" not in repr(vars(open_source(tmp_path / "rows.parquet")))


def test_hdf5_numbers_of_a_type_that_numpy_does_not_have_are_converted(tmp_path):
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)  # bfloat16
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        item = h5py.h5d.create(file.id, b"emb", kind, h5py.h5s.create_simple(ROWS.shape))
        item.write(h5py.h5s.ALL, h5py.h5s.ALL, ROWS.copy())
        file["ids"] = np.arange(5000)
    with h5py.File(tmp_path / "rows.h5") as file:
        expected = file["emb"][:]
    np.testing.assert_array_equal(open_source(tmp_path / "rows.h5").matrix(), expected)


def test_links_to_an_hdf5_dataset_are_the_dataset(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["group/emb"] = ROWS
        file["other"] = ROWS + 1
        file["hard"] = file["group/emb"]
        file["soft"] = h5py.SoftLink("/group/emb")
        file["gone"] = h5py.SoftLink("/nothing")
    sources = [
        open_source(tmp_path / "rows.h5", column=name) for name in ("hard", "soft", "/group/emb")
    ]
    assert len({source.identity for source in sources}) == 1
    np.testing.assert_array_equal(sources[0].matrix(), ROWS)
    with pytest.raises(BadDataError, match="has no dataset 'gone'"):
        open_source(tmp_path / "rows.h5", column="gone")


def test_an_hdf5_dataset_of_a_foreign_type_is_passed_over(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["emb"] = ROWS
        h5py.h5d.create(file.id, b"when", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((3,)))
    np.testing.assert_array_equal(open_source(tmp_path / "rows.h5").matrix(), ROWS)


def test_a_zarr_chunk_that_is_replaced_by_an_older_file_is_noticed(tmp_path):
    path = write(tmp_path, "zarr-3", ROWS)
    source = open_source(path)
    chunk = next(file for file in sorted(path.rglob("*")) if file.is_file() and "c" in file.parts)
    chunk.write_bytes(bytes(reversed(chunk.read_bytes())))
    os.utime(chunk, (1e9, 1e9))
    with pytest.raises(BadDataError, match="changed since it was opened"):
        list(source.blocks())


@pytest.mark.parametrize("names", [{1: 0, "1": 1}, {"a.b": 0, "a": {"b": 1}}], ids=["key", "dots"])
def test_tensors_of_one_name_are_refused(tmp_path, names):
    torch = pytest.importorskip("torch")

    def filled(value):
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        return torch.full((4, 2), float(value))

    torch.save(filled(names), tmp_path / "rows.pt")
    with pytest.raises(BadDataError, match="holds 2 tensors of the name"):
        open_source(tmp_path / "rows.pt")


def test_a_tensor_without_entries_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"emb": torch.empty(4, 2, device="meta")}, tmp_path / "rows.pt")
    with pytest.raises(BadDataError, match="a tensor without entries, of the device meta"):
        open_source(tmp_path / "rows.pt")


def test_arrays_of_one_name_in_an_archive_are_refused(tmp_path):
    import zipfile

    np.save(tmp_path / "rows.npy", ROWS)
    with zipfile.ZipFile(tmp_path / "rows.npz", "w") as archive:
        archive.write(tmp_path / "rows.npy", "rows.npy")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.write(tmp_path / "rows.npy", "rows.npy")
    with pytest.raises(BadDataError, match=r"holds rows\.npy twice"):
        open_source(tmp_path / "rows.npz")


def test_a_safetensors_header_may_begin_as_a_zip_archive(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "rows.bin"
    save_file({"emb": ROWS}, path, metadata={"pad": ""})
    pad = 0x4B50 - int.from_bytes(path.read_bytes()[:8], "little")
    save_file({"emb": ROWS}, path, metadata={"pad": "x" * pad})
    assert path.read_bytes()[:2] == b"PK"
    np.testing.assert_array_equal(open_source(path).matrix(), ROWS)


def test_a_saved_state_is_told_where_it_belongs(tmp_path):
    acc = rankme.Accumulator(4)
    acc.update(ROWS)
    acc.save(tmp_path / "run.rankme")
    with pytest.raises(BadDataError, match="a saved state; `rankme merge` gives"):
        open_source(tmp_path / "run.rankme")


@pytest.mark.parametrize("name", [name for name in FORMATS if "zarr" not in name])
def test_damage_is_an_error_that_names_the_file(tmp_path, name):
    path = write(tmp_path, name, ROWS)
    if path.is_dir():
        path = next(path.glob("data/*.lance" if name == "lance" else "*.arrow"))
    whole = path.read_bytes()
    chance = random.Random(name)  # noqa: S311
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            # Headers and footers are where a reader goes wrong.
            place = chance.choice([chance.randrange(300), -1 - chance.randrange(300), 0])
            damaged[place % len(damaged)] = chance.randrange(256)
        path.write_bytes(damaged[: chance.choice([len(whole), chance.randrange(len(whole))])])
        try:
            source = open_source(path)
            if source.n_rows * source.n_cols < 1e6:
                for _ in source.blocks():
                    pass
        except BadDataError as error:
            assert error.name.startswith(str(path))  # noqa: PT017 - some damage is no error
        except MemoryError:
            pass  # a length that was damaged
