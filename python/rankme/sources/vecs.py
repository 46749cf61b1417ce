"""The files of the nearest-neighbour benchmarks: ``.fbin`` and its like, ``.fvecs``, ``.bvecs``.

``.fbin``, ``.f16bin``, ``.i8bin`` and ``.u8bin`` (big-ann-benchmarks): two little-endian uint32, N
and K, then N x K float32, float16, int8 or uint8. ``.fvecs`` and ``.bvecs`` (TEXMEX): each row is
an int32, K, and then K float32 or uint8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import check_dtype, check_shape
from rankme.sources._errors import BadDataError
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._source import Identity, RowSource
from rankme.sources._text import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._grouped import Rows

__all__ = ["DTYPES", "VecsSource", "open_bin", "open_by_suffix", "open_vecs"]

BINS = {".fbin": "<f4", ".f16bin": "<f2", ".i8bin": "i1", ".u8bin": "u1"}
VECS = {".fvecs": "<f4", ".bvecs": "u1"}
# Of the entries, by the suffix, which is all that tells such files.
DTYPES = {**BINS, **VECS}
LENGTH_BYTES = 4


def open_by_suffix(file: DataFile, reading: Reading = PLAIN) -> RowSource:
    """Open a file with one of the suffixes of `DTYPES`."""
    suffix = path_of(file.name).suffix.lower()
    return (open_bin if suffix in BINS else open_vecs)(file, np.dtype(DTYPES[suffix]), reading)


def open_bin(file: DataFile, dtype: np.dtype[Any], reading: Reading = PLAIN) -> RawSource:
    """Open a file of N, K and the entries."""
    check_dtype(file.name, dtype, reading)
    shape = _integers(file, 2)
    if 0 in shape:  # all that it has is a header, or it is damaged
        RawSource(file, 0, 0, dtype, offset=8).check_inside(exact=True)
    n_rows, n_cols = check_shape(file.name, shape)
    source = RawSource(file, n_rows, n_cols, dtype, offset=8)
    source.check_inside(exact=True)
    return source


def open_vecs(file: DataFile, dtype: np.dtype[Any], reading: Reading = PLAIN) -> VecsSource:
    """Open a file of rows with their lengths."""
    check_dtype(file.name, dtype, reading)
    (n_cols,) = _integers(file, 1)
    record = LENGTH_BYTES + n_cols * dtype.itemsize
    if file.size % record:
        raise BadDataError(
            file.name,
            f"truncated or ragged: {file.size} bytes are no multiple of the {record} bytes of a "
            f"row of {n_cols}, the length of the first",
        )
    check_shape(file.name, (file.size // record, n_cols))
    entries = record // dtype.itemsize
    return VecsSource(RawSource(file, file.size // record, entries, dtype, offset=0), n_cols)


def _integers(file: DataFile, count: int) -> tuple[int, ...]:
    """Return the first integers of a file."""
    with file.open() as handle:
        head = handle.read(4 * count)
    if len(head) < 4 * count:
        raise BadDataError(file.name, f"truncated: {len(head)} bytes; wanted a header")
    return tuple(int(number) for number in np.frombuffer(head, "<u4"))


@dataclass(frozen=True)
class VecsSource(RowSource):
    """Rows that each begin with their own length.

    Parameters
    ----------
    records
        The file as a matrix whose first columns are the bytes of the length.
    n_cols
        Length of the first row, which all must have.
    """

    records: RawSource
    n_cols: int

    @property
    def name(self) -> str:  # type: ignore[override]
        """Path or URL, as it is shown."""
        return self.records.name

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """Of the file."""
        return self.records.identity

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Number of rows."""
        return self.records.n_rows

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """float32, or uint8."""
        return self.records.dtype

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on as strided blocks of up to 16 MiB."""
        rows = range(start, self.n_rows)
        return self._without_lengths(rows, self.records.blocks(start, hold=hold))

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield chosen rows; little more than these is read."""
        return self._without_lengths(rows, self.records.take(rows, hold=hold))

    def check_unchanged(self) -> None:
        """Ask the file."""
        self.records.check_unchanged()

    def _without_lengths(
        self, rows: Rows, blocks: Iterator[NDArray[Any]]
    ) -> Iterator[NDArray[Any]]:
        """Yield blocks without their first columns, which are checked."""
        head = LENGTH_BYTES // self.dtype.itemsize
        first = 0
        for block in blocks:
            lengths = np.ascontiguousarray(block[:, :head]).view("<i4")[:, 0]
            if (wrong := np.flatnonzero(lengths != self.n_cols)).size:
                row = int(wrong[0])
                raise BadDataError(
                    self.name,
                    f"row {rows[first + row]} has length {lengths[row]}; wanted {self.n_cols}",
                )
            yield block[:, head:]
            first += len(block)
