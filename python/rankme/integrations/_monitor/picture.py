"""The picture of a monitor's windows. Matplotlib is optional: it is imported for a figure alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["draw"]

_VALUES, _BAND, _OUT = "#0b6e4f", "#7a8794", "#c0392b"
_INK, _FAINT = "#22282e", "#d5dade"
_TITLES = {
    "rankme": "RankMe",
    "frechet": "Frechet distance",
    "subspace": "share of the variance in the reference's subspace",
    "mean_angle": "angle of the means, degrees",
}


def draw(report: Mapping[str, Any], axes: Sequence[Axes] | None) -> Sequence[Axes]:
    """Draw the windows of a report on four axes."""
    windows = report["windows"]
    if not windows:
        raise ValueError("no window is finished yet")
    if axes is not None and len(axes) != len(_TITLES):
        raise ValueError(f"axes must be {len(_TITLES)}, not {len(axes)}")
    places = _figure(report) if axes is None else axes
    for ax, name in zip(places, _TITLES, strict=True):
        _draw_one(ax, name, windows, report["bands"])
    places[-1].set_xlabel("window", color=_INK)
    return places


def _figure(report: Mapping[str, Any]) -> Sequence[Axes]:
    """Return the axes of a new figure."""
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise ImportError('a plot needs Matplotlib: pip install "rankme[plot]"') from error
    figure, grid = plt.subplots(len(_TITLES), 1, figsize=(9, 9), sharex=True, layout="constrained")
    state = "alarm" if report["alarm"] else "no alarm"
    windows = f"{report['n_windows']} windows of {report['window']:g} {report['unit']}"
    figure.suptitle(f"{windows}, {state}", color=_INK, fontsize="medium")
    return list(grid)


def _draw_one(ax: Axes, name: str, windows: Sequence[Mapping[str, Any]], bands: Any) -> None:
    """Draw one statistic over the windows, its bands, and the windows outside."""
    index = np.array([one["index"] for one in windows])
    found = [one["rankme"] if name == "rankme" else one["drift"][name] for one in windows]
    values = np.array([np.nan if value is None else value for value in found])
    ax.set_title(_TITLES[name], loc="left", fontsize="medium", color=_INK)
    ax.grid(color=_FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    for size in bands["sizes"] if bands else ():
        for end in size["limits"].get(name, ()):
            if end is not None:
                ax.axhline(end, color=_BAND, linewidth=1, linestyle="--")
    errors = [one["std_error"] or 0.0 for one in windows] if name == "rankme" else 0.0
    ax.errorbar(index, values, yerr=errors, color=_VALUES, marker="o", markersize=3)
    out = np.array([name in one["outside"] for one in windows])
    ax.plot(index[out], values[out], color=_OUT, marker="o", linestyle="", markersize=6)
