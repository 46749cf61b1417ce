"""What it is worth to choose by a score: the best run, the chosen one, and what lies between."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme.selection._coefficients import statistics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Choice", "chosen_ranks", "hits", "pick"]


class Choice(NamedTuple):
    """Runs that a ranking puts first, and their truth.

    Attributes
    ----------
    names : tuple
        One run, or those that tie for the first place. In a table all that are first in some cell,
        in the order of the runs.
    truth : float
        In the truth's own unit: of the run, the mean of tied ones, the mean over cells.
    """

    names: tuple[Any, ...]
    truth: float


def pick(
    ranking: NDArray[np.float64], names: tuple[Any, ...], truth: NDArray[np.float64]
) -> Choice:
    """Choose the run of the highest rank in each cell; of tied ones one is as likely as another."""
    first = _first(ranking)
    of_cell = (truth * first).sum(axis=1) / first.sum(axis=1)
    in_some = tuple(name for i, name in enumerate(names) if first[:, i].any())
    return Choice(in_some, float(of_cell.mean()))


def chosen_ranks(score: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank the choice by its truth in each cell: 1 is best, tied runs share their mean rank."""
    first = _first(score)
    ranks = statistics().rankdata(-truth, axis=1)
    result: NDArray[np.float64] = (ranks * first).sum(axis=1) / first.sum(axis=1)
    return result


def hits(score: NDArray[np.float64], truth: NDArray[np.float64], k: int) -> list[float]:
    """Find the chance that the k highest scores of a cell hold a best run, ties broken by lot."""
    result = []
    for scores, is_best in zip(score, _first(truth), strict=True):
        highest = scores[is_best].max()
        tied = int((scores == highest).sum())
        best = int((scores[is_best] == highest).sum())
        drawn = min(max(k - int((scores > highest).sum()), 0), tied)
        result.append(1 - math.comb(tied - best, drawn) / math.comb(tied, drawn))
    return result


def _first(ranking: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the highest of each row."""
    result: NDArray[np.bool_] = ranking == ranking.max(axis=1, keepdims=True)
    return result
