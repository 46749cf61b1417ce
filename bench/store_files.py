"""Writers and readers of files for `stores.py`: the rows of an array, each by its own library."""
# ruff: noqa: INP001, PLC0415

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MIB = 2**20
DECIMALS = 6  # of text


def as_half(z: NDArray[Any]) -> NDArray[Any]:
    """Round to float16."""
    return z.astype(np.float16)


def as_text(z: NDArray[Any]) -> NDArray[Any]:
    """Round to some decimals."""
    return np.round(z.astype(np.float64), DECIMALS)


def table_of(z: NDArray[Any]) -> Any:
    """Return an Arrow table of one column of fixed-size lists."""
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), z.shape[1])
    return pa.table({"embedding": column})


def write_npz(place: str, z: NDArray[Any]) -> None:
    """Write a NumPy archive."""
    np.savez(place, rows=z)


def read_npz(place: str) -> Any:
    """Read a NumPy archive."""
    with np.load(place) as archive:
        return archive["rows"]


def write_bin(place: str, z: NDArray[Any]) -> None:
    """Write a file of big-ann-benchmarks."""
    with Path(place).open("wb") as file:
        np.array(z.shape, "<u4").tofile(file)
        z.tofile(file)


def write_f16bin(place: str, z: NDArray[Any]) -> None:
    """Write one of halves."""
    write_bin(place, as_half(z))


def write_fvecs(place: str, z: NDArray[Any]) -> None:
    """Write a file of TEXMEX."""
    lengths = np.full((len(z), 1), z.shape[1], "<i4").view("<f4")
    np.hstack([lengths, z]).tofile(place)


def read_fvecs(place: str) -> Any:
    """Read a file of TEXMEX."""
    flat = np.fromfile(place, "<f4")
    return np.ascontiguousarray(flat.reshape(-1, 1 + int(flat[:1].view("<i4")[0]))[:, 1:])


def as_bytes(z: NDArray[Any]) -> NDArray[Any]:
    """Quantise to uint8."""
    return (np.clip(np.rint(z * 40), -128, 127) + 128).astype(np.uint8)


def write_u8bin(place: str, z: NDArray[Any]) -> None:
    """Write a big-ann-benchmarks file of bytes."""
    with Path(place).open("wb") as file:
        np.array(z.shape, "<u4").tofile(file)
        as_bytes(z).tofile(file)


def read_u8bin(place: str) -> Any:
    """Read such a file."""
    return np.fromfile(place, np.uint8, offset=8)


def write_bvecs(place: str, z: NDArray[Any]) -> None:
    """Write a TEXMEX file of bytes."""
    lengths = np.full((len(z), 1), z.shape[1], "<i4").view(np.uint8)
    np.hstack([lengths, as_bytes(z)]).tofile(place)


def read_bvecs(place: str) -> Any:
    """Read such a file."""
    flat = np.fromfile(place, np.uint8)
    return np.ascontiguousarray(flat.reshape(-1, 4 + int(flat[:4].view("<i4")[0]))[:, 4:])


def faiss_writer(factory: str) -> Callable[[str, NDArray[Any]], None]:
    """Return what writes an index of FAISS, by the name of its kind."""

    def write(place: str, z: NDArray[Any]) -> None:
        import faiss

        index = faiss.index_factory(z.shape[1], factory)
        index.train(z[:2000])
        index.add(z)
        faiss.write_index(index, place)

    return write


def read_faiss(place: str) -> Any:
    """Read the vectors that an index gives back."""
    import faiss

    index = faiss.read_index(place)
    if hasattr(index, "make_direct_map"):
        index.make_direct_map()
    return index.reconstruct_n(0, index.ntotal)


def write_lance(place: str, z: NDArray[Any]) -> None:
    """Write a dataset of Lance."""
    import lance

    lance.write_dataset(table_of(z), place)


def read_lance(place: str) -> Any:
    """Read a dataset of Lance."""
    import lance

    return lance.dataset(place).to_table()


def write_safetensors(place: str, z: NDArray[Any]) -> None:
    """Write a safetensors file."""
    from safetensors.numpy import save_file

    save_file({"rows": z}, place)


def read_safetensors(place: str) -> Any:
    """Read a safetensors file."""
    from safetensors.numpy import load_file

    return load_file(place)["rows"]


