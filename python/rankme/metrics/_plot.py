"""The picture of a spectrum. Matplotlib is optional: nothing here imports it before a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.colours import colours_of, drawable
from rankme.metrics._interval_text import with_interval
from rankme.metrics._power_law import FEWEST, K_MAX, K_MIN, fit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rankme._base.colours import Colours
    from rankme.metrics._spectrum import Spectrum

__all__ = ["draw"]

_MOST_MARKERS = 64
_FEW = 10  # less than a decade: only the minor ticks can be told apart


def draw(spectrum: Spectrum, ax: Axes | None = None, eps: float = 1e-7) -> Axes | NDArray[Any]:
    """Draw the singular values and, on a figure of its own, what they add up to."""
    score, title = spectrum.rankme(eps=eps), _title(spectrum, eps)
    if ax is not None:
        _draw_values(ax, spectrum, score)
        ax.set_title(title, fontsize="medium")
        return ax
    figure, axes = drawable().subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
    _draw_values(axes[0], spectrum, score)
    _draw_sums(axes[1], spectrum, eps, score)
    figure.suptitle(title, fontsize="medium")
    pair: NDArray[Any] = axes
    return pair


def _title(spectrum: Spectrum, eps: float) -> str:
    """Write the score with what was assumed for it."""
    score = with_interval(spectrum.rankme(eps=eps), *spectrum.rankme_bounds(eps=eps))
    centred = "centred" if spectrum.center else "not centred"
    normalised = "normalised" if spectrum.normalize else "not normalised"
    return (
        f"RankMe {score}\n"
        f"N = {spectrum.n_rows}, K = {spectrum.n_cols}, eps = {eps:g}, {centred}, {normalised}, "
        f"method {spectrum.method}"
    )


def _draw_values(ax: Axes, spectrum: Spectrum, score: float) -> None:
    """Draw the positive values, their intervals, and the level below which a value may be zero."""
    values = spectrum.singular_values
    low, high = spectrum.singular_value_bounds()
    number = np.arange(1, len(values) + 1)
    positive = values > 0
    colours = colours_of(ax)
    _tidy(ax, "singular values", len(values), colours)
    ax.set_ylabel("singular value")
    if not positive.any():
        ax.text(
            0.5,
            0.5,
            "every singular value is 0",
            transform=ax.transAxes,
            ha="center",
            color=colours.ink,
        )
        return
    doubtful = high[low <= 0]
    floor = doubtful[0] if doubtful.size else 0.0
    bottom = values[positive][-1] / 4
    if floor > 0:
        bottom = min(bottom, floor / 4)
    ax.set_yscale("log")
    # Set first: on a log axis Matplotlib's own choice fails where all values are one.
    ax.set_ylim(bottom, high[0] * 2)
    # A lower end of 0 has no place on a log axis: the shade then reaches the edge.
    ax.fill_between(
        number,
        np.maximum(low, bottom),
        np.maximum(high, bottom),
        color=colours.first,
        alpha=0.25,
        linewidth=0,
        label="interval of each",
    )
    ax.plot(
        number[positive],
        values[positive],
        color=colours.first,
        marker="o" if len(values) <= _MOST_MARKERS else "",
        markersize=4,
        label="singular values",
    )
    if floor > 0:
        ax.axhspan(bottom, floor, color=colours.muted, alpha=0.18, linewidth=0)
        ax.axhline(floor, color=colours.muted, linewidth=1, label=f"noise floor, {floor:.1e}")
    _draw_power_law(ax, spectrum, colours)
    _mark_score(ax, score, colours)
    ax.legend(**colours.legend)


def _draw_power_law(ax: Axes, spectrum: Spectrum, colours: Colours) -> None:
    """Draw the line behind alpha-ReQ through the values that are drawn, if they have one."""
    certain = spectrum.singular_values[: spectrum.numerical_rank()]
    if len(certain) < K_MIN - 1 + FEWEST:
        return
    found = fit_of(certain, "weighted", K_MIN, K_MAX, rtol=0.0, metric="alpha_req")
    k = np.array([found.first, found.last])
    r2 = "" if found.r2 is None else f", R² {found.r2:.3f}"
    ax.plot(
        k,
        np.exp((found.level + found.slope * np.log(k)) / 2),
        color=colours.second,
        linestyle="--",
        label=f"alpha-ReQ, k = {found.first} to {found.last}: {found.alpha:.3g}{r2}",
    )


def _draw_sums(ax: Axes, spectrum: Spectrum, eps: float, score: float) -> None:
    """Draw how much of the entropy, and of the variance, the first k values make up."""
    values = spectrum.singular_values
    number = np.arange(1, len(values) + 1)
    colours = colours_of(ax)
    _tidy(ax, "share of the first k singular values", len(values), colours)
    ax.set_ylabel("cumulative share")
    if values[0] > 0:
        relative = values / values[0]  # the squares of 1e200 have no float64
        terms = _entropy_terms(relative / relative.sum() + eps)
        # A single direction has no entropy to share out, and an eps near 1 turns the terms
        # negative.
        if terms.sum() > 0:
            ax.plot(
                number,
                np.cumsum(terms) / terms.sum(),
                color=colours.first,
                label="entropy, $-p\\,\\log p$",
            )
        variance = relative * relative
        ax.plot(
            number,
            np.cumsum(variance) / variance.sum(),
            color=colours.second,
            linestyle="--",
            label="variance, $\\sigma^2$",
        )
        _mark_score(ax, score, colours)
        ax.legend(**colours.legend)
    ax.set_ylim(0, 1.04)


def _entropy_terms(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -p log p, with 0 log 0 = 0."""
    return -p * np.log(p, out=np.zeros_like(p), where=p > 0)


def _mark_score(ax: Axes, score: float, colours: Colours) -> None:
    """Mark RankMe, a number of directions, on the axis of k."""
    ax.axvline(score, color=colours.ink, linestyle=":", label=f"RankMe, {score:.4g}")


def _tidy(ax: Axes, title: str, count: int, colours: Colours) -> None:
    """Give an axis its title, scale and grid."""
    from matplotlib.ticker import NullFormatter  # noqa: PLC0415

    ax.set_title(title, loc="left", fontsize="medium", fontweight="bold")
    ax.set_xscale("log")
    ax.set_xlim(0.92, max(count, 2) * 1.1)
    ax.set_xlabel("k")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("{x:g}" if count <= _FEW else NullFormatter())
    ax.grid(**colours.grid)
    ax.set_axisbelow(True)
