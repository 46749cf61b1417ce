"""What groups of rows tell together."""

from __future__ import annotations

from typing import NamedTuple

from rankme._base.notebook import card

__all__ = ["GroupSpread", "WorstGroup"]


class WorstGroup(NamedTuple):
    """The group whose RankMe is lowest for its number of rows, among those that have enough.

    Attributes
    ----------
    group : int
        Its number.
    score : float
        Its RankMe.
    normalized : float
        ``log(score) / log(min(n_rows, dim))``, of centred rows ``min(n_rows - 1, dim)``.
    n_rows : int
        How many rows it has.
    min_rows : int
        How many rows a group had to have to be looked at.
    left_out : tuple of int
        The groups that have fewer, those without rows among them.
    """

    group: int
    score: float
    normalized: float
    n_rows: int
    min_rows: int
    left_out: tuple[int, ...]

    def _repr_html_(self) -> str:
        """Show it in notebooks."""
        return card(
            "Group of the lowest RankMe",
            {
                "group": self.group,
                "RankMe": f"{self.score:.6g}",
                "normalised": f"{self.normalized:.4g}",
                "rows": self.n_rows,
                "left out": f"{len(self.left_out)} groups of fewer than {self.min_rows} rows",
            },
        )


class GroupSpread(NamedTuple):
    """The squares of all rows about their mean, in two parts that add up to them.

    Attributes
    ----------
    between : float
        ``sum_g n_g |m_g - m|**2``: the means of the groups about the mean of all rows, as often as
        a group has rows. In the unit of the entries squared, as `within`.
    within : float
        ``sum_g sum_i |z_i - m_g|**2``: the rows about the means of their groups.
    share : float
        ``between / (between + within)``, from 0, where all groups have one mean, to 1, where the
        rows of each group are equal; NaN where all rows are equal. Known as the correlation ratio
        eta squared.
    """

    between: float
    within: float
    share: float

    def _repr_html_(self) -> str:
        """Show it in notebooks."""
        return card(
            "Squares about the mean",
            {
                "between groups": f"{self.between:.6g}",
                "within groups": f"{self.within:.6g}",
                "share between": f"{self.share:.4g}",
            },
        )
