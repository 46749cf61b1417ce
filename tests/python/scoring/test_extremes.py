"""Entries whose squares overflow or vanish."""

import numpy as np
import pytest

import rankme
from helpers import accumulated
from oracles import AGAINST_SVD, RANK_DEFICIENT, moderate, rankme_by_svd, relative_error

SHAPES = [(300, 20), (20, 20), (20, 300), (1, 20), (20, 1)]
MAX = np.finfo("f8").max
TINY = 5e-324


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e300, 1e-300, 1e-307])
@pytest.mark.parametrize("normalize", [False, True])
def test_uniformly_huge_or_tiny(shape, scale, normalize):
    z = moderate(1, *shape) * scale
    expected = rankme_by_svd(z, normalize=normalize)
    assert relative_error(rankme.score(z, normalize=normalize), expected) < AGAINST_SVD
    acc = accumulated(z, normalize=normalize)
    assert relative_error(acc.score(), expected) < AGAINST_SVD


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_huge_and_tiny_centred(scale):
    z = moderate(2, 300, 20) * scale
    expected = rankme_by_svd(z, center=True)
    assert relative_error(rankme.score(z, center=True), expected) < AGAINST_SVD
    assert relative_error(accumulated(z).score(center=True), expected) < AGAINST_SVD


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_singular_values_keep_their_unit(scale):
    z = moderate(3, 300, 20)
    expected = np.linalg.svd(z, compute_uv=False) * scale
    np.testing.assert_allclose(rankme.spectrum(z * scale).singular_values, expected, rtol=1e-10)


@pytest.mark.parametrize("value", [MAX, -MAX])
@pytest.mark.parametrize("shape", [(50, 4), (4, 50)], ids=str)
def test_the_largest_float(value, shape):
    z = np.full(shape, value)
    z[0, 0] = 0
    for options in ({}, {"center": True}, {"normalize": True}):
        expected = rankme_by_svd(z, eps=0, **options)
        score = rankme.score(z, eps=0, **options)
        assert relative_error(score, expected) < RANK_DEFICIENT
    spectrum = rankme.spectrum(z)
    with pytest.raises(OverflowError, match=r"largest singular value.*beyond float64"):
        _ = spectrum.singular_values


def test_a_gram_matrix_beyond_float64_is_an_error_of_gram_alone():
    acc = accumulated(moderate(4, 30, 4) * 1e200)
    with pytest.raises(OverflowError, match="float64"):
        acc.gram()
    assert np.isfinite(acc.score())


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_subnormal_entries(shape, dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    counts = np.random.default_rng(5).integers(1, 900, shape)
    z = (counts.astype(dtype) * smallest).astype(dtype)
    expected = rankme_by_svd(counts)
    assert relative_error(rankme.score(z), expected) < AGAINST_SVD
    assert relative_error(accumulated(z).score(), expected) < AGAINST_SVD


def test_one_subnormal_entry():
    z = np.zeros((9, 5))
    z[4, 2] = TINY
    assert rankme.score(z, eps=0) == 1.0
    np.testing.assert_array_equal(rankme.spectrum(z).singular_values, [TINY, 0, 0, 0, 0])


ORDERS = {"huge first": (1e200, 1e-200), "tiny first": (1e-200, 1e200), "apart": (1.0, 1e-250)}


@pytest.mark.parametrize("scales", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("center", [False, True])
def test_mixed_blocks(scales, center):
    blocks = [moderate(6, 100, 10) * scales[0], moderate(7, 100, 10) * scales[1]]
    expected = rankme_by_svd(np.vstack(blocks), center=center)
    for score in (
        accumulated(*blocks).score(center=center),
        (accumulated(blocks[0]) + accumulated(blocks[1])).score(center=center),
        rankme.score(np.vstack(blocks), center=center),
        rankme.score(np.asfortranarray(np.vstack(blocks)), center=center),
    ):
        assert relative_error(score, expected) < AGAINST_SVD


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)], ids=str)
def test_mixed_within_a_row(shape):
    z = moderate(8, *shape)
    z[:, ::2] *= 1e200
    z[:, 1::2] *= 1e-200
    expected = rankme_by_svd(z)
    assert relative_error(rankme.score(z), expected) < RANK_DEFICIENT


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)], ids=str)
def test_mixed_rows_weigh_the_same_when_normalised(shape):
    z = moderate(9, *shape)
    scales = np.resize([1e200, 1e-200, 1.0, 1e-300], (shape[0], 1))
    expected = rankme_by_svd(z, normalize=True)
    assert relative_error(rankme.score(z * scales, normalize=True), expected) < AGAINST_SVD
    acc = accumulated(z * scales, normalize=True)
    assert relative_error(acc.score(), expected) < AGAINST_SVD


def test_many_blocks_up_and_down_the_scale():
    z = moderate(10, 40, 6)
    scales = 10.0 ** np.resize([0, 150, -150, 300, -300, 160], (40, 1))
    expected = rankme_by_svd(z * scales)
    acc = accumulated(*(z * scales)[:, None, :])
    assert acc.n_rows == 40
    assert relative_error(acc.score(), expected) < AGAINST_SVD
