"""Coefficients of all arrangements of the same runs, and p-values from them.

SciPy computes one coefficient at a time; of forty thousand arrangements that takes seconds a cell.
Here what an arrangement does not change is computed once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from rankme._base.optional import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_EXACT", "coefficients_of", "permutation_p"]

MOST_EXACT = 8  # runs: 40,320 arrangements
_SAMPLED = 4999
_SAME = 1e-9  # rounding between arrangements of equal coefficients


def permutation_p(name: str, score: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a coefficient, in the mean over cells.

    The null hypothesis: the scores say nothing of the runs, so that every assignment of them to the
    runs is as likely as the one at hand, the same one in all cells. All are tried for at most
    `MOST_EXACT` runs, 4,999 drawn ones with a fixed seed for more. Twice the smaller tail, as in
    `scipy.stats.permutation_test`.

    Parameters
    ----------
    name
        ``"pearson"``, ``"spearman"``, ``"kendall"`` or ``"weighted_tau"``.
    score, truth
        Shape (n_cells, n_runs); neither is constant in any cell.
    """
    n = score.shape[1]
    if n <= MOST_EXACT:
        orders = np.array(list(itertools.permutations(range(n))))  # the first is the one at hand
    else:
        drawn = np.random.default_rng(0).permuted(np.tile(np.arange(n), (_SAMPLED, 1)), axis=1)
        orders = np.concatenate([np.arange(n)[None], drawn])
    orders = np.ascontiguousarray(orders.T)
    values = np.zeros(orders.shape[1])
    for x, y in zip(score, truth, strict=True):
        values += coefficients_of(name, x, y, orders)
    slack = _SAME * len(score)
    tails = (values >= values[0] - slack).mean(), (values <= values[0] + slack).mean()
    return min(1.0, 2 * float(min(tails)))


def coefficients_of(
    name: str, x: NDArray[np.float64], y: NDArray[np.float64], orders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Find the coefficient of ``x[order]`` with y, for each of many orders.

    Parameters
    ----------
    name
        As in `permutation_p`.
    x, y
        Shape (n,), not constant.
    orders
        Shape (n, m): in each column a permutation of 0 to n - 1.
    """
    if name in ("pearson", "spearman"):
        if name == "spearman":
            rank = require("scipy.stats", extra="compare", what="rankme.agreement").rankdata
            x, y = rank(x), rank(y)
        return _unit(y) @ _unit(x)[orders]
    places = np.argsort(-y, kind="stable")
    labels = np.empty_like(places)
    labels[np.argsort(-x, kind="stable")] = np.arange(x.size)
    x, y = np.sort(x)[::-1], np.sort(y)[::-1]
    arranged = labels[orders[places]]
    return _kendall(x, y, arranged) if name == "kendall" else _weighted_tau(x, y, arranged)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre values and scale them to length 1."""
    deviations = values - values.mean()
    deviations /= np.abs(deviations).max()  # squares of tiny ones would be zero
    result: NDArray[np.float64] = deviations / np.linalg.norm(deviations)
    return result


def _sum_over_pairs(
    matrix: NDArray[np.float64], factors: NDArray[np.float64], arranged: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sum, over pairs of places, a factor times the entry of the two labels that are there."""
    total = np.zeros(arranged.shape[1])
    for i, j in zip(*np.triu_indices(len(arranged), 1), strict=True):
        total += factors[i, j] * matrix.take(arranged[i] * len(arranged) + arranged[j])
    return total


def _signs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say of each pair which is larger: 1, 0 or -1."""
    return np.sign(values[:, None] - values)


def _kendall(
    x: NDArray[np.float64], y: NDArray[np.float64], arranged: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Kendall's tau-b; x and y descend, and place k of y has ``x[arranged[k]]``."""
    a, b = _signs(x), _signs(y)
    norm = float(np.sqrt((a**2).sum() * (b**2).sum())) / 2
    return _sum_over_pairs(a, b, arranged) / norm


def _weighted_tau(
    x: NDArray[np.float64], y: NDArray[np.float64], arranged: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Vigna's weighted tau, of arguments as above: by the ranks in x and by those in y."""
    # Ties in x are ranked by y and ties in y by x. Labels of equal x change places until they
    # ascend with the places of y, then places of equal y until they ascend with the labels: ranks
    # are the labels and the places themselves.
    labels = np.empty_like(arranged)
    order = np.argsort(np.searchsorted(-x, -x)[arranged], axis=0, kind="stable")
    np.put_along_axis(labels, order, np.arange(x.size)[:, None], axis=0)
    for begin, end in itertools.pairwise([*np.unique(np.searchsorted(-y, -y)), y.size]):
        labels[begin:end].sort(axis=0)
    ranks = 1 / np.arange(1, x.size + 1)
    w = ranks[:, None] + ranks
    a, b = _signs(x), _signs(y)
    by_x = _sum_over_pairs(a * w, b, labels)
    by_x /= np.sqrt((w * a**2).sum() / 2 * _sum_over_pairs(w, b**2, labels))
    by_y = _sum_over_pairs(a, w * b, labels)
    by_y /= np.sqrt(_sum_over_pairs(a**2, w, labels) * (w * b**2).sum() / 2)
    return (by_x + by_y) / 2
