"""Agreement of a score with the truth: coefficients, choices, tables."""

import json
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import rankme
from helpers import ROOT, run_python

SCIPY = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
    "weighted_tau": stats.weightedtau,
}
ERRORS = pd.read_csv(ROOT / "tests" / "data" / "swiftts_mse.csv")
WIDTHS = pd.read_csv(ROOT / "tests" / "data" / "swiftts_widths.csv")
CELL = ["data_set", "horizon"]

few = st.integers(0, 6).map(float)
two_sides = st.integers(3, 9).flatmap(
    lambda n: st.tuples(
        *(st.lists(few, min_size=n, max_size=n).filter(lambda x: len({*x}) > 1) for _ in "ab")
    )
)


def by_width(**options):
    return rankme.agreement(WIDTHS, ERRORS, higher_is_better=False, by=CELL, **options)


# ---- coefficients --------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(two_sides)
def test_coefficients_are_scipys(sides):
    found = rankme.agreement(*sides, higher_is_better=True)
    for name, function in SCIPY.items():
        coefficient = getattr(found, name)
        assert float(coefficient) == coefficient.value == function(*sides).statistic
        assert -1 <= coefficient.low <= coefficient.value <= coefficient.high <= 1


def test_both_sides_are_turned_to_higher_is_better():
    rng = np.random.default_rng(3)
    width, loss = rng.standard_normal((2, 7))
    turned = stats.weightedtau(-width, -loss).statistic
    found = rankme.agreement(width, loss, higher_is_better=False, score_higher_is_better=False)
    assert found.weighted_tau.value == turned
    # Negating both sides moves the weight to the other end of the ranking, and one side too.
    assert abs(turned - stats.weightedtau(width, loss).statistic) > 0.01
    one = rankme.agreement(width, loss, higher_is_better=False)
    other = rankme.agreement(width, loss, higher_is_better=True)
    assert one.kendall.value == pytest.approx(-other.kendall.value)
    assert abs(one.weighted_tau.value + other.weighted_tau.value) > 0.01


def test_a_ranking_by_width_has_the_published_tau():
    found = by_width()
    assert len(found.cells) == 56
    assert f"{found.weighted_tau.value:.3f}" == "-0.148"
    horizons = found.mean_by("horizon")
    shown = {h: f"{float(one.weighted_tau):.3f}" for h, one in horizons.items()}
    assert shown == {96: "-0.198", 192: "-0.167", 336: "-0.088", 720: "-0.139"}
    assert [len(one.cells) for one in horizons.values()] == [14] * 4
    # Both sides turned to lower is better: the weight lies on the worst models.
    negated = WIDTHS.assign(width=-WIDTHS["width"])
    wrong = rankme.agreement(negated, ERRORS, higher_is_better=True, by=CELL)
    assert f"{float(wrong.weighted_tau):.3f}" == "-0.235"


def test_a_table_is_the_mean_of_its_cells():
    found = by_width()
    one = found.cells["ETTh1", 96]
    assert one.cells == {}
    assert one.chosen == (("MOIRAI",), 0.394)
    assert one.oracle == (("ROSE",), 0.354)
    assert one.regret == pytest.approx(0.04)
    assert one.rank == 6
    for name in ("random", "regret", "rank"):
        mean = np.mean([getattr(cell, name) for cell in found.cells.values()])
        assert getattr(found, name) == pytest.approx(mean), name
    for name in SCIPY:
        mean = np.mean([float(getattr(cell, name)) for cell in found.cells.values()])
        assert float(getattr(found, name)) == pytest.approx(mean), name
    assert found.top_k(3) == np.mean([cell.top_k(3) for cell in found.cells.values()])


# ---- the choice ----------------------------------------------------------------------------------


def test_a_choice_and_what_it_lost():
    scores = {"a": 3.0, "b": 9.0, "c": 5.0, "d": 1.0, "e": 2.0}
    accuracy = {"a": 70.0, "b": 74.0, "c": 76.0, "d": 60.0, "e": 65.0}
    found = rankme.agreement(scores, accuracy, higher_is_better=True)
    assert found.oracle == (("c",), 76.0)
    assert found.chosen == (("b",), 74.0)
    assert (found.random, found.regret, found.rank) == (69.0, 2.0, 2.0)
    assert [found.top_k(k) for k in range(1, 6)] == [0, 1, 1, 1, 1]
    assert found.warnings == ()
    loss = rankme.agreement(scores, accuracy, higher_is_better=False)
    assert loss.oracle == (("d",), 60.0)
    assert (loss.regret, loss.rank) == (14.0, 4.0)
    low = rankme.agreement(scores, accuracy, higher_is_better=False, score_higher_is_better=False)
    assert (low.chosen.names, low.regret) == (("d",), 0.0)


@settings(max_examples=40, deadline=None)
@given(two_sides, st.booleans())
def test_ties_are_broken_by_lot(sides, up):
    scores, truth = map(np.array, sides)
    found = rankme.agreement(scores, truth, higher_is_better=up)
    true = truth if up else -truth
    tried = [i for i in range(len(scores)) if scores[i] == scores.max()]
    assert found.chosen == (tuple(tried), pytest.approx(truth[tried].mean()))
    assert found.regret == pytest.approx(true.max() - true[tried].mean())
    assert found.regret >= 0
    assert found.rank == pytest.approx(stats.rankdata(-true)[tried].mean())
    rng = np.random.default_rng(0)
    lots = [np.lexsort((rng.random(len(scores)), -scores)) for _ in range(400)]
    for k in (1, 2, len(scores)):
        share = np.mean([true[lot[:k]].max() == true.max() for lot in lots])
        assert found.top_k(k) == pytest.approx(share, abs=0.13)


