"""What stands against reading much into an agreement: in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rankme.selection._coefficients import statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["doubts", "span_of"]

_FEWEST = 5  # runs: below, no arrangement has a p-value under 0.05
_LEVEL = 0.05
# Where no error is known: a rule of thumb, from accuracies, whose last tenths are seed and noise.
_SMALL = 0.01


def doubts(
    score: NDArray[np.float64],
    truth: NDArray[np.float64],
    error: NDArray[np.float64] | None,
    freedom: NDArray[np.float64] | None,
) -> Iterator[str]:
    """Yield a sentence for each.

    Parameters
    ----------
    score
        Shape (n_cells, n_runs), higher is better.
    truth, error, freedom
        Of the same shape: truths, their standard errors, and the degrees of freedom of these.
    """
    n_runs = truth.shape[1]
    if n_runs < _FEWEST:
        least = min(1.0, 2 / math.factorial(n_runs))
        yield f"{n_runs} runs are few: no p-value can be below {least:.2g}"
    flat, reason = _flat(truth, error, freedom)
    if flat.any():
        yield f"the truth spans {span_of(truth[flat])}{_where(flat)}, {reason}: nothing to choose"
    constant = np.ptp(score, axis=1) == 0
    tied = (score == score.max(axis=1, keepdims=True)).sum(axis=1)
    if constant.any():
        yield f"all scores are equal{_where(constant)}: no run is preferred"
    some = (tied > 1) & ~constant
    if some.any():
        count = _range(tied[some].astype(float))
        yield f"{count} runs tie for the best score{_where(some)}: the mean of their truths counts"


def span_of(truth: NDArray[np.float64]) -> str:
    """Write how far truths are apart, within a cell."""
    return _range(np.ptp(truth, axis=1))


def _flat(
    truth: NDArray[np.float64],
    error: NDArray[np.float64] | None,
    freedom: NDArray[np.float64] | None,
) -> tuple[NDArray[np.bool_], str]:
    """Find the cells whose truths may well be equal, and why."""
    if error is None:
        is_small = np.ptp(truth, axis=1) <= _SMALL * np.abs(truth).max(axis=1)
        return is_small, f"at most {_SMALL:.0%} of it, and its error is not known"
    # The F test of the variance between runs against the mean squared error; chi squared where
    # errors are known as such.
    between, within = truth.var(axis=1, ddof=1), (error**2).mean(axis=1)
    ratio = np.where(between > 0, np.inf, 0.0)
    np.divide(between, within, out=ratio, where=within > 0)
    n = truth.shape[1] - 1
    if freedom is None:
        p = statistics().chi2.sf(ratio * n, n)
    else:
        p = statistics().f.sf(ratio, n, freedom.sum(axis=1))
    sizes = _range(np.sqrt(within[p > _LEVEL])) if (p > _LEVEL).any() else ""
    return p > _LEVEL, f"which its standard error of {sizes} explains"


def _where(cells: NDArray[np.bool_]) -> str:
    """Say how many cells, where there are several."""
    return f" in {cells.sum()} of {cells.size} cells" if cells.size > 1 else ""


def _range(values: NDArray[np.float64]) -> str:
    """Write one number, or the least and the largest."""
    least, most = f"{values.min():.3g}", f"{values.max():.3g}"
    return least if least == most else f"{least} to {most}"