def write_pt(place: str, z: NDArray[Any]) -> None:
    """Write a tensor of PyTorch."""
    import torch

    torch.save(torch.from_numpy(z), place)


def read_pt(place: str) -> Any:
    """Read a tensor of PyTorch."""
    import torch

    return torch.load(place, weights_only=True)


def write_arrow(place: str, z: NDArray[Any]) -> None:
    """Write an Arrow IPC file, or a stream, in batches of 10,000 rows."""
    import pyarrow as pa

    table = table_of(z)
    new = pa.ipc.new_stream if place.endswith("arrows") else pa.ipc.new_file
    with pa.OSFile(place, "wb") as file, new(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=10_000)


def read_arrow(place: str) -> Any:
    """Read an Arrow IPC file or stream."""
    import pyarrow as pa

    opened = pa.ipc.open_stream if place.endswith("arrows") else pa.ipc.open_file
    with pa.OSFile(place) as file:
        return opened(file).read_all()


def write_parquet(place: str, z: NDArray[Any]) -> None:
    """Write a Parquet file in groups of 20,000 rows."""
    import pyarrow.parquet as pq

    pq.write_table(table_of(z), place, row_group_size=20_000)


def read_parquet(place: str) -> Any:
    """Read a Parquet file."""
    import pyarrow.parquet as pq

    return pq.read_table(place)


def write_hdf5(place: str, z: NDArray[Any]) -> None:
    """Write an HDF5 file in chunks of a MiB."""
    import h5py

    with h5py.File(place, "w") as file:
        chunk = (min(len(z), max(1, MIB // z[0].nbytes)), z.shape[1])
        file.create_dataset("rows", data=z, chunks=chunk)


def read_hdf5(place: str) -> Any:
    """Read an HDF5 file."""
    import h5py

    with h5py.File(place) as file:
        return file["rows"][:]


def write_zarr(place: str, z: NDArray[Any]) -> None:
    """Write a Zarr store in chunks of 2,000 rows."""
    import zarr

    # Known to zarr 2 as well.
    array = zarr.open_array(
        place, mode="w", shape=z.shape, chunks=(2000, z.shape[1]), dtype=z.dtype
    )
    array[:] = z


def read_zarr(place: str) -> Any:
    """Read a Zarr store."""
    import zarr

    return zarr.open_array(place, mode="r")[:]


def write_jsonl(place: str, z: NDArray[Any]) -> None:
    """Write JSON lines, perhaps compressed."""
    import polars as pl

    plain = place.removesuffix(".gz")
    pl.DataFrame(
        {"embedding": pl.Series(as_text(z), dtype=pl.Array(pl.Float64, z.shape[1]))}
    ).select(pl.col("embedding").arr.to_list()).write_ndjson(plain)
    if plain != place:
        with Path(plain).open("rb") as source, gzip.open(place, "wb", compresslevel=1) as target:
            shutil.copyfileobj(source, target, MIB)
        Path(plain).unlink()


def read_jsonl(place: str) -> Any:
    """Read JSON lines."""
    import pyarrow.json

    return pyarrow.json.read_json(place)


def write_csv(place: str, z: NDArray[Any]) -> None:
    """Write CSV with a column for each dimension."""
    import pyarrow as pa
    import pyarrow.csv

    columns = {f"x_{i}": column for i, column in enumerate(as_text(z).T)}
    pyarrow.csv.write_csv(pa.table(columns), place)


def read_csv(place: str) -> Any:
    """Read CSV."""
    import pyarrow.csv

    return pyarrow.csv.read_csv(place)


def write_dataset(place: str, z: NDArray[Any]) -> None:
    """Save a dataset of Hugging Face."""
    import datasets

    datasets.disable_progress_bars()
    datasets.Dataset(datasets.table.InMemoryTable(table_of(z))).save_to_disk(place)


def read_dataset(place: str) -> Any:
    """Load a dataset of Hugging Face."""
    import datasets

    return datasets.load_from_disk(place).with_format("arrow")[:]


def write_delta(place: str, z: NDArray[Any]) -> None:
    """Write a Delta table."""
    import deltalake

    deltalake.write_deltalake(place, table_of(z))


def read_delta(place: str) -> Any:
    """Read a Delta table."""
    import deltalake

    return deltalake.DeltaTable(place).to_pyarrow_table()
