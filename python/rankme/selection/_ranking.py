"""Which run is highest, and which ones cannot be told from it.

The difference of two runs has a sampling error, which the jackknife tells, and a spread of seeds,
which repeats tell. How many standard errors tell a run from the best one depends on how many runs
there are: the more there are, the higher the luckiest of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rankme.metrics._jackknife import jackknife
from rankme.selection._student import upper_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.selection._estimates import Measured

__all__ = ["Ranking"]

# How often the truly best run may be neither the highest nor tied with it.
_MISTAKES = 0.05
_LEAST_ERRORS = 2.0


@dataclass(frozen=True)
class Uncertainty:
    """A variance that is the sum of several estimates, and how well it is known."""

    parts: tuple[tuple[float, float], ...]  # variance, degrees of freedom

    @property
    def std_error(self) -> float:
        """Its root."""
        return float(np.sqrt(sum(variance for variance, _ in self.parts)))

    @property
    def dof(self) -> float:
        """Degrees of freedom by Welch and Satterthwaite; infinite where there is no variance."""
        total = sum(variance for variance, _ in self.parts)
        spread = sum(variance**2 / dof for variance, dof in self.parts if variance > 0)
        return total**2 / spread if spread > 0 else np.inf


@dataclass(frozen=True)
class SeedSpread:
    """The variance of scores among repeats of a run, pooled over all runs that have several."""

    variance: float
    dof: int


def seed_spread(runs: Sequence[Measured]) -> SeedSpread:
    """Pool the variance among repeats; zero where no run has two."""
    scores = [[one.score for one in run.estimates] for run in runs]
    dof = sum(len(repeats) - 1 for repeats in scores)
    squares = sum(float(np.var(repeats)) * len(repeats) for repeats in scores)
    return SeedSpread(squares / dof if dof else 0.0, dof)


def own_error(run: Measured, seeds: SeedSpread) -> Uncertainty:
    """Tell how far other rows and other seeds would move the mean score of a run."""
    # Repeats may be of the same rows, and the mean of their errors holds then too.
    sampling = float(np.mean([one.std_error for one in run.estimates])) ** 2
    groups = min(one.groups for one in run.estimates)
    parts = ((sampling, groups - 1), (seeds.variance / len(run.estimates), seeds.dof))
    return Uncertainty(tuple(part for part in parts if part[1] > 0))


def difference(a: Measured, b: Measured, seeds: SeedSpread, *, paired: bool) -> Uncertainty:
    """Tell how far other rows and other seeds would move the difference of two runs."""
    if not paired:
        own = own_error(a, seeds), own_error(b, seeds)
        return Uncertainty(own[0].parts + own[1].parts)
    first = a.estimates[0]
    sampling = jackknife(
        a.score - b.score,
        np.mean([one.left_out for one in a.estimates], axis=0)
        - np.mean([one.left_out for one in b.estimates], axis=0),
        first.group_rows,
    ).std_error
    parts: tuple[tuple[float, float], ...] = ((sampling**2, first.groups - 1),)
    if seeds.dof:
        parts += ((seeds.variance * (1 / len(a.estimates) + 1 / len(b.estimates)), seeds.dof),)
    return Uncertainty(parts)


def needed_errors(of: Uncertainty, comparisons: int) -> float:
    """Return how many standard errors a gap must have to be larger than chance makes it.

    Two, or more where there are several comparisons: a one-sided test of each at
    5% divided by their number (Bonferroni), by Student's t, which keeps the truly best run among
    the best and the tied in 95% of choices whatever the true scores are [1]_.

    Parameters
    ----------
    of
        The uncertainty of the difference.
    comparisons
        With how many runs the best one is compared.

    References
    ----------
    .. [1] J. C. Hsu, "Multiple Comparisons: Theory and Methods", 1996, chapter 4: multiple
       comparisons with the best.
    """
    return max(_LEAST_ERRORS, upper_quantile(_MISTAKES / comparisons, of.dof))


class Ranking:
    """Runs by their score, and what can be told apart; the untrained one is no candidate."""

    def __init__(self, runs: Sequence[Measured], *, paired: bool, untrained: str | None) -> None:
        self.runs = sorted(runs, key=lambda run: -run.score)  # of equal ones the first stays first
        self.candidates = [run for run in self.runs if run.name != untrained]
        self.best = self.candidates[0]
        self.seeds = seed_spread(runs)
        self._paired = paired

    def error(self, run: Measured) -> float:
        """Return the standard error of a score."""
        return own_error(run, self.seeds).std_error

    def gap(self, run: Measured) -> tuple[float, float]:
        """Return how far a run is below the best one, and the standard error of that."""
        if run is self.best:
            return 0.0, 0.0
        return self.best.score - run.score, self._difference(self.best, run).std_error

    def needed(self, run: Measured) -> float:
        """Return how many standard errors of the difference tell a run from the best one."""
        if run is self.best:
            return 0.0
        return needed_errors(self._difference(self.best, run), len(self.runs) - 1)

    def tied(self) -> tuple[str, ...]:
        """Name the runs that cannot be told from the best one."""
        return tuple(run.name for run in self.candidates[1:] if not self.is_above(self.best, run))

    def is_above(self, a: Measured, b: Measured) -> bool:
        """Whether a run is above another one, beyond chance and rounding."""
        of = self._difference(a, b)
        return a.low - b.high > needed_errors(of, len(self.runs) - 1) * of.std_error

    def _difference(self, a: Measured, b: Measured) -> Uncertainty:
        """Return the uncertainty of the difference of two runs."""
        return difference(a, b, self.seeds, paired=self._paired)
