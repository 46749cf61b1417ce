"""One row of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Run"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a `Comparison`, with the mean over its repeats.

    Attributes
    ----------
    name : str
    score : float
        RankMe on `Comparison.rows` rows, the mean over the repeats.
    low, high : float
        The interval of rounding.
    std_error : float
        Standard error of the score: of the sample of rows, and of the seeds where runs have
        repeats.
    bias_corrected : float
        The extrapolated score: `rankme.Estimate.bias_corrected`.
    normalized : float
        ``log RankMe / log m`` with m = min(N, K), or min(N - 1, K) of centred rows; 0 of a score of
        0. The value to look at where K differs.
    n_rows, n_cols : int
        N, the rows that were scored, and K.
    dtype : str or None
        Of the rows; None where only sums or an estimate were given.
    definition : str
        By what the score was computed.
    tags : mapping
        What was told of all repeats alike.
    scores : tuple of float
        Of each repeat.
    limit : int
        m.
    gap, gap_error : float
        How far it is below the best one, and the standard error of that difference; an untrained
        run above the best has a gap below 0.
    needed_errors : float
        How many of these standard errors tell it from the best one.
    paths : tuple of str
        Where each repeat was read from; not of what was in memory.
    step : float or None
        Its place in the order of checkpoints.
    """

    name: str
    score: float
    low: float
    high: float
    std_error: float
    bias_corrected: float
    normalized: float
    n_rows: int
    n_cols: int
    dtype: str | None
    definition: str
    tags: Mapping[str, str | int | float | bool]
    scores: tuple[float, ...]
    limit: int
    gap: float
    gap_error: float
    needed_errors: float
    paths: tuple[str, ...] = ()
    step: float | None = None
