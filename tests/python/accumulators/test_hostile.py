"""Sums that matrices of many kinds try to mislead: no interval missed, and no alarm.

`bench/hostile.py` does the same for as long as one likes.
"""

from fractions import Fraction

import numpy as np
import pytest

import extended
import rankme
from hostile import FAMILIES, Hostile, case, exact
from hostile_ways import alarms, attack, check, one_shot
from probes import gaussian_probes, unseen_direction
from rankme import _core

LONG = extended.LONG


def holds(spectrum, sigma):
    low, high = spectrum.singular_value_bounds()
    count = min(len(sigma), len(low))
    return ((low[:count] <= sigma[:count]) & (sigma[:count] <= high[:count])).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
def test_no_interval_misses_and_no_alarm_is_false(family):
    spectra = 0
    for number in range(3):
        rng = np.random.default_rng([2024, list(FAMILIES).index(family), number])
        for name, verdict, accumulator in attack(case(family, rng), rng):
            assert not isinstance(verdict, Exception), (number, name, verdict)
            assert not verdict.missed, (number, name)
            if accumulator is not None and accumulator.method == "gram":
                assert max(alarms(accumulator)) < 1
            spectra += 1
    assert spectra >= 9


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
def test_few_rows_beside_a_long_mean(repeated):
    """N < K and no centring: what the score is off by, and that the interval holds it."""
    worst = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, k = int(rng.integers(2, 12)), int(rng.integers(12, 40))
        z = rng.standard_normal((n, k))
        if repeated:
            z = z[rng.integers(0, max(1, n // 2), n)] * 10.0 ** rng.integers(-3, 1, (n, 1))
        z += 10.0 ** rng.uniform(0, 9) * rng.standard_normal(k)
        accumulator = rankme.Accumulator(k)
        for block in np.split(z, [int(rng.integers(0, n))]):
            accumulator.update(block)
        spectrum = accumulator.spectrum()
        sigma = extended.singular_values(extended.exact_matrix(z)[0])
        for eps in (0, 1e-7):
            expected = float(extended.rankme(sigma, eps))
            low, high = spectrum.rankme_bounds(eps=eps)
            slack = 1e-13 * expected
            assert low - slack <= expected <= high + slack, seed
            worst = max(worst, abs(spectrum.rankme(eps=eps) / expected - 1))
    assert worst < (1e-6 if repeated else 1e-14)


def test_a_wrong_number_would_be_seen():
    rng = np.random.default_rng(0)
    hostile = case("gaussian", rng)
    options = {"center": False, "normalize": False}
    truth = exact(hostile, **options)
    (found, *_) = one_shot(hostile, rng, options)
    assert not check(found, truth).missed
    wrong = truth._replace(sigma=truth.sigma * (1 + LONG(1e-9)))
    assert check(found, wrong).missed


def test_the_exact_values_of_blocks_are_those_of_all_their_rows():
    rng = np.random.default_rng(1)
    hostile = Hostile([(rng.standard_normal((2, 5)), 7), (rng.standard_normal((3, 5)), 4)])
    for center in (False, True):
        a, _ = extended.exact_matrix(hostile.whole(), center=center)
        sigma = exact(hostile, center=center, normalize=False).sigma
        np.testing.assert_allclose(sigma, extended.singular_values(a), rtol=1e-17, atol=1e-17)


# ---- what was found ----------------------------------------------------------------------------


def doubled(block, doublings):
    acc = rankme.Accumulator(block.shape[1])
    acc.update(block)
    for _ in range(doublings):
        acc.merge(acc)
    return acc


@pytest.mark.parametrize("seed", range(10))
def test_the_mean_of_millions_of_rows_does_not_round_as_it_moves(seed):
    # One row far away, then 16 million at 0, then as many at another place: an error of the mean
    # after the second counts as often as the third has rows.
    far = np.random.default_rng(seed).uniform(1, 2)
    count = 1000 * 2**14
    step = 1.3 * far / np.sqrt(count)
    acc = rankme.Accumulator(1)
    acc.update(np.array([[far]]))
    acc.merge(doubled(np.zeros((1000, 1)), 14))
    acc.merge(doubled(np.full((1000, 1), step), 14))
    rows = Hostile(
        [(np.array([[far]]), 1), (np.zeros((1, 1)), count), (np.full((1, 1), step), count)]
    )
    spectrum = acc.spectrum(center=True)
    sigma = exact(rows, center=True, normalize=False).sigma
    assert holds(spectrum, sigma)
    assert spectrum.singular_values[0] == pytest.approx(float(sigma[0]), rel=1e-14)


@pytest.mark.parametrize("seed", range(10))
def test_a_mean_that_is_short_beside_the_origin(seed):
    # The first row is the origin, and far from the mean of all: what is left of it is not rounded.
    first = np.random.default_rng(seed).uniform(-1, 1, (1, 1))
    step = np.abs(first) / 100
    acc = rankme.Accumulator(1)
    acc.update(first)
    acc.merge(doubled(np.zeros((1, 1)), 17))
    acc.merge(doubled(step, 17))
    rows = Hostile([(first, 1), (np.zeros((1, 1)), 2**17), (step, 2**17)])
    spectrum = acc.spectrum()
    sigma = exact(rows, center=False, normalize=False).sigma
    assert holds(spectrum, sigma)
    assert spectrum.singular_values[0] == pytest.approx(float(sigma[0]), rel=1e-15)


def test_pivots_that_are_raised_together_count_together():
    # Equal rows but for float32: three values of the scatter are zero to rounding.
    rng = np.random.default_rng([11, 5, 54])
    hostile = case("nearly_equal_rows", rng)
    truth = exact(hostile, center=False, normalize=True)
    spectrum = rankme.spectrum(np.asfortranarray(hostile.whole()), normalize=True)
    for eps in (0, 1e-7, 1e-2):
        low, high = spectrum.rankme_bounds(eps=eps)
        assert low <= extended.rankme(truth.sigma, eps) <= high
        assert high - low < 1e-9


@pytest.mark.parametrize("noise", [1e-4, 1e-6, 1e-9])
@pytest.mark.parametrize("seed", range(4))
def test_the_largest_value_of_long_rows_with_a_long_mean(noise, seed):
    rng = np.random.default_rng(seed)
    row = np.full(700, rng.uniform(0.1, 1))
    row[rng.integers(700)] = 1
    z = row + noise * rng.standard_normal((4, 700))
    acc = rankme.Accumulator(700)
    acc.update(z)
    assert holds(acc.spectrum(), extended.singular_values(z.astype(LONG)))


def lost_across_the_probes(dim, size):
    """Two large rows, and pairs of small ones in a direction that no probe of seed 0 has."""
    rng = np.random.default_rng(dim)
    signs = rng.choice([-1.0, 1], dim)
    small = size * unseen_direction(dim, rng)
    assert np.abs(gaussian_probes(dim).T @ small).max() < 1e-14 * size
    return np.array([signs, -signs]), np.array([small, -small])


@pytest.mark.parametrize("dim", [16, 64])
@pytest.mark.parametrize("factor", [0.3, 1, 2, 4])
def test_what_no_probe_sees_is_missing_in_the_trace(dim, factor):
    # Each young sum adds less than half a unit in the last place of the old one.
    large, small = lost_across_the_probes(dim, np.sqrt(0.49 * factor / 256) * 2.0**-26.5)
    acc = rankme.Accumulator(dim)
    acc.update(large)
    for _ in range(100_000):
        acc.update(small)
    sigma = exact(Hostile([(large, 1), (small, 100_000)]), center=False, normalize=False).sigma
    assert holds(acc.spectrum(), sigma)


def test_the_same_of_many_columns():
    large, small = lost_across_the_probes(16, 2.0**-27)
    rows = Hostile([(large, 1), (small, 200_000)])
    sigma = exact(rows, center=False, normalize=False).sigma
    assert holds(rankme.spectrum(rows.whole().T), sigma)


@pytest.mark.parametrize("k", [1, 2, 4, 16])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_ten_million_equal_rows(k, dtype):
    row = np.random.default_rng(k).standard_normal((1, k)).astype(dtype)
    rows = Hostile([(row, 10_000_000 // k)])
    for center in (False, True):
        options = {"center": center, "normalize": False}
        truth = exact(rows, **options)
        for found in one_shot(rows, np.random.default_rng(0), options):
            assert not check(found, truth).missed


@pytest.mark.parametrize("ratio", [1, 1e2, 1e4, 1e6, 1e8, np.inf])
def test_sums_that_were_not_centred_are_no_alarm(ratio):
    # As saved files of earlier formats and a GPU hold them.
    rng = np.random.default_rng(3)
    n, k = 500, 12
    z = rng.standard_normal((n, k)) / ratio + rng.standard_normal(k)
    products = (z.T @ (z @ gaussian_probes(k))).ravel()
    arrays = (z.sum(axis=0), products, (z.T @ z)[np.tril_indices(k)])
    acc = rankme.Accumulator(k)
    acc._core = _core.GramAccumulator.from_state(k, False, n, (0, 0, 1, n), arrays)
    for center in (False, True):
        sigma = exact(Hostile([(z, 1)]), center=center, normalize=False).sigma
        assert holds(acc.spectrum(center=center), sigma)


def test_old_sums_of_a_million_equal_rows_are_no_alarm():
    # Their probe products were summed row after row, and each rounding went the same way.
    n, k = 1_000_000, 4
    row = np.random.default_rng(3).standard_normal(k)
    products = np.outer(row, row @ gaussian_probes(k)).ravel()
    products = np.array([np.full(n, one).cumsum()[-1] for one in products])
    blocks = n // 3000
    arrays = (row * n, products, (np.outer(row, row) * n)[np.tril_indices(k)])
    acc = rankme.Accumulator(k)
    acc._core = _core.GramAccumulator.from_state(k, False, n, (0, 0, blocks, 3000), arrays)
    sigma = exact(Hostile([(row[None], n)]), center=False, normalize=False).sigma
    assert holds(acc.spectrum(), sigma)


@pytest.mark.parametrize("part", ["high", "diagonal"])
def test_a_fault_that_no_probe_sees_is_an_alarm_by_the_trace(part):
    k = 16
    acc = rankme.Accumulator(k)
    acc.update(np.random.default_rng(5).standard_normal((100, k)))
    n_rows, numbers, arrays, _ = acc._core.state()
    arrays = [array.copy() for array in arrays]
    if part == "high":
        arrays[6][3] *= 1.001
    else:
        v = unseen_direction(k, np.random.default_rng(6))
        arrays[7] += 0.01 * np.outer(v, v)[np.tril_indices(k)]
    acc._core = _core.GramAccumulator.from_state(k, False, n_rows, numbers, tuple(arrays))
    with pytest.raises(rankme.IntegrityError):
        acc.spectrum()


@pytest.mark.parametrize("strided", [False, True])
def test_what_the_mean_of_a_long_block_is_off_by_is_in_the_interval(strided):
    # A block mean is a chain of equal rows; its rounding is missing in the column's square.
    times, far, step = 2**18, -0.6926325243555377, 0.0024367150259670765
    column = np.repeat([far, 0.0, step], [1, times, times])
    z = np.zeros((2 * column.size, 2))[::2, 1:] if strided else np.zeros((column.size, 1))
    z[:, 0] = column
    total = Fraction(far) + times * Fraction(step)
    squares = Fraction(far) ** 2 + times * Fraction(step) ** 2
    scatter = squares - total**2 / column.size
    low, high = rankme.spectrum(z, center=True).singular_value_bounds()
    assert Fraction(low[0]) ** 2 <= scatter <= Fraction(high[0]) ** 2
    assert high[0] - low[0] < 1e-8 * high[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_factor_of_many_equal_rows_is_in_its_interval(dtype):
    # What rounds in one direction adds up in the norm and in the products of a reflector.
    far = [-0.18199828665446738, -1.6315305887708689, 1.2278932500148612, -0.40883412345087117]
    step = [0.00013260772126352723, 0.0009916575523635626, -0.000740686549206312]
    step.append(4.425502357826648e-05)
    blocks = [(np.array([far], dtype), 1), (np.zeros((1, 4), dtype), 2**15)]
    hostile = Hostile([*blocks, (np.array([step], dtype), 2**15)])
    truth = exact(hostile, center=False, normalize=False)
    low, high = rankme.spectrum(hostile.whole(), method="qr").singular_value_bounds()
    assert (low <= truth.sigma + truth.error).all()
    assert (truth.sigma - truth.error <= high).all()
