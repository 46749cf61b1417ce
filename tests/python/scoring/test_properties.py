"""What must hold for every matrix, over random shapes, spectra, dtypes and layouts."""

import functools
import operator

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rankme
from oracles import (
    AGAINST_SVD,
    DTYPES,
    RANK_DEFICIENT,
    SAME_ROWS,
    moderate,
    preprocess,
    rankme_by_svd,
    rankme_of,
    relative_error,
    with_singular_values,
)

seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from(DTYPES)
epsilons = st.sampled_from([0.0, 1e-12, 1e-7, 1e-3])


@st.composite
def matrices(draw, dtype=None, max_side=60):
    """Moderate spectra of any shape; kept off N = K +- 2, where sigma_m may come near zero."""
    n, k = draw(st.tuples(st.integers(1, max_side), st.integers(1, max_side)))
    if abs(n - k) <= 2:
        n += 3
    z = moderate(draw(seeds), n, k, draw(dtypes) if dtype is None else dtype)
    return np.asfortranarray(z) if draw(st.booleans()) else z


def assume_spread(z, *, center, normalize):
    """Leave out rows that are all alike: what centring leaves of them is rounding."""
    if center and len(z) > 1:
        assume(np.abs(preprocess(z, center=True, normalize=normalize)).max() > 1e-3)


def rotation(seed, size):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


@given(matrices(), epsilons)
def test_it_is_the_definition(z, eps):
    assert relative_error(rankme.score(z, eps=eps), rankme_by_svd(z, eps=eps)) < AGAINST_SVD


@given(st.data(), st.lists(st.floats(1e-3, 1), min_size=1, max_size=30), epsilons, seeds)
def test_a_spectrum_built_by_hand(data, sigma, eps, seed):
    n = data.draw(st.integers(len(sigma), 60))
    z = with_singular_values(seed, n, len(sigma), sigma)
    assert relative_error(rankme.score(z, eps=eps), rankme_of(sigma, eps)) < AGAINST_SVD


@given(matrices(), epsilons)
def test_range(z, eps):
    m = min(z.shape)
    low, high = 1 - 1e-12, m * (1 + 1e-12)
    assert low <= rankme.score(z, eps=0) <= high
    # Every p_k is at most m * eps more after all.
    assert rankme.score(z, eps=eps) <= high * np.exp(m * eps * (1 - np.log(eps or 1)))


@given(matrices("f8"), st.integers(-900, 900))
def test_scaling_by_a_power_of_two_changes_nothing(z, exponent):
    assert relative_error(rankme.score(np.ldexp(z, exponent)), rankme.score(z)) < SAME_ROWS


@given(matrices("f8"), st.floats(-250, 250), st.booleans())
def test_scaling(z, magnitude, center):
    assume_spread(z, center=center, normalize=False)
    scaled = rankme.score(z * -(10.0**magnitude), center=center)
    tolerance = 1e-10 if not center or z.shape[0] > z.shape[1] else RANK_DEFICIENT
    assert relative_error(scaled, rankme.score(z, center=center)) < tolerance


@given(matrices(), seeds, st.booleans(), st.booleans())
def test_row_permutation(z, seed, center, normalize):
    assume_spread(z, center=center, normalize=normalize)
    order = np.random.default_rng(seed).permutation(z.shape[0])
    options = {"center": center, "normalize": normalize}
    tolerance = 1e-10 if not center or z.shape[0] > z.shape[1] else RANK_DEFICIENT
    score = rankme.score(z, **options)
    assert relative_error(rankme.score(z[order], **options), score) < tolerance


@given(matrices(), seeds)
def test_column_permutation(z, seed):
    order = np.random.default_rng(seed).permutation(z.shape[1])
    assert relative_error(rankme.score(z[:, order]), rankme.score(z)) < 1e-10


@given(matrices("f8"), seeds, st.booleans(), st.booleans())
def test_rotation(z, seed, center, normalize):
    assume_spread(z, center=center, normalize=normalize)
    options = {"center": center, "normalize": normalize}
    tolerance = AGAINST_SVD if not center or z.shape[0] > z.shape[1] else RANK_DEFICIENT
    turned = rankme.score(z @ rotation(seed, z.shape[1]), **options)
    assert relative_error(turned, rankme.score(z, **options)) < tolerance


@given(matrices("f8"), seeds)
def test_rotation_of_the_rows(z, seed):
    turned = rankme.score(rotation(seed, z.shape[0]) @ z)
    assert relative_error(turned, rankme.score(z)) < AGAINST_SVD


@given(matrices())
def test_transposition(z):
    assert relative_error(rankme.score(z.T), rankme.score(z)) < 1e-10
    assert relative_error(rankme.score(z.T.copy()), rankme.score(z)) < 1e-10


@given(matrices(), st.integers(2, 4), epsilons)
def test_duplicating_every_row(z, times, eps):
    # sigma grows by sqrt(times), p stays. Where N < K, m grows too, by zero singular values: then
    # only eps = 0 leaves the score alone, up to what a Gram matrix makes of a zero.
    repeated = np.repeat(z, times, axis=0)
    if z.shape[0] >= z.shape[1]:
        assert relative_error(rankme.score(repeated, eps=eps), rankme.score(z, eps=eps)) < 1e-10
    else:
        score = rankme.score(z, eps=0)
        assert relative_error(rankme.score(repeated, eps=0), score) < RANK_DEFICIENT


@given(matrices(), st.data(), st.booleans(), st.booleans())
def test_chunks_and_merges(z, data, center, normalize):
    assume_spread(z, center=center, normalize=normalize)
    n, k = z.shape
    cuts = data.draw(
        st.lists(st.integers(1, n - 1), unique=True, max_size=6) if n > 1 else st.just([])
    )
    blocks = np.split(z, sorted(cuts))
    parts = [rankme.Accumulator(k, normalize=normalize) for _ in blocks]
    stream = rankme.Accumulator(k, normalize=normalize)
    for part, block in zip(parts, blocks, strict=True):
        part.update(block)
        stream.update(block)
    merged = functools.reduce(operator.add, data.draw(st.permutations(parts)))
    assert merged.n_rows == stream.n_rows == n
    one_shot = rankme.score(z, center=center, normalize=normalize)
    # The one-shot call takes the smaller side where N < K.
    tolerance = SAME_ROWS if n >= k else 1e-10
    if center and n <= k:
        tolerance = RANK_DEFICIENT
    for acc in (merged, stream):
        assert relative_error(acc.score(center=center), one_shot) < tolerance


@given(matrices("f8"), st.integers(-1000, 900))
@settings(max_examples=50)
def test_singular_values_scale(z, exponent):
    values = rankme.spectrum(z).singular_values
    scaled = rankme.spectrum(np.ldexp(z, exponent)).singular_values
    assert scaled == pytest.approx(np.ldexp(values, exponent), rel=1e-9)
