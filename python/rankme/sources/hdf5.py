"""Datasets in HDF5 files: contiguous ones as raw bytes, chunked and compressed ones by h5py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rankme._base.optional import require
from rankme.sources._buffers import Ring
from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import check_dtype, check_shape, is_matrix, pick
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._file_source import FileSource
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._source import BLOCK_BYTES, check_start
from rankme.sources._stored_tags import KEY, stored_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._source import RowSource

__all__ = ["ChunkedSource", "open_hdf5"]

MAX_CHUNK_BYTES = 4 * BLOCK_BYTES


def open_hdf5(file: DataFile, reading: Reading = PLAIN) -> RowSource:
    """Open one dataset of a file.

    Parameters
    ----------
    file
        An HDF5 file.
    reading
        With the path of the dataset inside, needed where several are 2-D and floating.
    """
    h5py = _h5py(file)
    with file.open() as handle, _opened(h5py, file, handle) as root:
        datasets: dict[str, Any] = {}
        root.visititems(
            lambda key, item: datasets.update({key: item}) if hasattr(item, "chunks") else None
        )
        found = {key: _is_matrix(item, reading) for key, item in datasets.items()}
        column = reading.column
        if column is not None:
            column = _path_of(root, column.strip("/"), datasets)
        key = pick(file.name, column, found, "dataset")
        item, label = datasets[key], f"{file.name}[{key}]"
        check_dtype(label, item.dtype, reading)
        n_rows, n_cols = check_shape(label, item.shape or ())
        _require_written(label, item)
        member = key if len(datasets) > 1 else None
        tags = stored_tags(file.name, item.attrs.get(KEY, root.attrs.get(KEY)))
        offset = item.id.get_offset()
        # A type that NumPy does not have, such as bfloat16, is converted by HDF5.
        if offset is not None and item.id.get_type().equal(h5py.h5t.py_create(item.dtype)):
            source = RawSource(file, n_rows, n_cols, item.dtype, offset, column=member)
            source.check_inside()
            return source.tagged(tags)
        step = _rows_at_a_time(item)
        return ChunkedSource(file, n_rows, n_cols, item.dtype, key, step, member).tagged(tags)


def _is_matrix(item: Any, reading: Reading) -> bool:
    """Whether a dataset may be the embeddings."""
    try:
        return is_matrix(item.shape or (), reading.kind_of(item.dtype))
    except TypeError:  # a type without an equal in NumPy
        return False


def _path_of(root: Any, path: str, datasets: dict[str, Any]) -> str:
    """Return the one path of a dataset that may be named by a link."""
    if path in datasets:
        return path
    item = root.get(path)
    return next((key for key, other in datasets.items() if other == item), path)


def _h5py(file: DataFile) -> Any:
    """Import h5py for a file."""
    return require("h5py", extra="hdf5", what=f"{file.name}: HDF5")


def _opened(h5py: Any, file: DataFile, handle: Any) -> Any:
    """Open a file by h5py."""
    with parsing(file.name):
        return h5py.File(handle if file.local is None else file.local, "r")


def _require_written(label: str, item: Any) -> None:
    """Refuse what HDF5 would take for its fill value, and what may change outside the file."""
    if item.is_virtual or item.external is not None:
        raise BadDataError(
            label, "its rows lie in other files; wanted these, or a dataset that holds its rows"
        )
    if item.chunks is None:
        wanted, found = 1, int(item.id.get_storage_size() > 0)
    else:
        wanted = math.prod(-(-n // size) for n, size in zip(item.shape, item.chunks, strict=True))
        found = item.id.get_num_chunks()
    if found < wanted:
        raise BadDataError(
            label,
            f"{found} of its {wanted} chunks were written; HDF5 would fill the rest with one value",
        )


def _rows_at_a_time(item: Any) -> int:
    """Return the rows of a block: whole chunks where memory allows it."""
    # Whole chunks, lest they are decompressed several times; but memory comes first.
    row_bytes = int(item.shape[1] * item.dtype.itemsize)
    rows = int(item.chunks[0]) if item.chunks else 1
    if rows * row_bytes > MAX_CHUNK_BYTES:
        return max(1, BLOCK_BYTES // row_bytes)
    return max(rows, BLOCK_BYTES // row_bytes // rows * rows)


@dataclass(frozen=True)
class ChunkedSource(FileSource):
    """A dataset that h5py has to read: chunked, compressed, or spread over several files.

    A block takes whole chunks: about 16 MiB, or the rows of one chunk if that is more, up to 64
    MiB.
    """

    file: DataFile
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    key: str
    step: int
    column: str | None

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on, whole chunks at a time."""
        check_start(start, self.n_rows)
        return self._blocks(start, hold)

    def _blocks(self, start: int, hold: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from one on."""
        ring = Ring(min(self.step, self.n_rows) * self.n_cols, self.dtype, hold)
        with self.file.open() as handle, _opened(_h5py(self.file), self.file, handle) as root:
            item = root[self.key]
            first = start
            while first < self.n_rows:
                # The first block may end a chunk that begins before it.
                last = min((first // self.step + 1) * self.step, self.n_rows)
                rows = ring.next()[: (last - first) * self.n_cols].reshape(-1, self.n_cols)
                self._read(item, rows, first, last)
                yield rows
                first = last
            self.file.check_unchanged(handle)

    def _read(self, item: Any, rows: NDArray[Any], first: int, last: int) -> None:
        """Read some rows of a dataset into an array."""
        with parsing(self.name, f"rows {first} to {last - 1} cannot"):
            item.read_direct(rows, source_sel=slice(first, last))
