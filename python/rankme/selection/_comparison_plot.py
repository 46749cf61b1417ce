"""The picture of a comparison. Matplotlib is optional: nothing imports it before a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rankme._base.colours import colours_of, drawable
from rankme._base.text import one_line
from rankme.selection._comparison_text import MARKS, mark_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rankme.selection.comparison import Comparison

__all__ = ["draw"]

_SHAPES = {"*": "o", "=": "s", "u": "x", "": "D"}
_INCHES_A_RUN = 0.32


def draw(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw dots with bars of two standard errors: by rank, or over the steps of checkpoints."""
    runs = comparison.runs
    steps = [run.step for run in runs]
    along = all(step is not None for step in steps)
    if ax is None:
        size = (8.0, 4.2) if along else (8.0, 1.6 + _INCHES_A_RUN * len(runs))
        ax = cast("Axes", drawable().subplots(figsize=size, layout="constrained")[1])
    colours = colours_of(ax)
    of_mark = {"*": colours.first, "=": colours.second, "u": colours.third, "": colours.muted}
    errors = [2 * run.std_error for run in runs]
    scores = [run.score for run in runs]
    marks = [mark_of(run, comparison) for run in runs]
    places: list[Any] = steps if along else list(range(len(runs)))
    if along:
        order = sorted(range(len(runs)), key=lambda i: places[i])
        ax.plot([places[i] for i in order], [scores[i] for i in order], color=colours.muted, lw=1)
        ax.set_xlabel("step")
        ax.set_ylabel("RankMe")
    else:
        ax.set_yticks(places, [one_line(run.name) for run in runs], parse_math=False)
        ax.invert_yaxis()
        ax.set_xlabel("RankMe")
    for i, (place, score, error, mark) in enumerate(
        zip(places, scores, errors, marks, strict=True)
    ):
        x, y = (place, score) if along else (score, place)
        bars = (None, error) if along else (error, None)
        ax.errorbar(
            x,
            y,
            xerr=bars[0],
            yerr=bars[1],
            fmt=_SHAPES[mark],
            color=of_mark[mark],
            capsize=3,
            label=MARKS[mark] if mark not in marks[:i] else None,
        )
    ax.grid(**colours.grid)
    ax.set_axisbelow(True)
    ax.legend(**colours.legend)
    ax.set_title(
        f"{comparison.rows} rows of each, two standard errors; best: {one_line(comparison.best)}",
        fontsize="medium",
        parse_math=False,
    )
    return ax