def test_top_k_wants_a_number_of_runs():
    with pytest.raises(ValueError, match="k must be from 1 to 3, not 4"):
        rankme.agreement([1, 2, 3], [3, 1, 2], higher_is_better=True).top_k(4)


# ---- nothing to choose ---------------------------------------------------------------------------

NAMES = "abcdef"


def close(truth, **options):
    found = rankme.agreement(range(len(truth)), truth, higher_is_better=True, **options)
    return " ".join(found.warnings)


def test_a_small_span_is_told():
    text = close([70.1, 70.2, 70.5, 70.3, 70.2, 70.4])
    assert text.startswith("the truth spans 0.4, at most 1% of it, and its error is not known")
    assert text.endswith("nothing to choose")
    assert close([70.1, 72.2, 70.5, 70.3, 70.2, 70.4]) == ""
    assert "spans 0," in close([70.0] * 6)


def test_known_errors_decide_instead():
    truth = [70.1, 70.2, 70.5, 70.3, 70.2, 70.4]
    assert close(truth, truth_error=0.02) == ""
    assert "its standard error of 0.3 explains: nothing" in close(truth, truth_error=0.3)
    assert close(truth, truth_error=[0.02] * 6) == ""
    assert close([[t - 0.01, t, t + 0.01] for t in truth]) == ""
    assert "explains" in close([[t - 0.5, t, t + 0.5] for t in truth])
    assert close([60, 61, 62, 63, 64, 65], truth_error=0) == ""
    assert "explains" in close([60] * 6, truth_error=0)


def test_the_test_of_repeats_is_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(200):
        repeats = rng.standard_normal((6, 4)) + np.linspace(0, 1.2, 6)[:, None]
        text = close(repeats.tolist())
        assert ("nothing to choose" in text) == (stats.f_oneway(*repeats).pvalue > 0.05)
        told += bool(text)
    assert 20 < told < 180


def test_cells_with_nothing_to_choose_are_counted():
    table = {n: {"easy": 90 + i / 10, "hard": 50 + 3 * i} for i, n in enumerate(NAMES)}
    found = rankme.agreement(dict(zip(NAMES, range(6), strict=True)), table, higher_is_better=True)
    (text,) = found.warnings
    assert text.startswith("the truth spans 0.5 in 1 of 2 cells, at most 1% of it")
    assert found.cells["hard"].warnings == ()


def test_few_runs_and_equal_scores_are_told():
    three = rankme.agreement([1, 2, 3], [5, 7, 6], higher_is_better=True)
    assert three.warnings == ("3 runs are few: no p-value can be below 0.33",)
    assert three.kendall.p_value >= 2 / 6
    equal = rankme.agreement([1] * 5, [5, 7, 6, 9, 8], higher_is_better=True)
    assert equal.warnings == ("all scores are equal: no run is preferred",)
    assert math.isnan(equal.kendall.value)
    assert math.isnan(equal.kendall.low)
    assert math.isnan(equal.kendall.p_value)
    assert equal.chosen == ((0, 1, 2, 3, 4), 7.0)
    tied = rankme.agreement([1, 2, 3, 4, 4], [5, 7, 6, 9, 8], higher_is_better=True)
    assert tied.warnings == ("2 runs tie for the best score: the mean of their truths counts",)


# ---- what one gets -------------------------------------------------------------------------------


def test_it_prints_a_table():
    text = str(
        rankme.agreement(
            dict(zip(NAMES, range(6), strict=True)),
            dict(zip(NAMES, (6, 3, 5, 7, 9, 8), strict=True)),
            higher_is_better=True,
        )
    )
    lines = text.splitlines()
    assert lines[0].split() == ["6", "runs", "95%", "interval", "p"]
    assert [line.split()[0] for line in lines[1:5]] == [*SCIPY]
    assert lines[5].split() == ["best", "by", "truth", "9", "e"]
    assert lines[6].split() == ["chosen", "8", "f,", "rank", "2", "of", "6"]
    assert lines[-1].split() == ["regret", "1", "the", "truth", "spans", "6"]
    assert str(by_width().pearson).startswith("-0.193 [-0.502, 0.160], p = 0.")
    assert "MOMENT, UniTS, MOIRAI and 2 more" in str(by_width().mean_by("horizon")[96])


def test_it_is_json_and_a_pickle():
    found = rankme.agreement([1, 2, 2, 1], [5, 5, 5, 5], higher_is_better=True)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["kendall"] == dict.fromkeys(("value", "low", "high", "p_value"))
    assert plain["oracle"] == {"names": [0, 1, 2, 3], "truth": 5.0}
    assert (plain["regret"], plain["n_runs"], plain["n_cells"]) == (0.0, 4, 1)
    assert plain["warnings"] == [*found.warnings]
    full = by_width().cells["ETTh1", 96]
    again = pickle.loads(pickle.dumps(full))
    assert again.to_dict() == full.to_dict()
    assert type(full).__module__ == "rankme"


def test_without_scipy_the_extra_is_named():
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.stats"] = None
import rankme
found = rankme.agreement([1, 2, 3], [1, 3, 2], higher_is_better=True)
print(found.regret)
try:
    found.kendall.value
except ImportError as error:
    print(error)
"""
    output = run_python(code).stdout
    assert output.startswith("1.0\n")
    assert "rankme.agreement needs scipy.stats" in output
    assert 'pip install "rankme[compare]"' in output
