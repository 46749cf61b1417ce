"""AUROC with ties by intervals, against scikit-learn and the count of all pairs."""

import math
import pickle
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import rankme
from oracles import SAME_ROWS

RNG = np.random.default_rng(0)
ROUNDING = 1e-12
MASKED = np.ma.masked_array([1.0, 0.0], [False, True])


def all_pairs(scores, positive, low, high):
    """One number a pair: 1 where the positive case wins, one half where the two are tied."""
    mine, other = np.ix_(positive, ~positive)
    a, b = scores[mine], scores[other]
    tied = (a == b) | (
        (low[mine] <= b) & (b <= high[mine]) & (low[other] <= a) & (a <= high[other])
    )
    return np.where(tied, 0.5, a > b)


def random_case(rng, n, *, levels, width):
    scores = rng.integers(0, levels, n) / 4
    positive = rng.permutation(n) < max(2, n // 3)
    below, above = rng.integers(0, width + 1, (2, n)) / 4
    return scores, positive, scores - below, scores + above


cases = st.builds(
    random_case,
    st.integers(0, 2**32 - 1).map(np.random.default_rng),
    st.integers(5, 60),
    levels=st.integers(1, 20),
    width=st.integers(0, 6),
)


@given(cases)
def test_without_intervals_it_is_scikit_learns(case):
    scores, positive, *_ = case
    result = rankme.auroc(scores, positive)
    assert float(result) == pytest.approx(roc_auc_score(positive, scores), abs=ROUNDING)
    assert result.low == result.high == pytest.approx(result.value, abs=ROUNDING)


@given(cases)
def test_intervals_make_ties(case):
    scores, positive, low, high = case
    pairs = all_pairs(*case)
    result = rankme.auroc(scores, positive, bounds=(low, high))
    assert result.value == pytest.approx(pairs.mean(), abs=ROUNDING)
    assert result.low <= result.value + ROUNDING
    assert result.high >= result.value - ROUNDING
    # DeLong et al. 1988: the structural components are the means over the other kind.
    parts = [pairs.mean(axis).var(ddof=1) / pairs.shape[1 - axis] for axis in (0, 1)]
    error = math.nan if np.ptp(pairs) == 0 else math.sqrt(sum(parts))
    assert result.std_error == pytest.approx(error, abs=ROUNDING, nan_ok=True)


@given(cases, st.integers(0, 2**32 - 1))
def test_no_scores_inside_the_intervals_leave_the_interval(case, seed):
    scores, positive, low, high = case
    result = rankme.auroc(scores, positive, bounds=(low, high))
    rng = np.random.default_rng(seed)
    for _ in range(2):
        exact = rng.uniform(low, high)
        assert result.low - ROUNDING <= roc_auc_score(positive, exact) <= result.high + ROUNDING
    for end, exact in (
        (result.low, np.where(positive, low, high)),
        (result.high, np.where(positive, high, low)),
    ):
        assert roc_auc_score(positive, exact) == pytest.approx(end, abs=ROUNDING)


def test_ties_are_not_transitive():
    # 0 and 1 are tied, 1 and 2 are, 0 and 2 are not: the positive 2 wins one and ties one.
    scores = np.array([0.0, 1.0, 2.0])
    result = rankme.auroc(scores, [0, 0, 1], bounds=(scores - 1, scores + 1))
    assert result.value == 0.75
    assert math.isnan(result.std_error)


def test_an_interval_that_reaches_one_way_only_makes_no_tie():
    scores = np.array([0.0, 1.0])
    result = rankme.auroc(scores, [False, True], bounds=([0.0, -1.0], [0.5, 1.0]))
    assert (result.value, result.low, result.high) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize(("scores", "value"), [([1.0, 2, 3, 4, 5], 1.0), ([5.0, 4, 3, 2, 1], 0.0)])
def test_of_separated_cases_no_error_is_made_up(scores, value):
    result = rankme.auroc(scores, [0, 0, 0, 1, 1])
    assert result.value == value
    assert math.isnan(result.std_error)
    assert result.least == pytest.approx(math.sqrt(0.05))
    side = f"above {0.05**0.5:.4f}" if value else f"below {1 - 0.05**0.5:.4f}"
    assert f"(all separated; {side} at 95%)" in str(result)


def test_where_all_pairs_are_ties_no_error_is_made_up():
    result = rankme.auroc([1.0, 1, 1, 1], [0, 0, 1, 1])
    assert (result.value, math.isnan(result.std_error), math.isnan(result.least)) == (
        0.5,
        True,
        True,
    )
    assert "(sampling error unknown)" in str(result)


def test_the_least_area_of_separated_cases_holds():
    # Of an area of that size, few cases are all separated in one sample of twenty at most.
    m, n = 4, 6
    area = 0.05 ** (1 / m)
    gap = math.sqrt(2) * NormalDist().inv_cdf(area)
    draws = RNG.standard_normal((20_000, m + n)) + gap * (np.arange(m + n) < m)
    separated = (draws[:, :m].min(axis=1) > draws[:, m:].max(axis=1)).mean()
    assert 0 < separated <= 0.05


def test_the_other_direction():
    scores, positive, low, high = random_case(RNG, 50, levels=20, width=3)
    result = rankme.auroc(scores, positive, (low, high))
    turned = rankme.auroc(-scores, positive, (-high, -low))
    assert turned.value == pytest.approx(1 - result.value)
    assert turned.low == pytest.approx(1 - result.high)
    assert turned.std_error == pytest.approx(result.std_error)


def equal_answers(n):
    """Matrices whose rows are one row: of rank one exactly, not only to rounding."""
    rows = RNG.standard_normal((n, 1, 640)).astype(np.float32)
    return list(np.repeat(rows, 10, axis=1) * np.float32(2) ** RNG.integers(-3, 4, (n, 10, 1)))


def other_answers(n):
    """Matrices that are near rank one, far from it and between."""
    scatter = 10 ** RNG.uniform(-4, 1, (n, 1, 1))
    rows = RNG.standard_normal((n, 1, 640)) + scatter * RNG.standard_normal((n, 10, 640))
    return list(rows.astype(np.float32))


def test_questions_on_which_all_answers_agree_are_tied():
    ranks, bounds = rankme.score_batch(
        equal_answers(200) + other_answers(300), eps=0, return_bounds=True
    )
    wrong = RNG.random(500) < np.where(np.arange(500) < 200, 0.3, 0.6)
    exact = np.where(np.arange(500) < 200, 1.0, ranks)
    assert np.unique(ranks[:200]).size > 1  # rounding would order them
    result = rankme.auroc(ranks, wrong, bounds)
    assert result.value == pytest.approx(roc_auc_score(wrong, exact), abs=SAME_ROWS)
    tied = rankme.auroc(exact, wrong)
    assert result.std_error == pytest.approx(tied.std_error, abs=SAME_ROWS)
    # Every pair of tied questions could be either way round.
    pairs = wrong[:200].sum() * (~wrong[:200]).sum() / (wrong.sum() * (~wrong).sum())
    assert result.high - result.low == pytest.approx(pairs, rel=0.05)


def test_two_standard_errors_hold_the_truth():
    truth = 0.5 * (1 + math.erf(0.8 / 2))  # two normal distributions, 0.8 apart
    held = 0
    for _ in range(400):
        positive = RNG.random(150) < 0.4
        result = rankme.auroc(RNG.standard_normal(150) + 0.8 * positive, positive)
        held += abs(result.value - truth) < 2 * result.std_error
    assert 0.92 <= held / 400 <= 0.98


def test_a_million_cases():
    n = 1_000_000
    scores = RNG.standard_normal(n)
    positive = RNG.random(n) < 0.5
    result = rankme.auroc(scores, positive, (scores - 1e-3, scores + 1e-3))
    assert result.value == pytest.approx(0.5, abs=5 * result.std_error)
    assert result.low < result.value < result.high
    assert result.n_positive + result.n_negative == n


def test_it_says_what_it_is():
    result = rankme.auroc([1.0, 2.0, 2.0, 3.0], [0, 1, 0, 1])
    assert str(result) == "AUROC 0.8750 ± 0.1768 (sampling), 2 positive and 2 negative"
    wide = rankme.auroc([1.0, 2.0], [0, 1], ([1.0, 1.0], [2.0, 2.0]))
    assert "0.0000 to 1.0000 (rounding)" in str(wide)
    assert pickle.loads(pickle.dumps(result)) == result
    assert type(result).__module__ == "rankme"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([1.0, math.nan], [0, 1]), ValueError, r"scores\[1\] is nan"),
        (([[1.0], [2.0]], [0, 1]), ValueError, r"scores must be 1-D.*\(2, 1\)"),
        ((["a", "b"], [0, 1]), TypeError, "scores must be real numbers, not <U1"),
        (([1.0, 2.0], [0, 1, 1]), ValueError, r"positive has shape \(3,\), and scores has 2"),
        (([1.0, 2.0], [0, 2]), ValueError, r"positive\[1\] is 2; wanted True or 1"),
        (([1.0, 2.0], ["right", "wrong"]), ValueError, r"positive\[0\] is 'right'; .*labels =="),
        (([1.0, 2.0], [math.nan, 1]), ValueError, r"positive\[0\] is nan"),
        (([1.0, 2.0], [1, 1]), ValueError, "no negative case among 2"),
        (([1.0, 2.0], [False, False]), ValueError, "no positive case among 2"),
        (([], []), ValueError, "no positive case among 0"),
        (([1.0, 2.0], [0, 1], [1.0, 2.0, 3.0]), TypeError, "a pair .low, high., not list of 3"),
        (([1.0, 2.0], [0, 1], 3), TypeError, "bounds must be a pair .low, high., not int"),
        ((MASKED, [0, 1]), TypeError, "scores is a masked array, whose mask would be lost"),
        (([1.0, 2.0], MASKED), TypeError, "positive is a masked array"),
        (([1.0, 2.0], [0, 1], (MASKED, [3, 3])), TypeError, r"bounds\[0\] is a masked array"),
        (([1.0, 2.0], [0, 1], ([1.0], [2.0])), ValueError, r"bounds\[0\] has 1 cases"),
        (([1.0, 2.0], [0, 1], ([1, 2], [1, 1])), ValueError, r"scores\[1\] is 2\.0, outside"),
    ],
)
def test_bad_input(arguments, error, text):
    with pytest.raises(error, match=text):
        rankme.auroc(*arguments)
