"""What `rankme.compare` warns of: its `warnings`."""

import re

import pytest

import rankme
from simulated_runs import estimate_with, estimate_with_error, rows


def warned(sets, **options):
    return rankme.compare(sets, **options).warnings


def test_healthy_runs_are_not_warned_of():
    assert warned({"a": estimate_with(40.0), "b": estimate_with(39.0)}) == ()


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (estimate_with(1.7), "collapsed: 'b'"),
        (estimate_with(0.0), "collapsed: 'b'"),
        (estimate_with(20.0, n_cols=2048, n_rows=25_600), "collapsed: 'b'"),
        (estimate_with(62.8), "within 2% of the highest score that there can be.*: 'b'"),
        (estimate_with(30.0, low=29.9, high=30.1), "b: rounding leaves RankMe from 29.9 to 30.1"),
        (estimate_with(30.0, n_rows=639), r"N = 639 is less than 10 K = 640 \('b'\)"),
        (estimate_with(30.0, n_cols=32), r"K differs \(32, 64\)"),
    ],
)
def test_a_run_that_says_little(estimate, text):
    other = estimate_with(40.0, n_rows=estimate.n_rows, n_cols=max(estimate.n_cols, 64))
    sets = {"a": other, "b": estimate}
    if "639" in text:
        sets["a"] = estimate_with(30.0, n_cols=63, n_rows=639)
    assert any(re.search(text, one) for one in warned(sets))


def test_few_rows_of_all_are_said_once():
    sets = {str(i): estimate_with(30.0 + i, n_rows=320) for i in range(4)}
    (text,) = warned(sets)
    assert "(all runs)" in text


def test_a_run_that_no_error_places():
    sets = {"a": estimate_with(40.0), "b": estimate_with(39.0), "c": estimate_with_error(39.5, 1.0)}
    (text,) = warned(sets)
    assert text.startswith("two standard errors reach over the scores of all other runs: 'c'")


def test_what_is_not_above_the_untrained_run():
    sets = {"init": estimate_with_error(30, 0.1), "a": estimate_with_error(30.1, 0.1, seed=1)}
    (text,) = warned({**sets, "b": estimate_with(40.0)}, baseline="init")
    assert text.startswith("not above the untrained run 'init': 'a';")
    assert warned({"init": sets["init"], "b": estimate_with(40.0)}, baseline="init") == ()
    found = rankme.compare({"init": sets["init"], "c": estimate_with(20.0)}, baseline="init")
    assert found.best == "c"  # the untrained one is no candidate
    assert any("'c'" in one for one in found.warnings)


def test_what_an_estimate_warns_of_is_kept():
    outlier = rows(0.5, seed=1)
    outlier[3] *= 1000
    with pytest.warns(rankme.PrecisionWarning) as caught:
        rankme.estimate(outlier)
    expected = f"outlier: {caught[0].message}"
    assert expected in warned({"a": rows(0.5, seed=2), "outlier": outlier})
