"""Buffers that blocks of rows are read into, and that are used again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["Pool", "Ring"]


class Ring:
    """Buffers that blocks are read into, one after the other.

    Parameters
    ----------
    size
        Entries of a buffer.
    dtype
        Of the entries.
    hold
        As of :meth:`RowSource.blocks`: how many others are used before a buffer's turn comes again.
    """

    def __init__(self, size: int, dtype: np.dtype[Any], hold: int) -> None:
        self._size = size
        self._dtype = dtype
        self._buffers: list[NDArray[Any]] = []
        self._count = hold + 1
        self._turn = 0

    def next(self) -> NDArray[Any]:
        """Return the buffer that was used longest ago, 1-D; a new one in the first round."""
        if len(self._buffers) < self._count:
            self._buffers.append(np.empty(self._size, dtype=self._dtype))
            return self._buffers[-1]
        buffer = self._buffers[self._turn]
        self._turn = (self._turn + 1) % self._count
        return buffer


class Pool:
    """Buffers that several threads fill, and that come back once their blocks were used.

    Memory that is given back to the system and asked for again costs a page fault for every 4 KiB:
    a quarter of the time that decoding takes.

    Parameters
    ----------
    shape
        Of a buffer.
    dtype
        Of its entries.
    hold
        As of :meth:`RowSource.blocks`.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], hold: int) -> None:
        self._shape = shape
        self._dtype = dtype
        self._hold = hold
        self._free: deque[NDArray[Any]] = deque()  # its methods are atomic

    def take(self) -> NDArray[Any]:
        """Return a buffer that is not in use."""
        try:
            return self._free.pop()
        except IndexError:
            return np.empty(self._shape, dtype=self._dtype)

    def lend(self, blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield blocks, each a view of a buffer of its own, and take the buffers back."""
        lent: deque[NDArray[Any]] = deque()
        for block in blocks:
            lent.append(block)
            yield block
            if len(lent) > self._hold:
                buffer = lent.popleft().base
                assert buffer is not None  # noqa: S101
                self._free.append(buffer)
