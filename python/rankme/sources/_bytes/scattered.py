"""Rows that lie here and there in a file: read where they are, and what is between them left."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._source import BLOCK_BYTES

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile

__all__ = ["fill_rows"]


def fill_rows(
    file: DataFile,
    handle: BinaryIO,
    positions: NDArray[np.int64],
    rows: NDArray[Any],
    wanted: int,
) -> None:
    """Fill a matrix with rows from their places in a file.

    Parameters
    ----------
    file, handle, wanted
        As of `DataFile.fill`.
    positions
        Shape (n,): where each row begins, in bytes.
    rows
        Shape (n, K), C-contiguous: what is filled.
    """
    size = rows.itemsize * rows.shape[1]
    steps = np.diff(positions)
    # What is read at once ends where a gap is worth a read of its own, where the next row lies at
    # no multiple of a row, and where it would be more than a block.
    cuts = (steps < size) | (steps > size + file.nearby) | (steps % size != 0)
    cuts |= np.diff(positions // max(size, BLOCK_BYTES)) != 0
    for first, last in pairwise([0, *(np.flatnonzero(cuts) + 1).tolist(), len(positions)]):
        begin = int(positions[first])
        numbers = (positions[first:last] - begin) // size
        count = int(numbers[-1]) + 1
        if count == last - first:
            file.fill(handle, begin, rows[first:last], wanted)
        else:
            between = np.empty((count, rows.shape[1]), dtype=rows.dtype)
            file.fill(handle, begin, between, wanted)
            rows[first:last] = between[numbers]
