"""The files of the nearest-neighbour benchmarks: ``.fbin``, ``.f16bin`` and ``.fvecs``.

``.fbin`` and ``.f16bin`` (big-ann-benchmarks): two little-endian uint32, N and K, then N x K
float32 or float16. ``.fvecs`` (TEXMEX): each row is an int32, K, and then K float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import check_shape
from rankme.sources._errors import BadDataError
from rankme.sources._source import Identity, RowSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._grouped import Rows

__all__ = ["FvecsSource", "open_bin", "open_fvecs"]


def open_bin(file: DataFile, dtype: np.dtype[Any]) -> RawSource:
    """Open a ``.fbin`` (float32) or ``.f16bin`` (float16) file."""
    shape = _integers(file, 2)
    if 0 in shape:  # all that it has is a header, or it is damaged
        RawSource(file, 0, 0, dtype, offset=8).check_inside(exact=True)
    n_rows, n_cols = check_shape(file.name, shape)
    source = RawSource(file, n_rows, n_cols, dtype, offset=8)
    source.check_inside(exact=True)
    return source


def open_fvecs(file: DataFile) -> FvecsSource:
    """Open a ``.fvecs`` file."""
    (n_cols,) = _integers(file, 1)
    record = 4 * (n_cols + 1)
    if file.size % record:
        raise BadDataError(
            file.name,
            f"truncated or ragged: {file.size} bytes are no multiple of the {record} bytes of a "
            f"row of {n_cols}, the length of the first",
        )
    check_shape(file.name, (file.size // record, n_cols))
    return FvecsSource(
        RawSource(file, file.size // record, n_cols + 1, np.dtype(np.float32), offset=0)
    )


def _integers(file: DataFile, count: int) -> tuple[int, ...]:
    """Return the first integers of a file."""
    with file.open() as handle:
        head = handle.read(4 * count)
    if len(head) < 4 * count:
        raise BadDataError(file.name, f"truncated: {len(head)} bytes; wanted a header")
    return tuple(int(number) for number in np.frombuffer(head, "<u4"))


@dataclass(frozen=True)
class FvecsSource(RowSource):
    """Rows that each begin with their own length.

    Parameters
    ----------
    records
        The file as a matrix whose first column is the length.
    """

    records: RawSource

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
    def n_cols(self) -> int:  # type: ignore[override]
        """Length of the first row, which all must have."""
        return self.records.n_cols - 1

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """float32."""
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
        """Yield blocks without their first column, which is checked."""
        first = 0
        for block in blocks:
            lengths = block[:, 0].view("<i4")
            if (wrong := np.flatnonzero(lengths != self.n_cols)).size:
                row = int(wrong[0])
                raise BadDataError(
                    self.name,
                    f"row {rows[first + row]} has length {lengths[row]}; wanted {self.n_cols}",
                )
            yield block[:, 1:]
            first += len(block)
