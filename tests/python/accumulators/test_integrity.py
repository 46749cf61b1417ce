"""A fault in an accumulated number is noticed, or it widens the bounds."""

import struct

import numpy as np
import pytest
import scipy.stats

import rankme
from helpers import bits, contents, with_array
from oracles import moderate

K = 24
LAST_MANTISSA_BIT, FIRST_EXPONENT_BIT, SIGN_BIT = 51, 52, 63


def accumulated(seed=0, k=K, **options):
    acc = rankme.Accumulator(k, seed=seed, **options)
    for block in np.array_split(moderate(1, 400, k, "f4"), 3):
        acc.update(block)
    return acc


def flip(position, bit):
    def change(values):
        values.view("u8")[position] ^= np.uint64(1) << np.uint64(bit)
        return values

    return change


def add(position, size):
    def change(values):
        values[position] += size
        return values

    return change


# Where the diagonal's largest entry stands in the packed triangle, one off it, and the last entry.
ENTRIES = {"diagonal": 0, "beside": 1, "last": K * (K + 1) // 2 - 1}


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("bit", [36, 44, 48, 50, LAST_MANTISSA_BIT, FIRST_EXPONENT_BIT, 55, 60])
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_flipped_bit_of_the_gram_matrix_is_noticed(seed, bit, entry):
    acc = accumulated(seed)
    faulty = with_array(acc, "triangle", flip(ENTRIES[entry], bit))
    assert bits(faulty) != bits(acc)
    for center in (False, True):
        with pytest.raises(rankme.IntegrityError, match="the Gram matrix disagrees with its probe"):
            faulty.spectrum(center=center)
        with pytest.raises(rankme.IntegrityError, match="memory, the processor or the BLAS"):
            faulty.score(center=center)
    acc.spectrum()  # and of the true one nothing is said


@pytest.mark.parametrize("bit", [48, 51, 54, SIGN_BIT])
@pytest.mark.parametrize("options", [{}, {"normalize": True}], ids=str)
def test_a_flipped_bit_of_any_entry_is_noticed(bit, options):
    acc = accumulated(**options)
    for position in range(0, len(contents(acc)["triangle"]), 7):
        with pytest.raises(rankme.IntegrityError):
            with_array(acc, "triangle", flip(position, bit)).spectrum()


@pytest.mark.parametrize("scale", [1e-300, 1e-85, 1e-60, 1e60, 1e85, 1e300])
def test_a_flipped_bit_is_noticed_at_any_scale(scale):
    acc = rankme.Accumulator(K)
    acc.update(moderate(3, 200, K) * scale)
    acc.spectrum(center=True)
    for position in ENTRIES.values():
        with pytest.raises(rankme.IntegrityError):
            with_array(acc, "triangle", flip(position, LAST_MANTISSA_BIT)).spectrum()


@pytest.mark.parametrize("bit", [44, 50, LAST_MANTISSA_BIT, FIRST_EXPONENT_BIT, SIGN_BIT])
@pytest.mark.parametrize("position", [0, 7, 8, 8 * K - 1])
def test_a_flipped_bit_of_the_probe_products_is_noticed(bit, position):
    with pytest.raises(rankme.IntegrityError):
        with_array(accumulated(), "probe_products", flip(position, bit)).spectrum()


@pytest.mark.parametrize("bit", [44, 50, LAST_MANTISSA_BIT, FIRST_EXPONENT_BIT, SIGN_BIT])
@pytest.mark.parametrize("array", ["offset", "mean_products"])
def test_a_flipped_bit_of_the_mean_is_noticed(array, bit):
    whole = accumulated()
    for position in (0, 5, len(contents(whole)[array]) - 1):
        faulty = with_array(whole, array, flip(position, bit))
        for center in (False, True):
            with pytest.raises(rankme.IntegrityError):
                faulty.spectrum(center=center)


def test_a_fault_survives_merging_and_saving(tmp_path):
    faulty = with_array(accumulated(), "triangle", flip(3, 50))
    total = accumulated() + faulty
    total.save(tmp_path / "part.rankme")
    with pytest.raises(rankme.IntegrityError):
        rankme.Accumulator.load(tmp_path / "part.rankme").spectrum()
    assert issubclass(rankme.IntegrityError, RuntimeError)


def test_a_wrong_product_is_noticed():
    # What a broken BLAS does: the cross terms of one block are lost.
    def lose(values):
        gram = np.zeros((K, K))
        gram[np.tril_indices(K)] = values
        gram[12:, :12] = 0
        return gram[np.tril_indices(K)]

    with pytest.raises(rankme.IntegrityError):
        with_array(accumulated(), "triangle", lose).spectrum()


def allowed(acc):
    """The threshold t of the docstring of IntegrityError, with sqrt(8 K) for the probes' norm."""
    known = contents(acc)
    chains = 2 * acc.dim + known["blocks"] + 2 * known["longest_block"] + 8
    trace = known["triangle"][np.cumsum(np.arange(1, acc.dim + 1)) - 1].sum()
    return chains * 2.0**-53 * trace * np.sqrt(8 * acc.dim)


@pytest.mark.parametrize("entry", ENTRIES)
def test_faults_above_the_stated_size_are_caught(entry):
    # Probability above 1 - 1e-6 each; the factor covers that the norm of the probes varies.
    for seed in range(200):
        acc = accumulated(seed)
        for sign in (1, -1):
            faulty = with_array(acc, "triangle", add(ENTRIES[entry], sign * 6 * 1.3 * allowed(acc)))
            with pytest.raises(rankme.IntegrityError):
                faulty.spectrum()


# ---- the probability ---------------------------------------------------------------------------


def test_the_stated_probability_is_that_of_a_chi_squared_variable():
    # An error of rank one, f u v^T, makes ||E X||_F^2 / f^2 one of 8 degrees of freedom. delta is
    # 8 times the root of its mean, so it falls short of f where the variable is below 8 / 64.
    assert 5e-7 < scipy.stats.chi2(8).cdf(8 / 8**2) < 1e-6


def delta_of(acc):
    """What the bounds allow for, from the largest singular value."""
    spectrum = acc.spectrum()
    low, high = (np.longdouble(end[0]) for end in spectrum.singular_value_bounds())
    return float(high**2 - low**2) / 2


def error_of_rank_one(k, seed, size):
    """f v v^T with a v that knows nothing of the probes, packed."""
    v = np.random.default_rng([seed, 99]).standard_normal(k)
    v /= np.linalg.norm(v)
    return size * np.outer(v, v)[np.tril_indices(k)]


def test_the_bounds_cover_a_small_fault_whatever_the_seed():
    k, ratios, measured = 6, [], []
    z = moderate(2, 60, k)
    for seed in range(2000):
        acc = rankme.Accumulator(k, seed=seed)
        acc.update(z)
        size = allowed(acc) / 8  # far above what was there, and not yet an IntegrityError
        error = error_of_rank_one(k, seed, size)
        faulty = with_array(acc, "triangle", lambda values, error=error: values + error)
        ratios.append(delta_of(faulty) / size)
        # Without the solver's part, and without what the trace shows.
        measured.append((delta_of(faulty) - delta_of(acc)) / size - 1)
    assert min(ratios) > 1  # never short of it, where one of a million would be
    # The variable behind it is the one that the probability is computed from.
    chi2 = 8 * (np.array(measured) / 8) ** 2
    assert scipy.stats.kstest(chi2, scipy.stats.chi2(8).cdf).pvalue > 1e-3
    # And so is its lower tail, at levels that 2000 draws can reach.
    for level in (0.01, 0.05, 0.2):
        share = np.mean(chi2 < scipy.stats.chi2(8).ppf(level))
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / len(chi2))


