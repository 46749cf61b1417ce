"""Look-back windows of a series and what comes after them, each on a scale of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .readers import Series, standardised

__all__ = ["Windows", "cut"]

# A window that hardly moves is not blown up: its deviation counts as this share of the series' own.
_LEAST_SCALE = 0.1
_PARTS = ("fit", "validation", "test")


@dataclass(frozen=True)
class Windows:
    """Windows in the order of time.

    Attributes
    ----------
    past : numpy.ndarray
        Shape (N, look_back), float32: each less its mean, over its deviation.
    future : numpy.ndarray
        Shape (N, horizon), float32: what follows, shifted and scaled as its past was.
    scale : numpy.ndarray
        Shape (N,), float64: the deviations. ``scale * future`` is in the series' own deviations,
        in which errors are told.
    """

    past: NDArray[np.float32]
    future: NDArray[np.float32]
    scale: NDArray[np.float64]


def cut(
    series: Series, part: str, count: int, *, look_back: int, horizon: int, seed: int = 0
) -> Windows:
    """Draw windows of one part of a series.

    What is to be forecast lies inside the part. The look-back of validation and test may begin
    before it, as in the literature: the past is known by then.

    Parameters
    ----------
    series : Series
        Its variables are taken as separate series, each standardised by its training rows.
    part : {"fit", "validation", "test"}
    count : int
        Windows to draw, without repeats, over all times and variables.
    look_back, horizon : int
        Rows of past and future.
    seed : int
        Which windows.

    Returns
    -------
    Windows

    Raises
    ------
    ValueError
        If the part has fewer windows.
    """
    ends = (0, *series.borders, len(series.values))
    which = _PARTS.index(part)
    first = max(ends[which] - look_back, 0)
    values = standardised(series)[first : ends[which + 1]]
    length = look_back + horizon
    n_starts, n_columns = max(len(values) - length + 1, 0), values.shape[1]
    if n_starts * n_columns < count:
        raise ValueError(
            f"{series.name}: {part} has {n_starts * n_columns} windows of {length} rows, and "
            f"{count} were wanted"
        )
    chosen = np.random.default_rng(seed).choice(n_starts * n_columns, size=count, replace=False)
    starts, columns = np.divmod(np.sort(chosen), n_columns)
    whole = sliding_window_view(values, length, axis=0)[starts, columns]
    past, future = whole[:, :look_back], whole[:, look_back:]
    mean = past.mean(axis=1, keepdims=True)
    scale = np.maximum(past.std(axis=1, keepdims=True), _LEAST_SCALE)
    return Windows(
        ((past - mean) / scale).astype(np.float32),
        ((future - mean) / scale).astype(np.float32),
        scale[:, 0],
    )
