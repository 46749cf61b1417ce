"""What counts as singular values and as a size, checked in one place."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme import _core

__all__ = [
    "SLACK",
    "OtherAnswer",
    "Values",
    "as_singular_values",
    "default_rtol",
    "finite_or_none",
    "float64_blocks",
    "relative",
    "require_unit_rows",
]

# Sums of squares that ought to be equal. Rows normalised in half precision miss theirs by 1e-3.
SLACK = 1.01

_BLOCK_ENTRIES = 2**20  # that are float64 at a time


class Values(NamedTuple):
    """Singular values and the ends of their intervals, each times 2**exponent."""

    scaled: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    exponent: int

    @property
    def decided(self) -> NDArray[np.float64]:
        """The values that metrics go by: zeros where none of them can be told from zero."""
        return self.scaled if self.low[0] > 0 else np.zeros_like(self.scaled)


_Answer: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]
# What becomes of `Values` of the other choice of `center`: they, or a function that finds them.
OtherAnswer: TypeAlias = _Answer | Callable[[], _Answer]


def as_singular_values(values: ArrayLike) -> NDArray[np.float64]:
    """Return singular values as float64 in descending order: a copy.

    A TypeError where they are masked or no real numbers; a ValueError where they are not 1-D, are
    empty, or one is negative or not finite.
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
    """Divide descending singular values by the largest, so that no square overflows."""
    # What underflows is less than 1e-308 of the largest, which no sum here can see.
    with np.errstate(under="ignore"):
        ratios: NDArray[np.float64] = values / values[0]
    return ratios


def require_unit_rows(values: NDArray[np.float64], n_rows: int, metric: str) -> None:
    """Raise a ValueError if values are larger than those of so many rows of unit length."""
    if values[0] > math.sqrt(SLACK * n_rows) or float((values**2).sum()) > SLACK * n_rows:
        raise ValueError(
            f"the squared singular values of {n_rows} rows of unit length sum to {n_rows}, these "
            f"to more; {metric} needs normalised rows"
        )


def default_rtol(n_rows: int, n_cols: int) -> float:
    """Return the tolerance of ``numpy.linalg.matrix_rank`` for float64: max(N, K) * 2**-52."""
    return max(n_rows, n_cols) * 2.0**-52


def float64_blocks(view: _core.ArrayView) -> Iterator[NDArray[np.float64]]:
    """Yield an array of host memory as float64, a million entries or so at a time."""
    n, *rest = view.shape
    step = max(1, _BLOCK_ENTRIES // math.prod(rest))
    for start in range(0, n, step):
        yield _core.widened(view, start, min(start + step, n))


def finite_or_none(method: Callable[[], float]) -> float | None:
    """Return what a method gives; None where that is infinite or not defined."""
    try:
        value = float(method())
    except ValueError:
        return None
    return value if math.isfinite(value) else None
