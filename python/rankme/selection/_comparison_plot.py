"""The picture of a comparison. Matplotlib is optional: nothing imports it before a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._base.optional import require
from rankme._base.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rankme.selection.comparison import Comparison

__all__ = ["draw"]

_BEST, _TIED, _OTHER, _INK = "#0b6e4f", "#d9822b", "#7a8794", "#22282e"
_INCHES_A_RUN = 0.32


def draw(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw dots with bars of two standard errors: by rank, or over the steps of checkpoints."""
    runs = comparison.runs
    steps = [run.step for run in runs]
    along = all(step is not None for step in steps)
    if ax is None:
        plt: Any = require("matplotlib.pyplot", extra="plot", what="a plot")
        size = (8.0, 4.2) if along else (8.0, 1.6 + _INCHES_A_RUN * len(runs))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    errors = [2 * run.std_error for run in runs]
    scores = [run.score for run in runs]
    colours = [
        _BEST if run.name == comparison.best else _TIED if run.name in comparison.tied else _OTHER
        for run in runs
    ]
    places: list[Any] = steps if along else list(range(len(runs)))
    if along:
        order = sorted(range(len(runs)), key=lambda i: places[i])
        ax.plot([places[i] for i in order], [scores[i] for i in order], color=_OTHER, lw=1)
        ax.set_xlabel("step", color=_INK)
        ax.set_ylabel("RankMe", color=_INK)
    else:
        ax.set_yticks(places, [one_line(run.name) for run in runs], parse_math=False)
        ax.invert_yaxis()
        ax.set_xlabel("RankMe", color=_INK)
    for place, score, error, colour in zip(places, scores, errors, colours, strict=True):
        x, y = (place, score) if along else (score, place)
        bars = (None, error) if along else (error, None)
        ax.errorbar(x, y, xerr=bars[0], yerr=bars[1], fmt="o", color=colour, capsize=3)
    ax.set_title(
        f"{comparison.rows} rows of each, two standard errors; best: {one_line(comparison.best)}",
        color=_INK,
        fontsize="medium",
        parse_math=False,
    )
    return ax
