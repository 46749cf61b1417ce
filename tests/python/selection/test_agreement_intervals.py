"""Intervals over runs and p-values: against SciPy, all permutations, and simulated runs."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import rankme
from rankme.selection._arrangements import coefficients_of

SCIPY = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
    "weighted_tau": stats.weightedtau,
}


def agreement(scores, truth):
    return rankme.agreement(scores, truth, higher_is_better=True)


def random_sides(rng, n, levels):
    """Two sides with ties, of which neither is constant."""
    while True:
        sides = rng.integers(0, levels, (2, n)).astype(float)
        if np.ptp(sides, axis=1).min() > 0:
            return sides


@pytest.mark.parametrize("name", SCIPY)
@pytest.mark.parametrize("levels", [2, 3, 5, 1000])
def test_every_arrangement_has_scipys_coefficient(name, levels):
    rng = np.random.default_rng(levels)
    orders = np.array([*itertools.permutations(range(5))])
    for _ in range(4):
        x, y = random_sides(rng, 5, levels)
        expected = [SCIPY[name](x[order], y).statistic for order in orders]
        assert coefficients_of(name, x, y, orders.T) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", SCIPY)
def test_few_runs_have_exact_p_values(name):
    x, y = random_sides(np.random.default_rng(5), 6, 30)
    expected = stats.permutation_test(
        (x,),
        lambda one: SCIPY[name](one, y).statistic,
        permutation_type="pairings",
        n_resamples=np.inf,
    )
    assert getattr(agreement(x, y), name).p_value == pytest.approx(expected.pvalue)


def test_a_p_value_does_not_depend_on_the_unit():
    y = np.array([-2.0, -1.0, 0.0, 1.0, 3.0])
    expected = agreement(np.arange(5.0), y).pearson.p_value
    assert agreement(np.arange(5.0), y * 2.0**-600).pearson.p_value == expected


def test_many_runs_have_scipys_p_values():
    x, y = np.random.default_rng(0).standard_normal((2, 14))
    found = agreement(x, y)
    for name in ("pearson", "spearman", "kendall"):
        assert getattr(found, name).p_value == SCIPY[name](x, y).pvalue
    # SciPy has none for weighted tau; drawn permutations give one, the same each time.
    value = found.weighted_tau.p_value
    assert value == agreement(x, y).weighted_tau.p_value
    assert agreement(x, x).weighted_tau.p_value == pytest.approx(2 / 5000)


def test_cells_are_permuted_together():
    rng = np.random.default_rng(1)
    scores, truth = rng.standard_normal(6), rng.standard_normal((3, 6))
    truth += 0.7 * scores
    table = {run: dict(enumerate(truth[:, run])) for run in range(6)}
    found = agreement(dict(enumerate(scores)), table)

    def mean_tau(one):
        return np.mean([stats.kendalltau(one, cell).statistic for cell in truth])

    expected = stats.permutation_test(
        (scores,), mean_tau, permutation_type="pairings", n_resamples=np.inf
    )
    assert found.kendall.p_value == pytest.approx(expected.pvalue)
    # One and the same cell three times over says no more than once.
    once = agreement(scores, truth[0])
    thrice = agreement(
        dict(enumerate(scores)), {r: dict.fromkeys("xyz", truth[0, r]) for r in range(6)}
    )
    for name in SCIPY:
        one, other = getattr(once, name), getattr(thrice, name)
        for end in ("value", "low", "high", "p_value"):
            assert getattr(one, end) == pytest.approx(getattr(other, end)), (name, end)


def test_cells_without_an_order_do_not_count_in_the_mean():
    truth = {
        run: {"x": value, "y": 3.0} for run, value in enumerate([1.0, 4.0, 2.0, 5.0, 9.0, 7.0])
    }
    scores = dict(enumerate([1.0, 3.0, 2.0, 6.0, 5.0, 4.0]))
    found = agreement(scores, truth)
    assert math.isnan(found.cells["y"].kendall.value)
    for end in ("value", "low", "high", "p_value"):
        expected = getattr(found.cells["x"].kendall, end)
        assert getattr(found.kendall, end) == pytest.approx(expected)


def test_a_perfect_order_has_an_interval():
    found = agreement(range(8), [x**3 for x in range(8)])
    for name in ("spearman", "kendall", "weighted_tau"):
        coefficient = getattr(found, name)
        assert coefficient.value == pytest.approx(1)
        assert coefficient.high == 1
        # The chance that seven comparisons all agree, each with chance (1 + tau) / 2.
        assert ((1 + coefficient.low) / 2) ** 7 == pytest.approx(0.025)
        assert coefficient.p_value == pytest.approx(2 / math.factorial(8))
    turned = agreement(range(8), [-(x**3) for x in range(8)]).kendall
    assert (turned.low, turned.high) == (-1, -found.kendall.low)


def test_equal_values_without_each_run_are_no_certainty():
    found = agreement([0, 3, 2, 1], [1, 2, 3, 0]).spearman
    assert (found.low, found.value, found.high) == (-1, pytest.approx(0.6), 1)


def test_one_run_that_makes_the_whole_order_makes_the_interval_wide():
    found = agreement([1, 1, 1, 1, 1, 2], [1, 2, 3, 4, 5, 9])
    assert found.kendall.low < -0.5


@pytest.mark.parametrize(("n", "rho"), [(6, 0.9), (10, 0.0), (12, 0.7)])
def test_intervals_hold_what_they_should(n, rho):
    rng = np.random.default_rng(n)
    expected = {
        "pearson": rho,
        "spearman": 6 / math.pi * math.asin(rho / 2),
        "kendall": 2 / math.pi * math.asin(rho),
    }
    held = dict.fromkeys(expected, 0)
    for _ in range(80):
        x, other = rng.standard_normal((2, n))
        found = agreement(x, rho * x + math.sqrt(1 - rho**2) * other)
        for name, value in expected.items():
            coefficient = getattr(found, name)
            held[name] += coefficient.low <= value <= coefficient.high
    # The bench has the figures of a thousand draws; three standard errors of 80 are 7%.
    for name, count in held.items():
        assert count / 80 >= 0.87, name


def test_no_rank_correlation_is_rarer_than_two_of_all_orders():
    runs = {str(i): float(i) for i in range(10)}
    result = rankme.agreement(runs, runs, higher_is_better=True)
    assert result.spearman.p_value == 2 / math.factorial(10) == pytest.approx(5.5e-7, rel=0.01)
