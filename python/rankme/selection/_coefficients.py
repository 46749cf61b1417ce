"""How far two rankings of the same runs agree: a coefficient, its interval and its p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.optional import require
from rankme.selection._arrangements import MOST_EXACT, permutation_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COEFFICIENTS", "Coefficient", "statistics"]

# Name here, function of scipy.stats.
COEFFICIENTS = {
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "kendall": "kendalltau",
    "weighted_tau": "weightedtau",
}
_TAIL = 0.025
_NO_SPREAD = 1e-6
# Fisher's z of 1 is infinite; that of the leave-one-out values is kept finite.
_NEARLY_ONE = 1 - 2.0**-30


def statistics() -> Any:
    """Import `scipy.stats`."""
    return require("scipy.stats", extra="compare", what="rankme.agreement")


@dataclass(frozen=True, eq=False)
class Coefficient:
    """One coefficient of agreement; in a table the mean over the cells where it is defined.

    ``float()`` gives `value`. What is not asked for is not computed.

    Attributes
    ----------
    name : str
        ``"pearson"``, ``"spearman"``, ``"kendall"`` or ``"weighted_tau"``.
    score, truth : numpy.ndarray
        Shape (n_cells, n_runs), float64, both turned so that higher is better.
    """

    name: str
    score: NDArray[np.float64] = field(repr=False)
    truth: NDArray[np.float64] = field(repr=False)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], p = {self.p_value:.2g}"

    @cached_property
    def value(self) -> float:
        """The coefficient, by SciPy, from -1 to 1; NaN where all scores or all truths are equal."""
        return _mean(self.name, *self._defined)

    @property
    def low(self) -> float:
        """Lower end of the 95% interval over runs."""
        return self._interval[0]

    @property
    def high(self) -> float:
        """Upper end of the 95% interval over runs."""
        return self._interval[1]

    @cached_property
    def p_value(self) -> float:
        """How likely a coefficient as far from 0, on either side, is if scores say nothing."""
        score, truth = self._defined
        n_cells, n_runs = score.shape
        if n_cells == 0:
            return float("nan")
        if n_cells == 1 and n_runs > MOST_EXACT and self.name != "weighted_tau":
            function = getattr(statistics(), COEFFICIENTS[self.name])
            found = float(function(score[0], truth[0]).pvalue)
            if self.name == "spearman":  # SciPy's t goes below what two of all n! orders are
                found = max(found, 2 / math.factorial(n_runs))
            return found
        return permutation_p(self.name, score, truth)

    @cached_property
    def _defined(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The cells in which neither all scores nor all truths are equal."""
        varies = np.array([_varies(*cell) for cell in zip(self.score, self.truth, strict=True)])
        return self.score[varies], self.truth[varies]

    @cached_property
    def _interval(self) -> tuple[float, float]:
        """The interval over runs, by the jackknife of Fisher's z."""
        score, truth = self._defined
        n = score.shape[1]
        if len(score) == 0:
            return float("nan"), float("nan")
        if abs(self.value) > _NEARLY_ONE:  # the jackknife has nothing to go by
            end = 2 * _TAIL ** (1 / (n - 1)) - 1
            return (end, 1.0) if self.value > 0 else (-1.0, -end)
        kept = [np.arange(n) != i for i in range(n)]
        left_out = np.array([_mean(self.name, score[:, k], truth[:, k]) for k in kept])
        z = np.arctanh(np.clip(left_out, -_NEARLY_ONE, _NEARLY_ONE))
        error = np.sqrt((n - 1) / n * ((z - z.mean()) ** 2).sum())
        if error < _NO_SPREAD:  # of four runs or five: chance, and no certainty
            return -1.0, 1.0
        reach = statistics().t.ppf(1 - _TAIL, n - 1) * error
        middle = np.arctanh(self.value)
        return float(np.tanh(middle - reach)), float(np.tanh(middle + reach))


def _varies(score: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    """Whether runs differ in their scores and in their truths."""
    return bool(np.ptp(score) > 0 and np.ptp(truth) > 0)


def _mean(name: str, score: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Average over cells; one in which, without a run, nothing is ordered any more counts 0."""
    function = getattr(statistics(), COEFFICIENTS[name])
    if len(score) == 0:
        return float("nan")
    values = [
        function(s, t).statistic if _varies(s, t) else 0.0
        for s, t in zip(score, truth, strict=True)
    ]
    return float(np.mean(values))
