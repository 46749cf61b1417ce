"""method="qr": a streaming factorisation that sees what a Gram matrix loses."""

import copy
import functools
import operator
import pickle

import numpy as np
import pytest

import rankme
from helpers import bits, half_width, in_blocks
from oracles import (
    BFLOAT16,
    DTYPES,
    moderate,
    preprocess,
    rankme_of,
    relative_error,
    with_singular_values,
)

OPTIONS = [(False, False), (True, False), (False, True), (True, True)]


def graded(seed, n, k, decades=14):
    """Columns of norms from 1 down to 10^-decades, which their own scale keeps accurate."""
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.standard_normal((n, k)))[0] * np.logspace(0, -decades, k)


@pytest.mark.parametrize("shape", [(300, 40), (40, 40), (40, 300)], ids=str)
@pytest.mark.parametrize("center", [False, True])
def test_qr_agrees_with_an_svd_down_to_1e_14(shape, center):
    z = with_singular_values(8, *shape, np.logspace(0, -14, 40))
    svd = np.linalg.svd(preprocess(z, center=center), compute_uv=False)
    spectrum = rankme.spectrum(z, center=center, method="qr")
    for eps in (0, 1e-12, 1e-7):
        assert relative_error(spectrum.rankme(eps=eps), rankme_of(svd, eps)) < 1e-12
    if shape[0] > shape[1]:
        stream = in_blocks(z, method="qr")
        assert relative_error(stream.score(center=center, eps=0), rankme_of(svd, 0)) < 1e-12
    gram = in_blocks(z, method="gram").spectrum(center=center)  # without its rows to look at again
    assert relative_error(gram.rankme(eps=0), rankme_of(svd, 0)) > 1e-11
    assert half_width(spectrum, eps=0) < 1e-3 * half_width(gram, eps=0)


def test_qr_sees_singular_values_that_gram_cannot():
    z = graded(9, 300, 15)
    sigma = np.logspace(0, -14, 15)
    absolute = 1e-15
    for spectrum in (rankme.spectrum(z, method="qr"), in_blocks(z, method="qr").spectrum()):
        np.testing.assert_allclose(spectrum.singular_values, sigma, rtol=0, atol=absolute)
        low, high = spectrum.singular_value_bounds()
        assert (low[:13] > 0).all()
        assert (high - low < 1e-12).all()
    low, _ = in_blocks(z, method="gram").spectrum().singular_value_bounds()
    assert not low[9:].any()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", OPTIONS)
def test_chunking_merging_and_one_shot_of_qr_agree(dtype, options):
    center, normalize = options
    z = moderate(10, 700, 30, dtype)
    svd = np.linalg.svd(preprocess(z, center=center, normalize=normalize), compute_uv=False)
    one_shot = rankme.score(z, center=center, normalize=normalize, method="qr")
    assert relative_error(one_shot, rankme_of(svd)) < 1e-12
    parts = [in_blocks(part, method="qr", normalize=normalize) for part in np.array_split(z, 7)]
    order = np.random.default_rng(11).permutation(7)
    totals = [
        in_blocks(z, method="qr", normalize=normalize),
        in_blocks(z, method="qr", normalize=normalize, lengths=(1,)),
        functools.reduce(operator.add, parts),
        functools.reduce(lambda a, b: b + a, [parts[i] for i in order]),
        (parts[0] + parts[4]) + ((parts[1] + parts[6]) + (parts[5] + (parts[2] + parts[3]))),
        sum(parts),
    ]
    for total in totals:
        assert total.n_rows == 700
        assert relative_error(total.score(center=center), one_shot) < 1e-12
    assert [part.n_rows for part in parts] == [100] * 7


def test_few_rows_so_far():
    z = moderate(12, 12, 8, BFLOAT16)
    acc = rankme.Accumulator(8, method="qr")
    with pytest.raises(ValueError, match="no rows yet"):
        acc.score()
    for i in range(12):
        acc.update(z[i : i + 1])
        spectrum = acc.spectrum()
        assert spectrum.singular_values.shape == (min(i + 1, 8),)
        assert relative_error(spectrum.rankme(), rankme.score(z[: i + 1])) < 1e-10


