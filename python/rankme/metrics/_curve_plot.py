"""The picture of a score over the number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from rankme._base.colours import colours_of, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rankme.metrics._curve import Curve

__all__ = ["draw_curve"]

_MOST_TICKS = 8


def draw_curve(curve: Curve, ax: Axes | None = None) -> Axes:
    """Draw the scores with two standard errors, and the extrapolated ones."""
    if ax is None:
        ax = cast("Axes", drawable().subplots(figsize=(6.4, 4.4), layout="constrained")[1])
    colours = colours_of(ax)
    ax.errorbar(
        curve.rows,
        curve.scores,
        yerr=2 * curve.std_errors,
        color=colours.first,
        marker="o",
        markersize=5,
        capsize=3,
        label="RankMe, two standard errors",
    )
    extrapolated = curve.bias_corrected
    if not np.isnan(extrapolated).all():
        ax.plot(
            curve.rows,
            extrapolated,
            color=colours.second,
            marker="s",
            markersize=5,
            linestyle=":",
            label="extrapolated",
        )
    first = curve.estimates[0]
    which = "the first rows" if curve.seed is None else f"random rows, seed {curve.seed}"
    ax.set_title(f"RankMe over N, K = {first.n_cols}, {which}", fontsize="medium")
    ax.set_xscale("log")
    if len(curve.rows) <= _MOST_TICKS:
        ax.set_xticks(curve.rows, [f"{rows:,}" for rows in curve.rows])
        ax.set_xticks([], minor=True)
    ax.set_xlabel("rows N")
    ax.set_ylabel("RankMe")
    ax.grid(**colours.grid)
    ax.set_axisbelow(True)
    ax.legend(**colours.legend)
    return ax
