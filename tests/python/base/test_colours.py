"""Pictures can be seen: on light and on dark, by all eyes, in any style."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from matplotlib.text import Text

import rankme
from monitored import draw, learnt_monitor
from oracles import moderate, with_singular_values
from rankme._base.colours import Colours, colours_of, contrast, luminance

STYLES = ["default", "dark_background", "seaborn-v0_8-darkgrid", "grayscale", "bmh"]
STEEP = rankme.spectrum(with_singular_values(1, 200, 60, np.exp(-0.7 * np.arange(60))))
ROWS = moderate(0, 400, 20)
CURVE = rankme.curve(ROWS, rows=[80, 200, 400])
RUNS = {"a": ROWS, "b": ROWS * 1.01, "c": ROWS * np.arange(1, 21) ** -0.5, "u": ROWS[:, :19]}
COMPARISON = rankme.compare(RUNS, baseline="u")
OVER_STEPS = rankme.compare(RUNS, order=range(4), baseline="u")


@pytest.fixture(scope="module")
def monitor():
    monitor = learnt_monitor()
    monitor.update(draw(160 * 4))
    monitor.update(draw(160) + 5)
    return monitor


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def pictures(monitor):
    yield STEEP.plot()[0].figure
    yield CURVE.plot().figure
    yield COMPARISON.plot().figure
    yield OVER_STEPS.plot().figure
    yield monitor.plot()[0].figure


def over(colour, below):
    *parts, alpha = to_rgba(colour)
    return alpha * np.array(parts) + (1 - alpha) * np.array(below)


def wcag(one, other):
    """The contrast of two colours by the definition of WCAG 2.2, with its numbers."""
    lights = []
    for colour in (one, other):
        c = np.asarray(colour)
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        lights.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def contrasts(figure):
    """The contrast of each text and each line to what is behind it."""
    figure.draw_without_rendering()
    page = over(figure.get_facecolor(), (1, 1, 1))
    inside = {}
    for ax in figure.axes:
        face = over(ax.get_facecolor(), page)
        within = [*ax.texts]
        legend = ax.get_legend()
        if legend is not None:
            within += [*legend.get_texts(), legend.get_title()]
        inside |= {id(text): face for text in within}
        for line in ax.lines:
            yield f"line {line.get_label()}", wcag(over(line.get_color(), face), face)
        for bars in ax.containers:
            for marks in bars.lines[2]:
                yield "error bars", wcag(over(marks.get_edgecolor()[0], face), face)
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            behind = inside.get(id(text), page)
            yield f"text {text.get_text()!r}", wcag(over(text.get_color(), behind), behind)


@pytest.mark.parametrize("style", STYLES)
def test_text_and_lines_are_seen_in_any_style(style, monitor):
    with plt.style.context(["default", style]):
        for figure in pictures(monitor):
            found = dict(contrasts(figure))
            assert sum(name.startswith("text") for name in found) >= 5
            assert sum(name.startswith("line") for name in found) >= 1
            poor = {name: value for name, value in found.items() if value < 3}
            assert not poor


@pytest.mark.parametrize("face", ["black", "none", "#20242a"])
def test_dark_axes_on_a_light_page(face):
    figure, ax = plt.subplots()
    ax.set_facecolor(face)
    STEEP.plot(ax)
    assert min(value for _, value in contrasts(figure)) >= 3


def test_axes_without_a_page_go_by_their_text():
    with plt.style.context("dark_background"):
        _, ax = plt.subplots(facecolor="none")
        ax.set_facecolor("none")
        dark = colours_of(ax)
    _, ax = plt.subplots(facecolor="none")
    ax.set_facecolor("none")
    light = colours_of(ax)
    assert contrast(dark.first, "black") > contrast(dark.first, "white")
    assert contrast(light.first, "white") > contrast(light.first, "black")


def test_axes_of_a_part_of_a_figure_go_by_the_whole():
    with plt.style.context("dark_background"):
        part = plt.figure().subfigures(1, 2)[0]
        found = colours_of(part.subplots())
    assert luminance(found.ink) == 1


# G. M. Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# 2009: what those see who lack one of the three receptors.
DEFICIENT = {
    "nobody": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("eyes", DEFICIENT)
def test_colours_are_told_apart_by_all(style, eyes):
    with plt.style.context(style):
        found = colours_of(plt.subplots()[1])
    named = {name: getattr(found, name) for name in ("first", "second", "muted")}
    seen = {}
    for name, colour in named.items():
        c = np.array(to_rgba(colour)[:3])
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        seen[name] = lab(np.clip(np.asarray(DEFICIENT[eyes]) @ linear, 0, 1))
    # Those that stand for different things in one picture; shapes differ too.
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)


def lab(linear):
    """CIELAB of linear sRGB under D65, in which a distance of 2.3 can just be seen."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.maximum(to_xyz @ linear / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_known_contrasts():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)
    assert contrast("white", "white") == 1
    assert isinstance(colours_of(plt.subplots()[1]), Colours)
