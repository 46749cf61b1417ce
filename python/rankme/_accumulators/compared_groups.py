"""What tells groups apart: the worst of them, the spread between them, LiDAR by labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rankme import _core
from rankme._accumulators.asked_grouped import AskedGroups
from rankme._accumulators.grouped_results import GroupSpread, WorstGroup
from rankme._base.arguments import as_eps, as_index
from rankme.metrics._lidar import as_delta, rank_of_scatters

if TYPE_CHECKING:
    from typing import SupportsIndex

__all__ = ["ComparedGroups"]

_ROWS_A_COLUMN = 10  # with so many rows for each column a score hardly depends on their number


class ComparedGroups(AskedGroups):
    """The groups beside each other."""

    __slots__ = ()

    def worst(
        self, *, eps: float = 1e-7, center: bool = False, min_rows: SupportsIndex | None = None
    ) -> WorstGroup:
        """Return the group whose RankMe is lowest for its number of rows.

        RankMe depends on N: it is at most ``min(N, K)``, and grows with N until there are many
        times K rows. So groups are compared by ``log(score) / log(min(N, K))``, which depends on N
        much less, though it is not free of it. Among groups of as many rows, or of K rows and more,
        that is the one with the lowest RankMe.

        Parameters
        ----------
        eps : float
            As in `rankme.score`.
        center : bool
            Subtract the column means of each group.
        min_rows : int, optional
            How many rows a group must have to be looked at; 1 or more. By default half as many as
            the median group with rows, or 10 K where that is less; and 2 with `center`, since a
            row less itself is nothing.

        Returns
        -------
        WorstGroup
            ``group``, ``score``, ``normalized``, ``n_rows``, ``min_rows`` and ``left_out``; of
            equals the first.

        Warns
        -----
        PrecisionWarning
            As `scores`.

        Raises
        ------
        TypeError
            If `eps` or `min_rows` is no number.
        ValueError
            If `eps` or `min_rows` is out of range, or if no group has `min_rows` rows.
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`.
        """
        checked_eps = as_eps(eps)
        least = None if min_rows is None else as_index(min_rows, "min_rows", 1)
        scores, rows = self._scored(checked_eps, center=bool(center), stacklevel=3)
        if not rows.any():
            raise ValueError("there are no rows yet")
        if least is None:
            typical = float(np.median(rows[rows > 0]))
            least = max(1 + bool(center), min(_ROWS_A_COLUMN * self.dim, math.ceil(typical / 2)))
        if rows.max() < least:
            raise ValueError(
                f"no group has min_rows = {least} rows; the largest has {rows.max()}: "
                f"pass min_rows={rows.max()} or less"
            )
        most = np.minimum(rows - bool(center), self.dim)
        enough = np.flatnonzero(rows >= least)
        normalized = [_normalized(float(scores[group]), int(most[group])) for group in enough]
        first = int(np.argmin(normalized))
        group = int(enough[first])
        score, few = float(scores[group]), tuple(np.flatnonzero(rows < least).tolist())
        return WorstGroup(group, score, normalized[first], int(rows[group]), least, few)

    def spread(self) -> GroupSpread:
        """Tell how much of the spread of all rows is between the groups, and how much within.

        Returns
        -------
        GroupSpread
            ``between``, ``within`` and ``share``.

        Raises
        ------
        ValueError
            If there are no rows yet.
        OverflowError
            If one of them is beyond float64.
        """
        n_rows, _, within, between = _core.group_scatters(self._core, weighted=True)
        if n_rows == 0:
            raise ValueError("there are no rows yet")
        exponent = max(within[1], between[1])
        inside, outside = (
            math.ldexp(float(np.trace(matrix)), 2 * (own - exponent))
            for matrix, own in (within, between)
        )
        share = outside / (inside + outside) if inside + outside else math.nan
        try:
            apart, inner = (math.ldexp(part, 2 * exponent) for part in (outside, inside))
        except OverflowError:
            raise OverflowError(
                "the squares are beyond float64; divide all rows by a power of two"
            ) from None
        return GroupSpread(apart, inner, share)

    def lidar(self, *, delta: float = 1e-4, eps: float = 1e-7) -> float:
        """LiDAR by labels: `rankme.metrics.lidar` of groups that need not have as many rows.

        With n groups that have rows, N rows in all and ``mu`` the mean of the means::

            Sb = 1/(n - 1) sum_g   (mu_g - mu) (mu_g - mu)^T
            Sw = 1/(N - n) sum_g,i (z_gi - mu_g) (z_gi - mu_g)^T  +  delta I

        and LiDAR is the effective rank of ``Sw^-1/2 Sb Sw^-1/2``, as there. Where all groups have q
        rows it is the same number. Otherwise Sw is the pooled covariance, in which each row counts
        alike, and Sb has each group once, however many rows it has: LiDAR asks for what tells
        objects apart, and not which of them is frequent. (Fisher's discriminant analysis has
        ``n_g`` as a weight in Sb; `spread` has it, too.) A group of one row has a mean and nothing
        within.

        Parameters
        ----------
        delta, eps : float
            As in `rankme.metrics.lidar`.

        Returns
        -------
        float
            0.0 if all groups have one mean; otherwise from 1 to min(K, n - 1), which ``eps > 0``
            may exceed a little.

        Raises
        ------
        TypeError
            If `delta` or `eps` are no real numbers.
        ValueError
            If less than 2 groups have rows, if none has 2, if `delta` is negative or not finite, if
            `eps` is not from 0 to 1, or if `delta` is 0, or too small to be seen, and Sw has no
            inverse.

        References
        ----------
        V. Thilak et al., ICLR 2024, arXiv:2312.04000, eq. 1-2; see `rankme.metrics.lidar`.
        """
        ridge, checked_eps = as_delta(delta), as_eps(eps)
        scatters = _core.group_scatters(self._core, weighted=False)
        n_rows, n_groups = scatters[:2]
        if n_groups < 2:  # noqa: PLR2004
            raise ValueError(f"LiDAR needs 2 or more groups with rows; there are {n_groups}")
        if n_rows == n_groups:
            raise ValueError("LiDAR needs a group of 2 or more rows; each has one")
        return rank_of_scatters(scatters, ridge, checked_eps)


def _normalized(score: float, most: int) -> float:
    """Divide the logarithm of a score by the largest that it can be."""
    if score == 0:
        return -math.inf
    return math.log(score) / math.log(most) if most > 1 else 1.0
