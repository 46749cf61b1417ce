"""The picture of a monitor's windows. Matplotlib is optional: it is imported for a figure alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.colours import colours_of, drawable
from rankme.integrations._monitor.windows import statistics_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rankme._base.colours import Colours

__all__ = ["draw"]

_STYLES = ("-", "--", "-.", ":")  # of lines that share a panel
_TITLES = {
    "rankme": "RankMe",
    "frechet": "Frechet distance",
    "subspace": "share of the variance in the reference's subspace",
    "mean_angle": "angle of the means, degrees",
    "mean_shift": "shift of the mean, standard deviations",
    "norm_quantiles": "quantiles of the norms",
}
_WIDTH, _HEIGHT = 9.0, 2.0  # of a panel, in inches


def draw(report: Mapping[str, Any], axes: Sequence[Axes] | None) -> Sequence[Axes]:
    """Draw the windows of a report, a statistic on each of the axes."""
    windows = report["windows"]
    if not windows:
        raise ValueError("no window is finished yet")
    titles = _TITLES | {f"metrics/{name}": name for name in windows[-1]["metrics"]}
    if axes is not None and len(axes) != len(titles):
        raise ValueError(f"axes must be {len(titles)}, not {len(axes)}")
    places = _figure(report, len(titles)) if axes is None else axes
    index = np.array([one["index"] for one in windows])
    for ax, (name, title) in zip(places, titles.items(), strict=True):
        colours = colours_of(ax)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.grid(**colours.grid)
        ax.set_axisbelow(True)
        for number, line in enumerate(_lines_of(name, windows[-1])):
            style = _STYLES[number % len(_STYLES)]
            _draw_one(ax, line, index, windows, report["bands"], colours=colours, style=style)
        if name == "norm_quantiles" and windows[-1]["drift"][name]:
            legend = ax.legend(title="share", ncols=3, handlelength=3.5, **colours.legend)
            legend.get_title().set_color(colours.ink)
    places[-1].set_xlabel("window")
    return places


def _lines_of(name: str, window: Mapping[str, Any]) -> list[str]:
    """Return the flat names of what one panel has."""
    return [one for one in statistics_of(window) if one == name or one.startswith(f"{name}/")]


def _figure(report: Mapping[str, Any], panels: int) -> Sequence[Axes]:
    """Return the axes of a new figure."""
    size = (_WIDTH, _HEIGHT * panels)
    figure, grid = drawable().subplots(panels, 1, figsize=size, sharex=True, layout="constrained")
    state = "alarm" if report["alarm"] else "no alarm"
    windows = f"{report['n_windows']} windows of {report['window']:g} {report['unit']}"
    figure.suptitle(f"{windows}, {state}", fontsize="medium")
    return list(grid)


def _draw_one(
    ax: Axes,
    name: str,
    index: NDArray[Any],
    windows: Sequence[Mapping[str, Any]],
    bands: Any,
    *,
    colours: Colours,
    style: str,
) -> None:
    """Draw one statistic over the windows, its bands, and the windows outside."""
    found = [statistics_of(one).get(name) for one in windows]
    values = np.array([np.nan if value is None else value for value in found])
    for size in bands["sizes"] if bands else ():
        for end in size["limits"].get(name, ()):
            if end is not None:
                ax.axhline(end, color=colours.muted, linewidth=1, linestyle="--")
    errors = [one["std_error"] or 0.0 for one in windows] if name == "rankme" else None
    quantile = name.partition("norm_quantiles/")[2]
    ax.errorbar(
        index,
        values,
        yerr=errors,
        color=colours.first,
        linestyle=style,
        marker="o",
        markersize=3,
        label=quantile or None,
    )
    out = np.array([name in one["outside"] for one in windows])
    ax.plot(index[out], values[out], color=colours.second, marker="D", linestyle="", markersize=7)
