"""The picture of a benchmark. Importing this needs Matplotlib."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from rankme.bench.goals import SHARES_OF_DGEMM, gram_share
from rankme.bench.tables import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rankme.bench.records import Entry, Group, Results

COLUMNS = 2
REASON_LENGTH = 50


@dataclass(frozen=True)
class Colors:
    """The colours of a picture for one kind of page."""

    page: str
    ink: str
    faint: str
    ours: str
    svd: str
    single: str
    double: str

    def legend(self) -> tuple[tuple[str, str], ...]:
        """Return each colour of a bar and what it stands for."""
        return (
            (self.ours, "rankme"),
            (self.svd, "SVD"),
            (self.single, "Gram shortcut, float32"),
            (self.double, "Gram shortcut, float64"),
        )

    def of(self, entry: Entry) -> str:
        """Bars of one kind share a colour."""
        if entry.key.startswith("ours"):
            return self.ours
        shortcuts = {"gram32": self.single, "gram64": self.double}
        return shortcuts.get(entry.key.partition("-")[2], self.svd)


LIGHT = Colors("#ffffff", "#22282e", "#d5dade", "#0b6e4f", "#7a8794", "#d9822b", "#5b8db8")
DARK = Colors("#14181c", "#e3e7ea", "#3a4249", "#35b98a", "#8d99a5", "#e09a50", "#79aedb")


def draw(results: Results, path: Path, *, dark: bool = False) -> None:
    """Draw the run with the most threads; its eigenvalues beside those of one thread.

    A panel a shape (time over ours, error written beside it), one of the eigenvalues where they
    were measured, and one of the Gram step.

    Parameters
    ----------
    results : Results
        What to show.
    path : Path
        The PNG file to write.
    dark : bool
        For a dark page.
    """
    colors = DARK if dark else LIGHT
    run = results.widest
    draws: list[Callable[[Any], None]] = [
        partial(score_panel, group=group, colors=colors) for group in run.scores
    ]
    if run.eigenvalues:
        draws.append(partial(eigen_panel, results=results, colors=colors))
    draws.append(partial(gram_panel, groups=run.gram, colors=colors))
    lines = -(-len(draws) // COLUMNS)
    figure = Figure(figsize=(13.5, 3.5 * lines + 1.0), facecolor=colors.page)
    figure.set_layout_engine("constrained", h_pad=0.12, w_pad=0.12)
    axes = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axis, panel in zip(axes, draws, strict=False):
        axis.set_facecolor(colors.page)
        panel(axis)
    for axis in axes[len(draws) :]:
        axis.set_visible(False)
    handles = [axes[0].barh(0, 0, color=color, label=label) for color, label in colors.legend()]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        frameon=False,
        labelcolor=colors.ink,
    )
    figure.savefig(path, dpi=130)


def score_panel(axis: Any, *, group: Group, colors: Colors) -> None:
    """Bars of the time over ours, fastest on top; who has no time is named below."""
    pairs = [(entry, group.ratio(entry.key, "ours")) for entry in group.measured]
    timed = sorted(((ratio, entry) for entry, ratio in pairs if ratio), key=lambda pair: -pair[0])
    for place, (ratio, entry) in enumerate(timed):
        # Bars start at 1: right of it is slower than ours, left of it faster.
        axis.barh(place, ratio - 1, left=1, color=colors.of(entry), height=0.66)
        error = group.error(entry)
        told = f"{ratio:.2f}x" if error is None else f"{ratio:.2f}x   error {error:.0e}"
        annotate(axis, told, (max(ratio, 1), place), colors.ink)
        if entry.key == "ours":
            axis.plot([1], [place], "D", color=colors.ours, markersize=8)
    axis.set_yticks(range(len(timed)), [short(entry) for _, entry in timed])
    tidy(axis, f"{group.title}, float32", "time over ours (log scale)", colors)
    highest = max((ratio for ratio, _ in timed), default=1.0)
    lowest = min((ratio for ratio, _ in timed), default=1.0)
    axis.set_xscale("log")
    # Room on the right for the words beside the longest bar.
    axis.set_xlim(min(lowest, 1) * 0.85, max(highest, 1.5) ** 1.75)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axis.minorticks_off()
    axis.axvline(1, color=colors.ink, linewidth=1)
    missing = [entry for entry, ratio in pairs if not ratio]
    if missing:
        words = "no time: " + "; ".join(
            f"{short(entry)} ({textwrap.shorten(entry.failure or '', REASON_LENGTH)})"
            for entry in missing
        )
        axis.set_xlabel(f"{axis.get_xlabel()}\n{words}", color=colors.ink, fontsize=8)


def short(entry: Entry) -> str:
    """Shorten a title until it fits beside a bar."""
    title = entry.title.replace("linalg.", "").replace(" eigvalsh(", " Gram (")
    return title.replace(", float", ", f")


def annotate(axis: Any, text: str, point: tuple[float, float], color: str) -> None:
    """Write beside the end of a bar."""
    axis.annotate(text, point, (9, 0), textcoords="offset points", va="center", color=color)


def eigen_panel(axis: Any, *, results: Results, colors: Colors) -> None:
    """Bars of the time of PyTorch's eigenvalues over ours: of all threads, and of one."""
    most = results.widest
    one = results.with_threads(1)
    runs = [(most, "seconds", f"wall time, {in_threads(most.threads)}", colors.ours, -0.2)]
    if one is not None:
        runs.append((one, "processor", "processor time, 1 thread", colors.double, 0.2))
    longest = 1.0
    for run, clock, words, color, shift in runs:
        for place, group in enumerate(run.eigenvalues):
            ratio = group.ratio("eigen-torch", "eigen-ours", clock)
            if ratio is None:
                continue
            longest = max(longest, ratio)
            label = words if place == 0 else None
            axis.barh(place + shift, ratio, color=color, height=0.36, label=label)
            annotate(axis, f"{ratio:.2f}x", (ratio, place + shift), colors.ink)
    orders = [f"K = {group.columns:,}" for group in most.eigenvalues]
    axis.set_yticks(range(len(orders)), orders)
    axis.invert_yaxis()
    tidy(axis, "Eigenvalues alone", "time of torch.linalg.eigvalsh over ours", colors)
    axis.set_xlim(0, longest * 1.7)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axis.axvline(1, color=colors.ink, linewidth=1)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, labelcolor=colors.ink, fontsize=8, loc="lower right")


