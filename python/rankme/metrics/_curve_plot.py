"""The picture of a score over the number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rankme.metrics._curve import Curve

__all__ = ["draw_curve"]

_SCORES, _EXTRAPOLATED, _INK, _FAINT = "#0b6e4f", "#d9822b", "#22282e", "#d5dade"


def draw_curve(curve: Curve, ax: Axes | None = None) -> Axes:
    """Draw the scores with two standard errors, and the extrapolated ones."""
    if ax is None:
        try:
            from matplotlib import pyplot as plt  # noqa: PLC0415
        except ImportError as error:
            raise ImportError('a plot needs Matplotlib: pip install "rankme[plot]"') from error
        ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1]
    ax.errorbar(
        curve.rows,
        curve.scores,
        yerr=2 * curve.std_errors,
        color=_SCORES,
        marker="o",
        markersize=4,
        capsize=3,
        linewidth=1.6,
        label="RankMe, two standard errors",
    )
    extrapolated = curve.bias_corrected
    if not np.isnan(extrapolated).all():
        ax.plot(
            curve.rows,
            extrapolated,
            color=_EXTRAPOLATED,
            marker="o",
            markersize=4,
            linewidth=1,
            linestyle=":",
            label="extrapolated",
        )
    first = curve.estimates[0]
    which = "the first rows" if curve.seed is None else f"random rows, seed {curve.seed}"
    ax.set_title(f"RankMe over N, K = {first.n_cols}, {which}", color=_INK, fontsize="medium")
    ax.set_xscale("log")
    ax.set_xlabel("rows N", color=_INK)
    ax.set_ylabel("RankMe", color=_INK)
    ax.grid(color=_FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.legend(loc="best", frameon=False, fontsize="small")
    return ax
