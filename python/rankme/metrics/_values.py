"""What counts as singular values and as a size, checked in one place."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme import _core

__all__ = [
    "Values",
    "as_singular_values",
    "default_rtol",
    "finite_or_none",
    "float64_chunks",
    "relative",
]

_CHUNK = 2**20  # entries that are float64 at a time


class Values(NamedTuple):
    """Singular values and the ends of their intervals, each times 2**exponent."""

    scaled: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    exponent: int


def as_singular_values(values: ArrayLike) -> NDArray[np.float64]:
    """Check singular values and put them in order.

    Parameters
    ----------
    values : array_like
        Shape (m,), m >= 1, in any order; float16, float32, float64 or integers.

    Returns
    -------
    numpy.ndarray
        Shape (m,), float64, descending; a copy.

    Raises
    ------
    TypeError
        If they are masked or no real numbers that float64 holds.
    ValueError
        If they are not 1-D, are empty, or one is negative, infinite or NaN.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError("singular_values is a masked array, whose mask would be lost")
    array = np.asarray(values)
    if not (array.dtype.kind in "iu" or array.dtype.char in "efd"):
        raise TypeError(
            f"singular_values has dtype {array.dtype}; accepted are float16, float32, float64 and "
            f"integers"
        )
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"singular_values must be 1-D with at least one value; its shape is {array.shape}"
        )
    ordered: NDArray[np.float64] = np.sort(array.astype(np.float64))[::-1].copy()
    wrong = ordered[~(np.isfinite(ordered) & (ordered >= 0))]
    if wrong.size:
        raise ValueError(f"singular values must be finite and 0 or more; one is {wrong[0]}")
    return ordered


def relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide descending singular values by the largest, so that no square overflows.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (m,), float64, descending, the first one positive.

    Returns
    -------
    numpy.ndarray
        Shape (m,), float64, descending from 1.
    """
    # What underflows is less than 1e-308 of the largest, which no sum here can see.
    with np.errstate(under="ignore"):
        ratios: NDArray[np.float64] = values / values[0]
    return ratios


def default_rtol(n_rows: int, n_cols: int) -> float:
    """Tolerance of ``numpy.linalg.matrix_rank`` for a float64 matrix: max(N, K) * 2**-52.

    Parameters
    ----------
    n_rows, n_cols : int
        N and K.

    Returns
    -------
    float
    """
    return max(n_rows, n_cols) * 2.0**-52


def float64_chunks(view: _core.ArrayView) -> Iterator[NDArray[np.float64]]:
    """Widen an array chunk by chunk along its first axis.

    Parameters
    ----------
    view : rankme._core.ArrayView
        2-D or more, not empty, on the processor.

    Yields
    ------
    numpy.ndarray
        float64, of about a million entries.
    """
    n, *rest = view.shape
    step = max(1, _CHUNK // math.prod(rest))
    for start in range(0, n, step):
        yield _core.widened(view, start, min(start + step, n))


def finite_or_none(method: Callable[[], float]) -> float | None:
    """Return what a method gives; None where that is infinite or not defined."""
    try:
        value = method()
    except ValueError:
        return None
    return value if math.isfinite(value) else None
