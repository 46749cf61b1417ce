"""The figures."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.text import Text
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FILES", "draw_all"]

FILES = ("accuracy.png", "regret.png", "rows.png")
_MAIN = "fashion-test, probe"
_BLUE, _RED, _GREY = "#0072b2", "#d55e00", "#777777"
_BLUES = (_BLUE, "#009e9e")


def draw_all(summary: dict[str, Any], folder: Path) -> None:
    """Draw all figures into a folder."""
    for name, draw in zip(FILES, (_accuracy, _regret, _rows), strict=True):
        figure = draw(summary)
        figure.savefig(folder / name, dpi=120, metadata={"Software": None})
        plt.close(figure)


def _panels(summary: dict[str, Any], height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a row of panels, one for each sweep."""
    sweeps = summary["sweeps"]
    figure, axes = plt.subplots(
        1, len(sweeps), figsize=(3.6 * len(sweeps), height), layout="constrained", **options
    )
    for ax, sweep in zip(axes, sweeps, strict=True):
        ax.set_title(sweep["title"], loc="left")
        ax.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def _accuracy(summary: dict[str, Any]) -> Figure:
    """Draw the accuracy over RankMe: a dot for each run, a number for each setting."""
    figure, panels = _panels(summary, 3.4, sharey=True)
    for ax, sweep in zip(panels, summary["sweeps"], strict=True):
        _draw_settings(ax, sweep["settings"])
        untrained = summary["untrained"]
        ax.scatter(
            untrained["rank"],
            untrained["accuracy"][_MAIN],
            marker="x",
            color=_RED,
            label="untrained",
        )
        ax.set_xlabel("RankMe of the projector")
    panels[0].set_ylabel("linear probe, Fashion-MNIST test, %")
    panels[0].legend(frameon=False, loc="center right")
    figure.draw_without_rendering()  # from here on places in pixels are known
    for ax, sweep in zip(panels, summary["sweeps"], strict=True):
        _name_settings(ax, sweep["settings"])
    return figure


def _draw_settings(ax: Axes, settings: dict[str, Any]) -> None:
    """Draw a dot for each run; two colours take turns, so that neighbours can be told apart."""
    by_rank = sorted(settings.items(), key=lambda item: fmean(item[1]["rank"]))
    for i, (_, one) in enumerate(by_rank):
        ax.scatter(one["rank"], one["accuracy"][_MAIN], s=12, color=_BLUES[i % 2])


def _name_settings(ax: Axes, settings: dict[str, Any]) -> None:
    """Write the name of each setting below its dots, where no dot and no other name is."""
    dots = [
        (label, ax.transData.transform(np.column_stack([one["rank"], one["accuracy"][_MAIN]])))
        for label, one in settings.items()
    ]
    dots.sort(key=lambda item: item[1][:, 0].mean())
    taken = [Bbox([dot - 4, dot + 4]) for _, some in dots for dot in some]
    for i, (label, some) in enumerate(dots):
        note = ax.annotate(
            label,
            ax.transData.inverted().transform((some[:, 0].mean(), some[:, 1].min())),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
            color=_BLUES[i % 2],
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},  # covers a line behind it
            arrowprops={"arrowstyle": "-", "color": _GREY, "linewidth": 0.5, "shrinkB": 3},
            zorder=4,
        )
        note.arrow_patch.set_zorder(3)
        for below in range(10, 150, 3):
            note.set_position((0, -below))
            note.update_positions(ax.figure.canvas.get_renderer())
            box = Text.get_window_extent(note).padded(2)  # without the line
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def _regret(summary: dict[str, Any]) -> Figure:
    """Draw what each criterion has lost, in the mean over the six cells."""
    figure, panels = _panels(summary, 3.2, sharey=True)
    for ax, sweep in zip(panels, summary["sweeps"], strict=True):
        criteria = sweep["criteria"]
        names = [f"{one['name']}, {one['tap']}" for one in criteria]
        means = [fmean(loss["regret"] for loss in one["losses"].values()) for one in criteria]
        lot = fmean(loss["random"] for loss in criteria[0]["losses"].values())
        colours = [_BLUE if one["name"] == "RankMe" else _GREY for one in criteria]
        ax.barh(names, means, color=colours)
        ax.axvline(lot, color=_RED, linestyle="--", label="by lot")
        ax.set_xlabel("regret, points, mean of six truths")
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False)
    return figure


def _rows(summary: dict[str, Any]) -> Figure:
    """Draw RankMe over the number of rows: a line for each setting."""
    figure, panels = _panels(summary, 3.0)
    for ax, sweep in zip(panels, summary["sweeps"], strict=True):
        for label, one in sweep["settings"].items():
            curve = one["curve"]
            is_best = label == sweep["best"]
            ax.plot(
                curve["rows"],
                curve["scores"],
                color=_BLUE if is_best else _GREY,
                linewidth=1.6 if is_best else 0.8,
                label=f"{label}: highest" if is_best else None,
            )
        top = max(max(one["curve"]["scores"]) for one in sweep["settings"].values())
        ax.set(xscale="log", xlabel="rows", ylim=(0, 1.25 * top))
        ax.legend(frameon=False, loc="upper left")  # above all lines
    panels[0].set_ylabel("RankMe of the projector")
    return figure
