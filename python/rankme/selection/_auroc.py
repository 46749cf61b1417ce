"""How well a score tells two kinds apart, where scores that rounding cannot tell apart are ties."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.notebook import card
from rankme.selection._dominance import count_before_and_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Auroc", "auroc"]


@dataclass(frozen=True)
class Auroc:
    """Area under the ROC curve, what rounding leaves open of it, and its sampling error.

    Made by `rankme.auroc`. ``float()`` gives `value`.

    Attributes
    ----------
    value : float
        The chance that a positive case has the higher score of a positive and a negative one; a tie
        counts one half. From 0 to 1.
    low, high : float
        The least and the largest area that scores inside the intervals can have; both are `value`
        where no intervals were given.
    std_error : float
        DeLong's standard error of `value`, over samples of cases. NaN where it has nothing to go
        by: with fewer than two cases of a kind, and where all pairs end alike, as where every
        positive case is above every negative one. `least` tells something then.
    n_positive, n_negative : int
        How many cases there are of each kind.
    """

    value: float
    low: float
    high: float
    std_error: float
    n_positive: int
    n_negative: int

    @property
    def least(self) -> float:
        """The least area that cases which are all separated speak for, at 95%; NaN for others.

        With the smaller kind of m cases there are m pairs that share none. If the area is a, all m
        end alike with a chance of at most a**m, which is 5% at ``a = 0.05**(1 / m)``. Of cases that
        are all the wrong way round, it is the least of ``1 - value``.
        """
        if self.value not in (0.0, 1.0):
            return math.nan
        return float(0.05 ** (1 / min(self.n_positive, self.n_negative)))

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        rounding = (
            "" if self.low == self.high else f", {self.low:.4f} to {self.high:.4f} (rounding)"
        )
        return (
            f"AUROC {self.value:.4f} {self._sampling()}{rounding}, "
            f"{self.n_positive} positive and {self.n_negative} negative"
        )

    def _repr_html_(self) -> str:
        """Show it in notebooks."""
        return card(
            "Area under the ROC curve",
            {
                "AUROC": f"{self.value:.4f} {self._sampling()}",
                "rounding": f"{self.low:.4f} to {self.high:.4f}",
                "cases": f"{self.n_positive} positive, {self.n_negative} negative",
            },
        )

    def _sampling(self) -> str:
        """Write what is known of the sampling error."""
        if math.isfinite(self.std_error):
            return f"± {self.std_error:.4f} (sampling)"
        if self.value == 1:
            return f"(all separated; above {self.least:.4f} at 95%)"
        if self.value == 0:
            return f"(all separated; below {1 - self.least:.4f} at 95%)"
        return "(sampling error unknown)"


class _Cases(NamedTuple):
    """Scores of cases of one kind, in ascending order, and the ends of their intervals."""

    score: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def negated(self) -> _Cases:
        """Turn the line of scores round."""
        return _Cases(-self.score[::-1], -self.high[::-1], -self.low[::-1])


def auroc(
    scores: ArrayLike,
    positive: ArrayLike,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
) -> Auroc:
    """Area under the ROC curve of a score, in which equal to within rounding is equal.

    A high score should mean a positive case; with a score that is low for them, pass ``-scores``
    and ``bounds=(-high, -low)``. The area is the Mann-Whitney statistic: the share of the pairs of
    a positive and a negative case in which the positive one has the higher score. A tie counts one
    half. Two scores are tied if they are equal, and, given intervals, if each lies inside the
    interval of the other. That relation is not transitive, so cases are never merged into groups;
    pairs are counted, n log n of work for n cases.

    Parameters
    ----------
    scores : array
        Shape (n,), finite.
    positive : array
        Shape (n,): True or 1 for a positive case, False or 0 for a negative one, both present.
    bounds : pair of array, optional
        The ends of the intervals that hold the exact scores, each of shape (n,): what
        `rankme.score_batch` gives second with ``return_bounds=True``.

    Returns
    -------
    Auroc
        The area, the interval that rounding leaves open, and DeLong's standard error [1]_ by
        placements: with ``V_p`` the share of negative cases below the positive case p, and ``V_n``
        the share of positive cases above the negative case n, ties counting one half,
        ``SE^2 = var(V_p) / n_positive + var(V_n) / n_negative``.

    Raises
    ------
    TypeError
        If `scores` or `bounds` hold no numbers, one is a masked array, or `bounds` is no pair.
    ValueError
        If shapes disagree, a score is not finite, a label is neither 0 nor 1, one kind has no case,
        or a score lies outside its interval; the text names the case.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more
       correlated receiver operating characteristic curves", Biometrics 44 (1988), 837-845.

    Examples
    --------
    >>> import rankme
    >>> float(rankme.auroc([1.0, 3.0, 2.0, 4.0], [False, False, True, True]))
    0.75
    >>> twice = rankme.auroc([1.0, 1.1], [True, False], bounds=([0.9, 0.9], [1.2, 1.2]))
    >>> twice.value, twice.low, twice.high
    (0.5, 0.0, 1.0)
    """
    values = _numbers(scores, "scores")
    is_positive = _labels(positive, values.size)
    low, high = (values, values) if bounds is None else _intervals(bounds, values)
    order = np.argsort(values, kind="stable")
    for_, against = (
        _Cases(values[kind], low[kind], high[kind])
        for kind in (order[is_positive[order]], order[~is_positive[order]])
    )
    n_for, n_against = for_.score.size, against.score.size
    exact = bounds is None
    won = _placements(for_, against, exact=exact) / n_against
    lost = _placements(against, for_, exact=exact) / n_for
    return Auroc(
        value=float(won.mean()),
        low=_plain_area(for_.low, against.high),
        high=_plain_area(for_.high, against.low),
        std_error=_std_error(won, lost),
        n_positive=n_for,
        n_negative=n_against,
    )


def _std_error(won: NDArray[np.float64], lost: NDArray[np.float64]) -> float:
    """DeLong's standard error; NaN where no placement differs, of which he would make 0."""
    if np.ptp(won) == 0 and np.ptp(lost) == 0:
        return math.nan
    return math.sqrt(_variance(won) / won.size + _variance(lost) / lost.size)


