"""A score of a sample of rows, with how far other samples would be from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.notebook import card
from rankme.metrics._certainty import flat_scores, score_of, warn_uncertain
from rankme.metrics._jackknife import (
    LARGEST_BIAS,
    MIN_GROUPS,
    ROWS_TO_EXTRAPOLATE,
    Jackknife,
    can_extrapolate,
    jackknife,
    largest_usual_share,
    neighbours_are_alike,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rankme.metrics._spectrum import Spectrum

__all__ = [
    "EQUAL_RUNS",
    "Dealt",
    "Estimate",
    "Parts",
    "bare_estimate",
    "estimate_of",
    "require_filled",
]


class Dealt(NamedTuple):
    """How rows went to groups.

    Attributes
    ----------
    run_length : int or None
        Rows of one run, run i to group i mod B; None of B runs of equal length.
    merged : bool
        Whether groups hold rows of several streams, so that no row's group is known.
    fingerprint : str or None
        Of the ids of the rows in their groups: `rankme.Accumulator.fingerprint`.
    """

    run_length: int | None = None
    merged: bool = False
    fingerprint: str | None = None


EQUAL_RUNS = Dealt()


@dataclass(frozen=True, eq=False)
class Estimate:
    """RankMe of a sample of rows, its rounding and its sampling error.

    Made by `rankme.estimate` and `rankme.Accumulator.estimate`, not by hand. ``str()`` writes it as
    ``54.99 ± 0.10 (sampling), 55.09 extrapolated``; what is extrapolated is `bias_corrected`, which
    is left out where it says nothing: below N = 4 K, and where it is off the score by more than 8%.

    Attributes
    ----------
    score : float
        RankMe of all rows.
    low, high : float
        The interval of rounding: RankMe of these very rows in exact arithmetic lies inside.
    n_rows, n_cols : int
        N and K.
    eps : float
    center, normalize : bool
        As in `rankme.score`.
    left_out : numpy.ndarray
        Shape (B,), float64, read-only: RankMe of the rows without each group.
    group_rows : numpy.ndarray
        Shape (B,), int64, read-only: the rows of each group.
    n_skipped : int
        Rows that were left out since they held NaN or infinity.
    dealt : tuple
        How rows went to groups: `run_length` (None of B runs of equal length), `merged` and
        `fingerprint`, as of `rankme.Accumulator`. Only estimates that are alike in it can be those
        of pairs.

    References
    ----------
    .. [1] F. M. T. A. Busing, E. Meijer, R. van der Leeden, "Delete-m jackknife for unequal m",
       Statistics and Computing 9 (1999), 3-8.
    """

    score: float
    low: float
    high: float
    n_rows: int
    n_cols: int
    eps: float
    center: bool
    normalize: bool
    left_out: NDArray[np.float64] = field(repr=False)
    group_rows: NDArray[np.int64] = field(repr=False)
    n_skipped: int = field(default=0, kw_only=True)
    dealt: Dealt = field(default=EQUAL_RUNS, repr=False, kw_only=True)

    @property
    def groups(self) -> int:
        """B, how many groups hold rows."""
        return int(self.group_rows.size)

    @property
    def std_error(self) -> float:
        """Standard error of the score over samples of N rows, by the delete-a-group jackknife."""
        return self._jackknife.std_error

    @property
    def bias_corrected(self) -> float:
        """The extrapolated score: what it tends to with more and more rows.

        As far as its bias is proportional to 1 / N, which takes N = 4 K independent rows or more.
        Where neighbours are alike, as in a file sorted by class, it can be beyond K.
        """
        return self._jackknife.bias_corrected

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON has of it.

        Returns
        -------
        dict
            ``rankme, low, high, std_error, bias_corrected, groups, n_rows, n_cols, n_skipped, eps,
            center, normalize``: plain numbers and truth values.
        """
        return {
            "rankme": self.score,
            "low": self.low,
            "high": self.high,
            "std_error": self.std_error,
            "bias_corrected": self.bias_corrected,
            "groups": self.groups,
            "n_rows": self.n_rows,
            "n_cols": self.n_cols,
            "n_skipped": self.n_skipped,
            "eps": self.eps,
            "center": self.center,
            "normalize": self.normalize,
        }

    def __str__(self) -> str:
        decimals = _decimals_of(self.std_error)
        error = f"{self.std_error:.{decimals}f}" if self.std_error else "0"
        text = f"{self.score:.{decimals}f} ± {error} (sampling)"
        if not can_extrapolate(self.score, self.bias_corrected, self.n_rows, self.n_cols):
            return text
        return f"{text}, {self.bias_corrected:.{decimals}f} extrapolated"

    def _repr_html_(self) -> str:
        """Show it in notebooks."""
        return card(
            "Estimate",
            {
                "RankMe": self,
                "exact within": f"{self.low:.9g} to {self.high:.9g}",
                "rows, columns": f"{self.n_rows}, {self.n_cols}",
                "groups": self.groups,
                "centred": "yes" if self.center else "no",
                "normalised": "yes" if self.normalize else "no",
                **({"rows left out": self.n_skipped} if self.n_skipped else {}),
            },
        )

    def __repr__(self) -> str:
        return (
            f"Estimate({self}; N = {self.n_rows}, K = {self.n_cols}, {self.groups} groups, "
            f"eps={self.eps:g}, center={self.center}, normalize={self.normalize})"
        )

    @cached_property
    def _jackknife(self) -> Jackknife:
        """What the scores without each group tell."""
        return jackknife(self.score, self.left_out, self.group_rows)


def _decimals_of(error: float) -> int:
    """Count the decimals that show two digits of an error; six where there is none."""
    if error == 0:
        return 6
    return int(np.clip(1 - np.floor(np.log10(error)), 0, 12))


