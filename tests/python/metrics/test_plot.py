"""The picture of a spectrum: what is drawn is what the spectrum says."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

import rankme
from helpers import run_python
from oracles import moderate, with_singular_values
from rankme.metrics._interval_text import with_interval


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def steep(**keywords):
    z = with_singular_values(1, 200, 60, np.exp(-0.7 * np.arange(60)))
    return rankme.spectrum(z, **keywords)


def line(ax, label):
    (found,) = [each for each in ax.get_lines() if each.get_label().startswith(label)]
    return found


def labels(ax):
    return {each.get_label() for each in ax.get_lines()}


def shade(ax):
    (found,) = [each for each in ax.collections if each.get_label() == "interval of each"]
    return found.get_paths()[0].vertices


def test_singular_values_and_their_bounds():
    s = rankme.spectrum(moderate(0, 300, 20))
    left, right = s.plot()
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    drawn = line(left, "singular values")
    np.testing.assert_array_equal(drawn.get_xdata(), np.arange(1, 21))
    np.testing.assert_array_equal(drawn.get_ydata(), s.singular_values)
    corners = shade(left)
    for k, low, high in zip(range(1, 21), *s.singular_value_bounds(), strict=True):
        at_k = corners[corners[:, 0] == k, 1]
        assert (at_k.min(), at_k.max()) == (low, high)
    assert not any(label.startswith("noise floor") for label in labels(left))
    assert left.figure is right.figure


def test_the_noise_floor_is_the_largest_value_that_may_be_zero():
    s = steep()
    left, _ = s.plot()
    low, high = s.singular_value_bounds()
    floor = high[low == 0].max()
    assert 0 < floor < s.singular_values[0]
    drawn = line(left, "noise floor")
    np.testing.assert_array_equal(drawn.get_ydata(), [floor, floor])
    assert drawn.get_label() == f"noise floor, {floor:.1e}"
    bottom, top = left.get_ylim()
    assert bottom < floor < high[0] < top
    band = [patch for patch in left.patches if patch.get_height() > 0]
    assert max(patch.get_y() + patch.get_height() for patch in band) == pytest.approx(floor)


@pytest.mark.parametrize("center", [False, True])
def test_the_line_of_alpha_req_runs_through_what_is_drawn(center):
    z = with_singular_values(4, 300, 60, np.arange(1, 61) ** -0.8)
    s = rankme.spectrum(z, center=center)
    left, _ = s.plot()
    drawn = line(left, "alpha-ReQ")
    alpha, r2 = s.alpha_req(center=center), s.alpha_req_r2(center=center)
    assert drawn.get_label() == f"alpha-ReQ, k = 11 to 60: {alpha:.3g}, R² {r2:.3f}"
    k, values = drawn.get_xdata(), drawn.get_ydata()
    np.testing.assert_array_equal(k, [11, 60])
    assert -2 * np.diff(np.log(values)) / np.diff(np.log(k)) == pytest.approx(alpha)
    if not center:
        np.testing.assert_allclose(values, k**-0.8, rtol=1e-6)


def test_a_spectrum_that_is_too_short_has_no_such_line():
    for columns in (12, 13):
        left, _ = rankme.spectrum(moderate(5, 90, columns)).plot()
        drawn = any(label.startswith("alpha-ReQ") for label in labels(left))
        assert drawn == (columns == 13)


def test_zeros_are_left_out():
    z = np.zeros((50, 12))
    z[:, :3] = moderate(1, 50, 3)
    s = rankme.spectrum(z)
    values = s.singular_values
    assert (values == 0).any()
    left, _ = s.plot()
    drawn = line(left, "singular values")
    np.testing.assert_array_equal(drawn.get_ydata(), values[values > 0])
    assert left.get_ylim()[0] > 0


@pytest.mark.parametrize("eps", [0.0, 1e-7, 1e-2])
def test_cumulative_entropy_and_variance(eps):
    s = rankme.spectrum(moderate(2, 200, 30), center=True)
    _, right = s.plot(eps=eps)
    sigma = s.singular_values
    p = sigma / sigma.sum() + eps
    entropy = line(right, "entropy").get_ydata()
    # The parts of log RankMe, so that the sum of the first k over all is what is drawn.
    np.testing.assert_allclose(
        entropy * np.log(s.rankme(eps=eps)), np.cumsum(-p * np.log(p)), rtol=1e-12
    )
    variance = line(right, "variance").get_ydata()
    np.testing.assert_allclose(variance, np.cumsum(sigma**2) / (sigma**2).sum(), rtol=1e-12)
    assert entropy[-1] == pytest.approx(1)
    assert line(right, "RankMe").get_xdata()[0] == s.rankme(eps=eps)


@pytest.mark.parametrize("keywords", [{}, {"center": True, "normalize": True, "method": "qr"}])
def test_the_title_tells_what_was_assumed(keywords):
    s = rankme.spectrum(moderate(3, 70, 11), **keywords)
    title = s.plot(eps=1e-3)[0].figure.get_suptitle()
    interval = with_interval(s.rankme(eps=1e-3), *s.rankme_bounds(eps=1e-3))
    assert title.startswith(f"RankMe {interval}\n")
    assert "N = 70, K = 11, eps = 0.001, " in title
    said = "centred, normalised, method qr" if keywords else "not centred, not normalised, method"
    assert f", {said}" in title


def test_given_axes_get_the_left_picture_alone():
    s = steep()
    figure, ax = plt.subplots()
    assert s.plot(ax) is ax
    assert figure.axes == [ax]
    assert plt.get_fignums() == [figure.number]
    np.testing.assert_array_equal(line(ax, "singular values").get_ydata()[0], s.singular_values[0])
    assert "N = 200, K = 60" in ax.get_title()


@pytest.mark.parametrize(
    ("z", "eps"),
    [
        (np.zeros((4, 3)), 1e-7),
        (np.ones((4, 1)), 0.0),
        (np.ones((5, 4)), 1.0),
        (np.eye(7) * 123456.7, 1e-7),
        (np.full((3, 3), 1e200) * np.eye(3), 1e-7),
        (np.full((3, 3), 1e-200) * np.eye(3), 1e-7),
    ],
    ids=["zeros", "one value", "eps 1", "flat", "huge", "tiny"],
)
def test_corners_can_be_drawn(tmp_path, z, eps):
    axes = rankme.spectrum(z).plot(eps=eps)
    axes[0].figure.savefig(tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_a_missing_matplotlib_is_an_import_error_that_helps():
    code = """
import sys
sys.modules["matplotlib"] = None
import numpy as np, rankme
try:
    rankme.spectrum(np.eye(3)).plot()
except ImportError as error:
    print(error)
"""
    result = run_python(code)
    assert result.stdout == 'a plot needs Matplotlib: pip install "rankme[plot]"\n', result.stderr


def test_a_bad_eps_is_refused_before_anything_is_drawn():
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        steep().plot(eps=2)
    assert plt.get_fignums() == []
