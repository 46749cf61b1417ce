"""Sums over rows for metrics that need more than the spectrum, and the spread of each column."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from rankme import _core
from rankme._base.devices import place_of
from rankme._base.threads import require_budget
from rankme.metrics._values import float64_blocks
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Blocks", "column_std", "rows_again", "sum_of", "unit_std"]

# What opens the rows anew, for each pass over them.
Blocks = Callable[[], Iterable[object]]


def unit_std(Z: object) -> float:  # noqa: N803
    """Spread of unit rows, as a standard deviation: the collapse check of SimSiam [1]_.

    Each row is divided by its Euclidean norm, then the standard deviation of each column is taken,
    and their mean. Rows that are all alike give 0; rows spread evenly over the sphere give
    ``1 / sqrt(K)``, with which it is to be compared.

    It is a number of the columns and not of the spectrum: a rotation of the rows changes it. Rows
    are read once; a K x K sum is kept. Of rows that an accumulator with ``normalize=True`` holds
    already it is ``acc.column_std().mean()``.

    Parameters
    ----------
    Z : array or callable
        As in `coherence`; a function is called once.

    Returns
    -------
    float
        From 0 to ``sqrt(N / ((N - 1) K))``.

    Raises
    ------
    TypeError
        If `Z`, or a block, is no array, is masked or has another dtype.
    ValueError
        If an array is not 2-D or is empty, if the widths of blocks differ, if there are no blocks,
        or if there is a single row.
    NonFiniteError
        If an entry is NaN or infinite: a ValueError that names the first one in its block.

    Notes
    -----
    Variances are divided by N - 1, as by ``torch.std`` and with it ``std_of_l2_normalized`` of
    Lightly. Zero rows stay zero.

    References
    ----------
    .. [1] X. Chen, K. He, "Exploring Simple Siamese Representation Learning", CVPR 2021,
       arXiv:2011.10566, section 4.1.
    """
    acc = sum_of(Z() if callable(Z) else (Z,), normalize=True)
    n_rows, numbers, arrays, _ = acc.state()
    return float(column_std("scatter", n_rows, numbers, arrays).mean())


def sum_of(blocks: Iterable[object], *, normalize: bool = False) -> _core.GramAccumulator:
    """Add up all blocks of rows."""
    require_budget()
    acc: _core.GramAccumulator | None = None
    for block in blocks:
        matrix = as_rows(block)
        place_of(matrix.device, "cpu", "Z")
        acc = acc or _core.GramAccumulator(matrix.shape[1], normalize, 0)
        acc.update(matrix)
    if acc is None:
        raise ValueError("Z has no blocks")
    return acc


def rows_again(blocks: Iterable[object], n_rows: int) -> Iterator[NDArray[np.float64]]:
    """Yield the rows in float64, block by block, and count them against the first pass."""
    found = 0
    for block in blocks:
        for rows in float64_blocks(as_rows(block)):
            yield rows
            found += len(rows)
    if found != n_rows:
        raise ValueError(
            f"the second pass over Z brought {found} rows, the first {n_rows}; a callable "
            f"must return a fresh iterable of the same blocks each time"
        )


def column_std(
    kind: str, n_rows: int, numbers: Sequence[int], arrays: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the standard deviation of each column, from the state of a sum of rows."""
    if n_rows < 2:  # noqa: PLR2004
        raise ValueError(f"a standard deviation needs 2 or more rows; there are {n_rows}")
    first, triangle = arrays[0], arrays[-1]
    ends = np.cumsum(np.arange(1, len(first) + 1))  # of the packed rows of a triangle, or columns
    if kind == "qr":
        lengths, exponent = _lengths(triangle, ends), 0
    else:
        squares = triangle[ends - 1]
        if kind == "gram":  # not about the mean: what hardly varies has lost its digits
            squares = np.maximum(squares - first**2 / n_rows, 0.0)
        lengths, exponent = np.sqrt(squares), numbers[0]
    found: NDArray[np.float64] = np.ldexp(lengths / math.sqrt(n_rows - 1), exponent)
    return found


def _lengths(triangle: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the norms of the columns of R in [1 Z] = Q R, without its first row and column."""
    beside = triangle[1:].copy()  # the corner is the number of rows
    beside[starts - 1] = 0.0  # the first row is that of the mean
    scale = np.abs(beside).max() or 1.0  # the squares of 1e200 have no float64
    squares = np.add.reduceat((beside / scale) ** 2, starts - 1)
    lengths: NDArray[np.float64] = scale * np.sqrt(squares)
    return lengths
