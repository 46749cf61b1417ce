"""Matrices that lie in a file entry after entry, whatever the format around them.

Blocks are read into reused buffers instead of being mapped: the resident memory is then that of the
buffers, whatever the order of the file and the fault-around of the kernel, and a file that shrinks
meanwhile is an error to report instead of a SIGBUS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._buffers import Ring
from rankme.sources._bytes.scattered import fill_rows
from rankme.sources._errors import BadDataError
from rankme.sources._file_source import FileSource
from rankme.sources._source import BLOCK_BYTES, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile

__all__ = ["RawSource"]

# A block of a Fortran-order file takes one read a column; reads of less than a page would fetch
# each page several times.
MIN_READ_BYTES = 4096
MAX_FORTRAN_BLOCK_BYTES = 2 * BLOCK_BYTES
# Less than this is read, which no change of the file can disturb.
MIN_MAPPED_BYTES = 256 * 2**20


@dataclass(frozen=True)
class RawSource(FileSource):
    """A matrix in a file, contiguous in C or Fortran order.

    Attributes
    ----------
    file : DataFile
    n_rows, n_cols : int
        Shape (N, K), both at least 1.
    dtype : numpy.dtype
        float16, bfloat16, float32 or float64, in native byte order.
    offset : int
        Where the entries begin, in bytes.
    fortran_order : bool
        Whether the file holds column after column.
    column : str or None
        Which of several matrices of the file this one is.
    """

    file: DataFile
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    offset: int
    fortran_order: bool = False
    column: str | None = None

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.n_cols * self.dtype.itemsize

    @property
    def end(self) -> int:
        """Where the entries end in the file, in bytes."""
        return self.offset + self.n_rows * self.row_bytes

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on, each exactly once.

        Parameters
        ----------
        start, hold
            As in :meth:`RowSource.blocks`.

        Yields
        ------
        numpy.ndarray
            Shape (rows, K), the source's dtype. A C-order file gives C-contiguous blocks of up to
            16 MiB, a Fortran-order one Fortran-contiguous blocks of up to 32 MiB; a single row that
            is longer is a block.

        Raises
        ------
        BadDataError
            The file was changed or replaced since it was opened; checked before the first block
            and after the last.
        ValueError
            ``start`` lies outside the file.
        OSError
            The file cannot be read.
        """
        check_start(start, self.n_rows)
        return self._slices(by_rows=True, start=start, step=self._block_rows(), hold=hold)

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield chosen rows; of a C-order file little more than these is read.

        Parameters
        ----------
        rows, hold
            As in :meth:`RowSource.take`.

        Yields
        ------
        numpy.ndarray
            As :meth:`blocks`.
        """
        return super().take(rows, hold=hold) if self.fortran_order else self._lines(rows, hold)

    def _lines(self, rows: NDArray[np.int64], hold: int) -> Iterator[NDArray[Any]]:
        """Yield rows from where they lie, each in one piece."""
        step = min(self._block_rows(), len(rows))
        ring = Ring(step * self.n_cols, self.dtype, hold)
        with self.file.open(ahead=False) as handle:
            for first in range(0, len(rows), step):
                some = rows[first : first + step]
                block = ring.next()[: len(some) * self.n_cols].reshape(-1, self.n_cols)
                positions = self.offset + some * self.row_bytes
                fill_rows(self.file, handle, positions, block, self.end)
                yield block
            self.file.check_unchanged(handle)

    def panels(self, width: int) -> Iterator[NDArray[Any]]:
        """Yield the columns, ``width`` at a time, each exactly once.

        Parameters
        ----------
        width
            Columns of a panel, at least 1; the last one may have fewer.

        Yields
        ------
        numpy.ndarray
            Shape (N, columns), of the source's dtype, contiguous in the order of the file. The next
            step overwrites it.

        Raises
        ------
        BadDataError, OSError
            As :meth:`blocks`.
        """
        return self._slices(by_rows=False, start=0, step=width, hold=0)

    def matrix(self) -> NDArray[Any]:
        """Return all rows as one array: a large local file is mapped, any other is read.

        What is mapped is what the file holds when it is used: ask `check_unchanged` afterwards. If
        the file is cut short meanwhile, the system ends the process (SIGBUS).

        Returns
        -------
        numpy.ndarray
            Shape (N, K), of the source's dtype; read-only where it is mapped.

        Raises
        ------
        BadDataError
            The file was changed or replaced since it was opened.
        OSError
            The file cannot be mapped.
        """
        if self.file.local is None or self.n_rows * self.row_bytes < MIN_MAPPED_BYTES:
            return super().matrix()
        with self.file.open() as handle:
            mapped: NDArray[Any] = np.memmap(
                handle,
                dtype=self.dtype,
                mode="r",
                offset=self.offset,
                shape=(self.n_rows, self.n_cols),
                order="F" if self.fortran_order else "C",
            )
        return mapped

    def _block_rows(self) -> int:
        """Return how many rows a block has."""
        if not self.fortran_order:
            return max(1, BLOCK_BYTES // self.row_bytes)
        wanted = max(BLOCK_BYTES, MIN_READ_BYTES * self.n_cols)
        return max(1, min(wanted, MAX_FORTRAN_BLOCK_BYTES) // self.row_bytes)

    def _slices(self, *, by_rows: bool, start: int, step: int, hold: int) -> Iterator[NDArray[Any]]:
        """Yield blocks of rows, or panels of columns, in either order of the file."""
        # The file is an array of lines: rows in C order, columns in Fortran order. A slice is some
        # whole lines, which lie together, or as many entries of every line.
        lines, length = self.n_rows, self.n_cols
        if self.fortran_order:
            lines, length = length, lines
        whole = by_rows != self.fortran_order
        count, unit = (lines, length) if whole else (length, lines)
        ring = Ring(min(step, count) * unit, self.dtype, hold)
        with self.file.open() as handle:
            for first in range(start, count, step):
                size = min(step, count - first)
                entries = ring.next()[: size * unit]
                if whole:
                    self.file.fill(handle, self._position(first * length), entries, self.end)
                    entries = entries.reshape(size, length)
                else:
                    entries = entries.reshape(lines, size)
                    for number, line in enumerate(entries):
                        position = self._position(number * length + first)
                        self.file.fill(handle, position, line, self.end)
                yield entries.T if self.fortran_order else entries
            self.file.check_unchanged(handle)

    def _position(self, entry: int) -> int:
        """Return where an entry stands in the file, in bytes."""
        return self.offset + entry * self.dtype.itemsize

    def check_inside(self, *, exact: bool = False) -> None:
        """Raise a BadDataError unless the file has the bytes of the matrix.

        Parameters
        ----------
        exact
            Whether nothing may follow them.
        """
        size, wanted = self.file.size, self.end
        if size == wanted or (size > wanted and not exact):
            return
        what = (
            f"truncated: {wanted - size} bytes are missing"
            if size < wanted
            else f"{size - wanted} bytes follow the array"
        )
        raise BadDataError(
            self.name,
            f"{what}; the file has {size} bytes, a {self.n_rows} x {self.n_cols} array of "
            f"{self.dtype} wants {wanted}",
        )