def test_a_qr_accumulator_can_be_saved_pickled_and_copied(tmp_path):
    z = moderate(13, 90, 7)
    acc, whole = in_blocks(z[:50], method="qr"), in_blocks(z, method="qr")
    acc.save(tmp_path / "part.rankme")
    for other in (
        rankme.Accumulator.load(tmp_path / "part.rankme"),
        pickle.loads(pickle.dumps(acc)),
        copy.deepcopy(acc),
    ):
        assert bits(other) == bits(acc)
        other.update(z[50:])
        assert relative_error(other.score(), whole.score()) < 1e-13
    assert acc.n_rows == 50


def test_what_a_qr_accumulator_is_asked_for_in_vain():
    acc = in_blocks(moderate(14, 20, 5), method="qr")
    before = bits(acc)
    with pytest.raises(ValueError, match="method 'qr' keeps no Gram matrix"):
        acc.gram()
    with pytest.raises(ValueError, match="dim 5 and dim 4"):
        acc.merge(rankme.Accumulator(4, method="qr"))
    with pytest.raises(ValueError, match="that normalizes rows with one that does not"):
        acc.merge(rankme.Accumulator(5, method="qr", normalize=True))
    with pytest.raises(ValueError, match="of method 'qr' and method 'gram'"):
        acc.merge(rankme.Accumulator(5))
    with pytest.raises(ValueError, match="of method 'gram' and method 'qr'"):
        rankme.Accumulator(5).merge(acc)
    for z, error in (
        (np.full((3, 5), np.nan), rankme.NonFiniteError),
        (np.ones((3, 4)), ValueError),
        (np.full((3, 5), 1e302), ValueError),
        (np.ones((3, 5), "i4"), TypeError),
    ):
        with pytest.raises(error):
            acc.update(z)
    assert bits(acc) == before
    acc.reset()
    assert bits(acc) == bits(rankme.Accumulator(5, method="qr"))


def test_qr_says_which_entries_are_too_large_for_it():
    z = np.full((9, 4), 1e302)
    with pytest.raises(ValueError, match=r"beyond 2\^1000, too large for method='qr'; scale"):
        rankme.score(z, method="qr")
    assert rankme.score(z, method="qr", normalize=True, eps=0) == pytest.approx(1)


@pytest.mark.parametrize("size", [5e-324, 1e-323, 3e-320])
def test_no_subnormal_is_forgotten(size):
    acc = rankme.Accumulator(dim=4, method="qr")
    acc.update(np.array([[size, 0, 0, 0]]))
    for _ in range(4):
        acc.update(np.zeros((4, 4)))
    low, high = acc.spectrum().rankme_bounds(eps=0)
    assert low <= 1 <= high  # what is there has rank 1
    if low == 0:
        with pytest.warns(rankme.PrecisionWarning, match="told from zero"):
            assert acc.score() == 0
    loaded = pickle.loads(pickle.dumps(acc))
    assert loaded.spectrum().rankme_bounds(eps=0) == (low, high)


@pytest.mark.parametrize("spread", [1e-2, 1e-4, 1e-6, 1e-8])
def test_a_long_mean_costs_a_centred_factor_nothing(spread):
    rng = np.random.default_rng(16)
    z = rng.standard_normal(12) + spread * graded(17, 400, 12, decades=4)
    distances = (z - z[0]).astype(np.longdouble)
    svd = np.linalg.svd((distances - distances.mean(axis=0)).astype(float), compute_uv=False)
    parts = [in_blocks(part, method="qr") for part in np.array_split(z, 5)]
    for total in (in_blocks(z, method="qr"), functools.reduce(operator.add, parts[::-1])):
        assert relative_error(total.score(center=True, eps=0), rankme_of(svd, 0)) < 1e-13 / spread
        assert relative_error(total.score(eps=0), rankme.score(z, method="qr", eps=0)) < 1e-13
    one_shot = rankme.score(z, center=True, method="qr", eps=0)
    assert relative_error(one_shot, rankme_of(svd, 0)) < 1e-13 / spread