# ---- seeds -------------------------------------------------------------------------------------


def test_other_seeds_change_no_score_and_do_not_merge():
    first, second = accumulated(1), accumulated(2)
    assert first.score() == second.score()
    np.testing.assert_array_equal(first.gram(), second.gram())
    before = bits(first)
    for merge in (first.merge, lambda other: first + other, first.__iadd__):
        with pytest.raises(ValueError, match=r"seed 1 .*seed 2"):
            merge(second)
    assert bits(first) == before


def test_equal_seeds_merge_whatever_their_integer_type():
    total = accumulated(3) + accumulated(np.uint8(3))
    assert total.n_rows == 800
    assert total.spectrum().rankme() == pytest.approx(accumulated().score(), rel=1e-12)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range(seed):
    with pytest.raises(
        ValueError, match=f"seed must be from 0 to 18446744073709551615, not {seed}"
    ):
        rankme.Accumulator(3, seed=seed)


@pytest.mark.parametrize("seed", [1.0, "1", None])
def test_seeds_that_are_no_integers(seed):
    with pytest.raises(TypeError, match=f"seed must be an integer, not {type(seed).__name__}"):
        rankme.Accumulator(3, seed=seed)


def test_the_seed_is_saved(tmp_path):
    acc = accumulated(2**64 - 1)
    acc.save(tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    (header_size,) = struct.unpack_from("<I", data, 12)
    assert b'"seed": 18446744073709551615' in data[16 : 16 + header_size]
    loaded = rankme.Accumulator.load(tmp_path / "a")
    loaded.merge(acc)
    loaded.spectrum()
    with pytest.raises(ValueError, match="seed"):
        loaded.merge(accumulated(0))
