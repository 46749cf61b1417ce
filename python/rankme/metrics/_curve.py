"""The score over the number of rows, with its sampling error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.notebook import table
from rankme.metrics._curve_plot import draw_curve
from rankme.metrics._jackknife import can_extrapolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rankme.metrics._estimate import Estimate

__all__ = ["Curve"]


@dataclass(frozen=True, eq=False)
class Curve:
    """RankMe over the number of rows; made by `rankme.curve`, not by hand.

    Attributes
    ----------
    rows : tuple of int
        How many rows each score is of, ascending. With ``skip_nonfinite=True`` those that were left
        out are among them.
    estimates : tuple of Estimate
        One for each.
    seed : int or None
        Which rows: a random subset, or the first.
    """

    rows: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    seed: int | None

    @property
    def scores(self) -> NDArray[np.float64]:
        """RankMe of each subset, shape (len(rows),)."""
        return self._each(lambda one: one.score)

    @property
    def std_errors(self) -> NDArray[np.float64]:
        """Standard error of each, over samples of as many rows, by the jackknife."""
        return self._each(lambda one: one.std_error)

    @property
    def bias_corrected(self) -> NDArray[np.float64]:
        """The extrapolated score by each subset; NaN where N < 4 K, or more than 8% off the score.

        Where neighbours are alike, or a few rows outweigh the others, it can be anything.
        """
        return self._each(
            lambda one: (
                one.bias_corrected
                if can_extrapolate(one.score, one.bias_corrected, one.n_rows, one.n_cols)
                else np.nan
            )
        )

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower ends of the intervals of rounding."""
        return self._each(lambda one: one.low)

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper ends of the intervals of rounding."""
        return self._each(lambda one: one.high)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as lists and numbers, for JSON.

        Returns
        -------
        dict
            ``rows``, ``scores``, ``std_errors``, ``bias_corrected`` (None where it is NaN), ``low``
            and ``high`` are lists; ``n_cols``, ``groups``, ``eps``, ``center``, ``normalize`` and
            ``seed`` tell what was scored.
        """
        first = self.estimates[0]
        return {
            "rows": list(self.rows),
            "scores": self.scores.tolist(),
            "std_errors": self.std_errors.tolist(),
            "bias_corrected": [
                None if np.isnan(value) else value for value in self.bias_corrected.tolist()
            ],
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "n_cols": first.n_cols,
            "groups": first.groups,
            "eps": first.eps,
            "center": first.center,
            "normalize": first.normalize,
            "seed": self.seed,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scores with two standard errors, and the extrapolated ones.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a figure of its own.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            Matplotlib is not installed.
        """
        return draw_curve(self, ax)

    def __str__(self) -> str:
        lines = [f"{'rows N':>12}  {'RankMe':>10}  {'std. error':>10}  {'extrapolated':>12}"]
        for rows, score, error, extrapolated in zip(
            self.rows, self.scores, self.std_errors, self.bias_corrected, strict=True
        ):
            shown = "" if np.isnan(extrapolated) else f"{extrapolated:.2f}"
            lines.append(f"{rows:>12}  {score:>10.2f}  {error:>10.3f}  {shown:>12}".rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show it as a table in notebooks."""
        first = self.estimates[0]
        which = "the first rows" if self.seed is None else f"random rows, seed {self.seed}"
        return table(
            f"RankMe over N, K = {first.n_cols}, {which}",
            ("rows N", "RankMe", "standard error", "extrapolated"),
            (
                (rows, f"{score:.2f}", f"{error:.3f}", "" if np.isnan(far) else f"{far:.2f}")
                for rows, score, error, far in zip(
                    self.rows, self.scores, self.std_errors, self.bias_corrected, strict=True
                )
            ),
        )

    def _each(self, value: Callable[[Estimate], float]) -> NDArray[np.float64]:
        """Take one number from each estimate."""
        return np.array([value(one) for one in self.estimates])