def gram_panel(axis: Any, *, groups: Sequence[Group], colors: Colors) -> None:
    """Bars of our flop rate as a share of the dgemm's, a bar a width, its goal a tick."""
    shares = [(group.columns, gram_share(group)) for group in groups]
    for place, (columns, share) in enumerate(shares):
        goal = SHARES_OF_DGEMM.get(columns)
        if goal is not None:
            axis.plot([goal, goal], [place - 0.42, place + 0.42], color=colors.ink, linestyle=":")
        if share is not None:
            axis.barh(place, share, color=colors.ours, height=0.66)
            axis.annotate(
                f"{share:.0%}",
                (0, place),
                (8, 0),
                textcoords="offset points",
                va="center",
                color=colors.page,
            )
    axis.set_yticks(range(len(shares)), [f"K = {columns:,}" for columns, _ in shares])
    axis.invert_yaxis()
    tidy(
        axis,
        "Gram step, float32 in, float64 inside",
        "flop rate as a share of one dgemm's (dotted: goal)",
        colors,
    )
    axis.set_xlim(0, max([1.0, *(share or 0.0 for _, share in shares)]) * 1.15)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.axvline(1, color=colors.ink, linewidth=1)


def tidy(axis: Any, title: str, label: str, colors: Colors) -> None:
    """Give all panels one look."""
    axis.set_title(title, loc="left", fontweight="bold", color=colors.ink)
    axis.set_xlabel(label, color=colors.ink, fontsize=9)
    axis.tick_params(length=0, labelsize=9, labelcolor=colors.ink)
    axis.grid(axis="x", color=colors.faint, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axis.spines[side].set_visible(False)