def _placements(cases: _Cases, others: _Cases, *, exact: bool) -> NDArray[np.float64]:
    """Count, for each case, the others below it; one that is tied with it counts one half."""
    below = np.searchsorted(others.score, cases.score, "left")
    equal = np.searchsorted(others.score, cases.score, "right") - below
    if exact:
        return below + 0.5 * equal
    tied_below = _tied_below(cases, others)
    tied_above = _tied_below(cases.negated(), others.negated())[::-1]
    return below + 0.5 * (equal + tied_above - tied_below)


def _tied_below(cases: _Cases, others: _Cases) -> NDArray[np.int64]:
    """Count, for each case, the others that are lower and still tied with it."""
    # Of the others in [low, score) of a case, those whose interval reaches up to its score. All
    # that end below the score are lower than it, so only the part under `low` is a question of two.
    by_end = np.argsort(others.high, kind="stable")
    ranks = np.empty_like(by_end)
    ranks[by_end] = np.arange(by_end.size)
    below = np.searchsorted(others.score, cases.score, "left")
    under_low = np.searchsorted(others.score, cases.low, "left")
    ends_below = np.searchsorted(others.high[by_end], cases.score, "left")
    ends_below_under_low = count_before_and_below(ranks, under_low, ends_below)
    return (below - ends_below) - (under_low - ends_below_under_low)


def _plain_area(for_: NDArray[np.float64], against: NDArray[np.float64]) -> float:
    """Find the area where only equal scores are ties."""
    ordered = np.sort(against)
    twice = np.searchsorted(ordered, for_, "left") + np.searchsorted(ordered, for_, "right")
    return float((twice / (2 * against.size)).mean())


def _variance(placements: NDArray[np.float64]) -> float:
    """Estimate the variance of what a sample is drawn from; NaN from one number."""
    return float(placements.var(ddof=1)) if placements.size > 1 else math.nan


def _plain(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return an array, of which no mask is lost."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost; leave the masked cases out of "
            f"scores, positive and bounds"
        )
    return np.asarray(values)


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return finite numbers as a vector."""
    array = _plain(values, name)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be real numbers, not {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, a number for each case; its shape is {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(f"{name}[{bad[0]}] is {array[bad[0]]}; every one must be finite")
    return array.astype(np.float64)


def _labels(positive: ArrayLike, n: int) -> NDArray[np.bool_]:
    """Return which of n cases are positive."""
    array = _plain(positive, "positive")
    if array.shape != (n,):
        raise ValueError(
            f"positive has shape {array.shape}, and scores has {n} cases: wanted ({n},)"
        )
    other = np.flatnonzero((array != 0) & (array != 1))
    if other.size:
        raise ValueError(
            f"positive[{other[0]}] is {array.tolist()[other[0]]!r}; wanted True or 1, False or 0: "
            f"compare your labels with the positive one, as in labels == 'wrong'"
        )
    is_positive = array.astype(bool)
    if is_positive.all() or not is_positive.any():
        kind = "negative" if n and is_positive.all() else "positive"
        raise ValueError(f"positive has no {kind} case among {n}; an AUROC needs both kinds")
    return is_positive


def _intervals(
    bounds: tuple[ArrayLike, ArrayLike] | Sequence[ArrayLike], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the intervals, which hold the scores."""
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:  # noqa: PLR2004
        came = type_name(bounds)
        if isinstance(bounds, (tuple, list)):
            came += f" of {len(bounds)}"
        raise TypeError(f"bounds must be a pair (low, high), not {came}")
    low, high = (_numbers(end, f"bounds[{i}]") for i, end in enumerate(bounds))
    for i, end in enumerate((low, high)):
        if end.shape != values.shape:
            raise ValueError(f"bounds[{i}] has {end.size} cases, and scores has {values.size}")
    outside = np.flatnonzero((values < low) | (values > high))
    if outside.size:
        i = outside[0]
        raise ValueError(
            f"scores[{i}] is {values[i]}, outside its interval, {low[i]} to {high[i]}; wanted "
            f"bounds=(low, high) with low <= scores <= high"
        )
    return low, high
