"""The delete-a-group jackknife: what a score of a sample is off by, from scores without a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MIN_GROUPS",
    "Jackknife",
    "can_extrapolate",
    "jackknife",
    "largest_usual_share",
    "neighbours_are_alike",
]

# The error of a standard error from B groups is about 1 / sqrt(2 B) of it.
MIN_GROUPS = 8
# The bias of RankMe is proportional to 1 / N from N = 4 K independent rows on, where it is about 4%
# of the score, whatever the spectrum is. Twice that is what half as many rows have.
ROWS_TO_EXTRAPOLATE = 4
LARGEST_BIAS = 0.08
_ONE_IN_500 = 2.88  # standard deviations, on one side


class Jackknife(NamedTuple):
    """What the scores without each group tell of the score of all rows."""

    std_error: float
    bias_corrected: float
    dominating: tuple[int, float]  # the group with most of the variance, and its share


def largest_usual_share(groups: int) -> float:
    """Return the share of the variance that one of B like groups has in 1 of 500 samples.

    One deviation's share of all of them is a Beta(1/2, (B - 2)/2) variable times (B - 1)/B, and the
    largest of B exceeds a share at most B times as often [1]_. The tail is taken as a power, with a
    factor that simulation gave for 8 to 128 groups.

    References
    ----------
    .. [1] W. G. Cochran, "The distribution of the largest of a set of estimated variances as a
       fraction of their total", Annals of Eugenics 11 (1941), 47-52.
    """
    tail = float((0.008 / groups) ** (2 / (groups - 2)))
    return (groups - 1) / groups * (1 - tail)


def neighbours_are_alike(left_out: NDArray[np.float64]) -> bool:
    """Tell whether neighbouring groups are more alike than in 1 of 500 samples of like groups.

    By von Neumann's ratio, the squared differences of neighbours over the squared deviations [1]_:
    2 in the mean for like groups, with the variance 4 (B - 2) / (B^2 - 1) of normal ones. Rows that
    are sorted by a few classes, or that drift, have a small one. Of rows in short runs of views the
    groups are like groups.

    References
    ----------
    .. [1] J. von Neumann, "Distribution of the ratio of the mean square successive difference to
       the variance", Annals of Mathematical Statistics 12 (1941), 367-395.
    """
    count = left_out.size
    deviations = left_out - left_out.mean()
    total = float((deviations**2).sum())
    if total == 0:
        return False
    ratio = float((np.diff(left_out) ** 2).sum()) / total
    spread = float(np.sqrt(4 * (count - 2) / (count**2 - 1)))
    return ratio < 2 - _ONE_IN_500 * spread


def can_extrapolate(score: float, corrected: float, n_rows: int, n_cols: int) -> bool:
    """Tell whether `corrected` is what the score tends to with more rows.

    Not of few rows; and not of many where the bias is that of few. Then neighbours are alike, as
    views of one thing are, or rows sorted by class, or a few rows outweigh the others. The
    corrected score can be anything, beyond K or below 0.
    """
    enough = n_rows >= ROWS_TO_EXTRAPOLATE * n_cols
    return enough and abs(corrected - score) <= LARGEST_BIAS * score


def jackknife(
    score: float, left_out: NDArray[np.float64], group_rows: NDArray[np.int64]
) -> Jackknife:
    """Estimate the standard error of a score, and what it would be without its bias.

    With B groups of ``n_b`` of the N rows, ``h_b = N / n_b``, and ``r_(b)`` the score without group
    b::

        corrected = B r - sum_b (1 - 1/h_b) r_(b)
        SE^2 = 1/B sum_b (h_b r - (h_b - 1) r_(b) - corrected)^2 / (h_b - 1)

    which for equal groups is ``SE^2 = (B - 1)/B sum_b (r_(b) - mean r_(.))^2``; [1]_.

    Parameters
    ----------
    score
        r, of all rows, or a difference of two such.
    left_out
        Shape (B,): of the rows without one group.
    group_rows
        Shape (B,): the rows of each, 1 or more.

    References
    ----------
    .. [1] F. M. T. A. Busing, E. Meijer, R. van der Leeden, "Delete-m jackknife for unequal m",
       Statistics and Computing 9 (1999), 3-8.
    """
    parts = group_rows.sum() / group_rows
    corrected = float(score * parts.size - ((1 - 1 / parts) * left_out).sum())
    deviations = parts * score - (parts - 1) * left_out - corrected
    shares = deviations**2 / (parts - 1)
    total = float(shares.sum())
    most = int(shares.argmax())
    share = float(shares[most]) / total if total > 0 else 0.0
    return Jackknife(float(np.sqrt(total / parts.size)), corrected, (most, share))
