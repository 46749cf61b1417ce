"""Colours of pictures that can be seen on whatever they are drawn on, and told apart by all.

Text keeps the colours of the style that is in use. Lines get those of Okabe and Ito, of each pair
the one with the higher contrast to what is behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Colours", "colours_of", "contrast", "drawable", "luminance"]

# M. Okabe, K. Ito, "Color Universal Design", 2008: one for light, one for dark.
_FIRST = ("#0072b2", "#56b4e9")  # blue, sky blue
_SECOND = ("#d55e00", "#e69f00")  # vermilion, orange
_THIRD = ("#8f4a82", "#cc79a7")  # reddish purple, the first of them darker than theirs
_MUTED = ("#66707a", "#a9b3bd")
_PLAIN = 4.5  # contrast of text that is easy to read, WCAG 2.2
_DARK = 0.18  # luminance with as much contrast to black as to white
_GRID = 0.2  # opacity


class Colours(NamedTuple):
    """What to draw with.

    Attributes
    ----------
    first, second, third : str
        Of lines that have to be told apart.
    muted : str
        Of what stands behind them.
    ink : Any
        Of text and marks within the axes.
    grid, legend : dict
        Options of `Axes.grid` and of `Axes.legend`.
    """

    first: str
    second: str
    third: str
    muted: str
    ink: Any
    grid: dict[str, Any]
    legend: dict[str, Any]


def drawable() -> Any:
    """Import pyplot; an ImportError says how to get it."""
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise ImportError('a plot needs Matplotlib: pip install "rankme[plot]"') from error
    return plt


def colours_of(ax: Axes) -> Colours:
    """Choose the colours for what is behind these axes."""
    behind = _behind(ax)
    ink: Any = ax.xaxis.label.get_color()
    if contrast(ink, behind) < _PLAIN:  # axes of another shade than the figure around them
        ink = "black" if luminance(behind) > _DARK else "white"

    def clearer(pair: tuple[str, str]) -> str:
        return max(pair, key=lambda one: contrast(one, behind))

    return Colours(
        clearer(_FIRST),
        clearer(_SECOND),
        clearer(_THIRD),
        clearer(_MUTED),
        ink,
        grid={"color": ink, "alpha": _GRID, "linewidth": 0.8},
        legend={
            "loc": "best",
            "frameon": True,
            "fancybox": False,
            "fontsize": "small",
            "labelcolor": ink,
            "facecolor": "inherit",  # of the axes: lines below it do not cross the words
            "edgecolor": "none",
            "framealpha": 0.85,
        },
    )


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: Any) -> float:
    """Return the relative luminance of a colour, 0 to 1, as WCAG 2.2 defines it."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004

    red, green, blue = map(linear, to_rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _behind(ax: Axes) -> tuple[float, float, float]:
    """Return what is seen behind the lines of axes; where that is nothing, a page for its text."""
    from matplotlib.colors import to_rgba  # noqa: PLC0415

    page = 1.0 if luminance(ax.xaxis.label.get_color()) < _DARK else 0.0
    seen = (page, page, page)
    figure: Any = ax.figure
    for colour in (figure.figure.get_facecolor(), figure.get_facecolor(), ax.get_facecolor()):
        *parts, alpha = to_rgba(colour)
        red, green, blue = (
            alpha * part + (1 - alpha) * below for part, below in zip(parts, seen, strict=True)
        )
        seen = (red, green, blue)
    return seen
