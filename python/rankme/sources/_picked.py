"""Some rows of what lies in memory: of arrays where they are, and of blocks as they come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme import _core
from rankme._base.arguments import type_name
from rankme._base.arrays import as_matrix, is_tensor
from rankme.sources._block_stream import BlockStream
from rankme.sources._choice import check_enough, choose_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["PickedStream", "picked"]

_BLOCK_ENTRIES = 2**20  # that are widened at a time


def picked(array: Any, view: _core.ArrayView, rows: NDArray[np.int64]) -> Any:
    """Return some rows of an array, on its device; a view where they are its first.

    Parameters
    ----------
    array
        As the user gave it.
    view
        The same, shown to the compiled core.
    rows
        Shape (n,), ascending, each once.

    Raises
    ------
    TypeError
        The array lies on a GPU, and rankme does not know how its library chooses rows.
    """
    first, last = int(rows[0]), int(rows[-1]) + 1
    whole = last - first == len(rows)
    if isinstance(array, np.ndarray):
        return array[first:last] if whole else array[rows]
    if is_tensor(array):
        if whole:
            return array[first:last]
        return array[sys.modules["torch"].from_numpy(rows).to(array.device)]
    if hasattr(array, "__array_namespace__"):  # JAX, CuPy 14
        xp = array.__array_namespace__()
        return array[first:last] if whole else xp.take(array, xp.asarray(rows), axis=0)
    if view.device != "cpu":
        raise TypeError(
            f"rows= chooses from what lies in host memory, and on a GPU from tensors of PyTorch "
            f"and arrays of the array API; of {type_name(array)} on {view.device} pass Z[index], "
            f"with index = rankme.sources.choose_rows({view.shape[0]}, {len(rows)}) as an array "
            f"of its library"
        )
    return _widened(view, rows)


def _widened(view: _core.ArrayView, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return some rows of an array of host memory in float64."""
    n_rows, n_cols = view.shape
    found = np.empty((len(rows), n_cols))
    step = max(1, _BLOCK_ENTRIES // n_cols)
    for first in range(0, n_rows, step):
        last = min(first + step, n_rows)
        begin, end = np.searchsorted(rows, [first, last])
        if begin < end:
            found[begin:end] = _core.widened(view, first, last)[rows[begin:end] - first]
    return found


class PickedStream(BlockStream):
    """Some rows of those that come block by block.

    Parameters
    ----------
    stream
        All of them.
    rows
        How many.
    seed
        As in `choose_rows`. A random choice needs to know how many there are: they are counted
        first, by a pass of its own.

    Attributes
    ----------
    numbers : numpy.ndarray
        Which rows these are.

    Raises
    ------
    ValueError
        The rows come once only and `seed` is not None, or there are fewer than `rows`: the first
        rows are then found to be too few at the end.
    """

    def __init__(self, stream: BlockStream, rows: int, seed: int | None) -> None:
        self.name = stream.name
        self.once = stream.once
        self._stream = stream
        if seed is None:
            self.numbers = np.arange(rows)
            return
        if stream.once:
            raise ValueError(
                f"a random choice of rows has to know how many there are, and {self.name} gives "
                f"them once: take the first with seed=None, or pass an array of all rows, as "
                f"np.concatenate(list({self.name})) is for blocks of NumPy"
            )
        n_rows = sum(view.shape[0] for view in stream)
        if n_rows == 0:
            raise ValueError(f"{self.name} has no rows")
        check_enough(rows, n_rows, self.name)
        self.numbers = choose_rows(n_rows, rows, seed=seed)

    def matrices(self) -> Iterator[tuple[Any, _core.ArrayView]]:
        """Yield matrices of at least one chosen row, until the last of them."""
        first = done = 0
        for array, view in self._stream.matrices():
            last = int(np.searchsorted(self.numbers, first + view.shape[0]))
            if last > done:
                some = picked(array, view, self.numbers[done:last] - first)
                yield some, as_matrix(some, self.name)
            done, first = last, first + view.shape[0]
            if done == len(self.numbers):
                return
        check_enough(len(self.numbers), first, self.name)
