"""What notebooks show: HTML that parses, with the numbers in it."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

import rankme
from rankme._base.notebook import card, decay

Z = np.random.default_rng(0).standard_normal((400, 12)) / np.arange(1, 13)


def parsed(html):
    return ET.fromstring(html)  # noqa: S314 - our own


def cells(obj):
    """The table of an object, by the names in its first column."""
    tree = parsed(obj._repr_html_())
    return {row[0].text: row[1].text for row in tree.iter("tr")}


def test_a_spectrum_shows_its_score_and_its_values():
    spectrum = rankme.spectrum(Z, center=True)
    found = cells(spectrum)
    assert found["RankMe"] == f"{spectrum.rankme():.6g} of 12"
    assert found["rows, columns"] == "400, 12"
    assert (found["centred"], found["normalised"], found["method"]) == ("yes", "no", "gram")
    low, high = (float(end) for end in found["exact within"].split(" to "))
    assert low <= spectrum.rankme() * (1 + 1e-8)
    assert high >= spectrum.rankme() * (1 - 1e-8)
    points = parsed(spectrum._repr_html_()).find(".//{*}polyline").get("points").split()
    assert len(points) == 12
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights)  # downwards, as the values fall


def test_an_estimate_shows_its_error():
    estimate = rankme.estimate(Z, groups=8)
    found = cells(estimate)
    assert found["RankMe"] == str(estimate)
    assert found["groups"] == "8"


def test_an_accumulator_shows_what_it_holds():
    acc = rankme.Accumulator(12, groups=8, normalize=True)
    acc.update(Z)
    found = cells(acc)
    assert (found["rows so far"], found["columns"]) == ("400", "12")
    assert (found["groups"], found["normalised"], found["precision"]) == ("8", "yes", "float64")


def test_rows_left_out_are_told():
    bad = Z.copy()
    bad[3, 2] = np.nan
    assert cells(rankme.spectrum(bad, skip_nonfinite=True))["rows left out"] == "1"


def test_text_of_others_is_no_markup():
    tree = parsed(card("<b>", {"a<": "x & y\n<script>"}))
    assert tree[0].text == "<b>"
    assert tree.find(".//td").text == "x & y\\n<script>"


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0]])
def test_nothing_is_drawn_of_values_without_a_decay(values):
    assert decay(values, "values") == ""


def test_thousands_of_values_are_few_points():
    tree = parsed(f"<div>{decay(np.geomspace(1, 1e-30, 5000), 'values')}</div>")
    points = tree.find(".//{*}polyline").get("points").split()
    assert len(points) <= 202
    assert "from 1 down to 1e-16" in tree[1].text
