"""The picture of a benchmark. Importing this needs Matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from rankme.bench.goals import SHARES_OF_DGEMM, gram_share

if TYPE_CHECKING:
    from pathlib import Path

    from rankme.bench.records import Entry, Group, Results

OURS, SVD, SINGLE, DOUBLE = "#0b6e4f", "#7a8794", "#d9822b", "#5b8db8"
INK, FAINT = "#22282e", "#d5dade"
COLUMNS = 2
LEGEND = (
    (OURS, "rankme"),
    (SVD, "SVD"),
    (SINGLE, "Gram shortcut, float32"),
    (DOUBLE, "Gram shortcut, float64"),
)


def draw(results: Results, path: Path) -> None:
    """Draw a panel a shape (time over ours, error written beside it) and one of the Gram step.

    Parameters
    ----------
    results : Results
        What to show.
    path : Path
        The PNG file to write.
    """
    panels = len(results.scores) + 1
    lines = -(-panels // COLUMNS)
    figure = Figure(figsize=(13.5, 3.5 * lines + 1.0), facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.12, w_pad=0.12)
    axes = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axis, group in zip(axes, results.scores, strict=False):
        score_panel(axis, group)
    gram_panel(axes[panels - 1], results)
    for axis in axes[panels:]:
        axis.set_visible(False)
    handles = [axes[0].barh(0, 0, color=color, label=label) for color, label in LEGEND]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(LEGEND), frameon=False)
    figure.savefig(path, dpi=130)


def color_of(entry: Entry) -> str:
    """Bars of one kind share a colour."""
    if entry.key == "ours":
        return OURS
    return {"gram32": SINGLE, "gram64": DOUBLE}.get(entry.key.partition("-")[2], SVD)


def score_panel(axis: Any, group: Group) -> None:
    """Bars of the time over ours, fastest on top; who has no time is named below."""
    pairs = [(entry, group.ratio(entry.key, "ours")) for entry in group.measured]
    timed = sorted(((ratio, entry) for entry, ratio in pairs if ratio), key=lambda pair: -pair[0])
    for place, (ratio, entry) in enumerate(timed):
        # Bars start at 1: right of it is slower than ours, left of it faster.
        axis.barh(place, ratio - 1, left=1, color=color_of(entry), height=0.66)
        error = group.error(entry)
        told = f"{ratio:.2f}x" if error is None else f"{ratio:.2f}x   error {error:.0e}"
        axis.annotate(
            told, (max(ratio, 1), place), (9, 0), textcoords="offset points", va="center", color=INK
        )
        if entry.key == "ours":
            axis.plot([1], [place], "D", color=OURS, markersize=8)
    axis.set_yticks(range(len(timed)), [short(entry) for _, entry in timed])
    tidy(axis, f"{group.title}, float32", "time over ours (log scale)")
    highest = max((ratio for ratio, _ in timed), default=1.0)
    lowest = min((ratio for ratio, _ in timed), default=1.0)
    axis.set_xscale("log")
    # Room on the right for the words beside the longest bar.
    axis.set_xlim(min(lowest, 1) * 0.85, max(highest, 1.5) ** 1.75)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axis.minorticks_off()
    axis.axvline(1, color=INK, linewidth=1)
    missing = [entry for entry, ratio in pairs if not ratio]
    if missing:
        words = "no time: " + "; ".join(f"{short(entry)} ({entry.failure})" for entry in missing)
        axis.set_xlabel(f"{axis.get_xlabel()}\n{words}", color=INK, fontsize=8)


def short(entry: Entry) -> str:
    """Shorten a title until it fits beside a bar."""
    title = entry.title.replace("linalg.", "").replace(" eigvalsh(", " Gram (")
    return title.replace(", float", ", f")


def gram_panel(axis: Any, results: Results) -> None:
    """Bars of our flop rate as a share of the dgemm's, a bar a width, its goal a tick."""
    shares = [(group.columns, gram_share(group)) for group in results.gram]
    for place, (columns, share) in enumerate(shares):
        goal = SHARES_OF_DGEMM.get(columns)
        if goal is not None:
            axis.plot([goal, goal], [place - 0.42, place + 0.42], color=INK, linestyle=":")
        if share is not None:
            axis.barh(place, share, color=OURS, height=0.66)
            axis.annotate(
                f"{share:.0%}",
                (0, place),
                (8, 0),
                textcoords="offset points",
                va="center",
                color="w",
            )
    axis.set_yticks(range(len(shares)), [f"K = {columns:,}" for columns, _ in shares])
    axis.invert_yaxis()
    tidy(
        axis,
        "Gram step, float32 in, float64 inside",
        "flop rate as a share of one dgemm's (dotted: goal)",
    )
    axis.set_xlim(0, max([1.0, *(share or 0.0 for _, share in shares)]) * 1.15)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.axvline(1, color=INK, linewidth=1)


def tidy(axis: Any, title: str, label: str) -> None:
    """Give all panels one look."""
    axis.set_title(title, loc="left", fontweight="bold", color=INK)
    axis.set_xlabel(label, color=INK, fontsize=9)
    axis.tick_params(length=0, labelsize=9, labelcolor=INK)
    axis.grid(axis="x", color=FAINT, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axis.spines[side].set_visible(False)
