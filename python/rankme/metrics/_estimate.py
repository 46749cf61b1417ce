"""A score of a sample of rows, with how far other samples would be from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rankme.metrics._jackknife import Jackknife, jackknife

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Estimate"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """RankMe of a sample of rows, its rounding and its sampling error.

    Made by `rankme.estimate` and `rankme.Accumulator.estimate`, not by hand.

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
        """What the score tends to with more rows, as far as its bias is proportional to 1 / N."""
        return self._jackknife.bias_corrected

    @cached_property
    def _jackknife(self) -> Jackknife:
        """What the scores without each group tell."""
        return jackknife(self.score, self.left_out, self.group_rows)