class Parts(NamedTuple):
    """What an estimate is put together from.

    Attributes
    ----------
    whole : Spectrum
        Of all rows.
    group_rows : numpy.ndarray
        Shape (B,), int64: the rows of each group, which may be none.
    left_out : list of tuple
        Of the rows without each group that has some: what the core tells of singular values.
    dealt : Dealt
    """

    whole: Spectrum
    group_rows: NDArray[np.int64]
    left_out: Sequence[tuple[Any, ...]]
    dealt: Dealt = EQUAL_RUNS


def require_filled(group_rows: NDArray[np.int64], run_length: int | None = None) -> None:
    """Refuse groups of which fewer than 8 have rows.

    group_rows: shape (B,). run_length: of the runs that rows were dealt in, if they were.
    """
    filled = int(np.count_nonzero(group_rows))
    if filled >= MIN_GROUPS:
        return
    if run_length is None:
        raise ValueError(
            f"{int(group_rows.sum())} rows fill {filled} groups, and an estimate leaves out one "
            f"after the other of {MIN_GROUPS} or more: it needs {MIN_GROUPS} rows at least, and "
            f"means little below a few hundred"
        )
    if group_rows.sum() > (MIN_GROUPS - 1) * run_length:
        raise ValueError(
            f"{int(group_rows.sum())} rows fill {filled} of {group_rows.size} groups, since each "
            f"part of a merge fills the first groups first; make the parts with a run_length below "
            f"{run_length}, so that each has {MIN_GROUPS} runs or more"
        )
    raise ValueError(
        f"{int(group_rows.sum())} rows fill {filled} of {group_rows.size} groups, and an estimate "
        f"leaves out one after the other of {MIN_GROUPS} or more: take in more than "
        f"{(MIN_GROUPS - 1) * run_length} rows, or make the accumulator with a run_length below "
        f"{run_length}"
    )


def estimate_of(
    whole: Spectrum,
    group_rows: NDArray[np.int64],
    left_out: Sequence[tuple[Any, ...]],
    dealt: Dealt,
    eps: float,
    *,
    stacklevel: int,
) -> Estimate:
    """Put an estimate together.

    Parameters
    ----------
    whole, group_rows, left_out, dealt
        As in `Parts`.
    eps
        Of RankMe.
    stacklevel
        Frames from this function to the caller of the public name, for warnings.

    Warns
    -----
    PrecisionWarning
        Where rounding leaves the score uncertain, or one group has most of the variance, or the
        bias is that of far fewer rows.
    """
    score = score_of(whole, eps, stacklevel=stacklevel + 1)
    result = bare_estimate(whole, group_rows, left_out, dealt, eps, score=score)
    _warn_of_groups(result, stacklevel + 1)
    return result


def bare_estimate(
    whole: Spectrum,
    group_rows: NDArray[np.int64],
    left_out: Sequence[tuple[Any, ...]],
    dealt: Dealt,
    eps: float,
    *,
    score: float | None = None,
) -> Estimate:
    """Put an estimate together without a warning; arguments as of `estimate_of`, and its score."""
    low, high = whole.rankme_bounds(eps=eps)
    scaled, lows, highs = (np.concatenate([values[i] for values in left_out]) for i in range(3))
    ends = np.cumsum([0, *(values[0].size for values in left_out)])
    scores, _ = flat_scores((scaled, lows, highs), ends, eps, np.inf)
    filled = group_rows[group_rows > 0]
    for array in (scores, filled):
        array.flags.writeable = False
    return Estimate(
        whole.rankme(eps=eps) if score is None else score,
        low,
        high,
        whole.n_rows,
        whole.n_cols,
        eps,
        whole.center,
        whole.normalize,
        scores,
        filled,
        n_skipped=whole.n_skipped,
        dealt=dealt,
    )


def _warn_of_groups(result: Estimate, stacklevel: int) -> None:
    """Warn where one group makes most of the error, or the groups have too little in common."""
    group, share = result._jackknife.dominating  # noqa: SLF001
    if share > largest_usual_share(result.groups):
        warn_uncertain(
            f"group {group} of {result.groups}, {result.group_rows[group]} rows, makes {share:.0%} "
            f"of the sampling variance of RankMe {result.score:.6g}: long or odd rows in it; the "
            f"standard error {result.std_error:.2g} may be far too small: look at the norms of the "
            f"rows, or score with normalize=True",
            stacklevel + 1,
        )
        return
    bias = result.bias_corrected - result.score
    enough = result.n_rows >= ROWS_TO_EXTRAPOLATE * result.n_cols
    # Few groups of few rows are known to no better than the standard error.
    if enough and bias > LARGEST_BIAS * result.score + result.std_error:
        warn_uncertain(
            f"RankMe {result.score:.6g} of {result.n_rows} rows has the bias of far fewer, "
            f"{bias:.2g}: rows of one group are alike and those of others are not, as in a file "
            f"sorted by class, or some rows outweigh the others. The standard error "
            f"{result.std_error:.2g} is that of such groups, and nothing can be extrapolated; if "
            f"the rows are independent, shuffle them: np.random.default_rng(0).permutation(Z)",
            stacklevel + 1,
        )
    elif result.dealt.run_length is None and neighbours_are_alike(result.left_out):
        warn_uncertain(
            f"neighbouring groups of the {result.n_rows} rows are alike, as where rows are sorted "
            f"by a few classes, or drift: the standard error {result.std_error:.2g} of RankMe "
            f"{result.score:.6g} is that of a few such stretches, mostly far too large; if the "
            f"rows are independent, shuffle them: np.random.default_rng(0).permutation(Z)",
            stacklevel + 1,
        )
