"""Small singular values of one-shot calls and batches, which one Gram matrix alone loses."""

import numpy as np
import pytest

import extended
import rankme
from helpers import quietly
from oracles import BFLOAT16, rankme_of


def with_tail(seed, n, k, rank, tail):
    """Equal values and then a tail; where that is 0, integers, so that the rank is exact."""
    rng = np.random.default_rng(seed)
    if tail == 0:
        left = np.round(100 * rng.standard_normal((n, rank)))
        return left @ np.round(100 * rng.standard_normal((rank, k)))
    left = np.linalg.qr(rng.standard_normal((n, k)))[0]
    right = np.linalg.qr(rng.standard_normal((k, k)))[0]
    return (left * np.where(np.arange(k) < rank, 1.0, tail)) @ right


def exact_rank(z, rank=None, **options):
    a, norm = extended.exact_matrix(z, **options)
    sigma = extended.singular_values(a)[:rank]
    return float(extended.rankme(sigma, 0)), extended.own_error(z.shape, norm), sigma


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_of_hundreds_has_eigenvectors(seed):
    """LAPACK's dstemr finds none for two of these three."""
    z = with_tail(seed, 1000, 600, 300, 1e-8)
    exact = rankme_of(np.where(np.arange(600) < 300, 1.0, 1e-8), 0)
    assert rankme.score(z, eps=0) == pytest.approx(exact, rel=1e-12)


def test_200_rank_one_matrices_score_1():
    rng = np.random.default_rng(0)
    lefts = rng.integers(-2000, 2000, (200, 10, 1))
    rights = rng.integers(-2000, 2000, (200, 1, 640))
    zs = (lefts * rights).astype(np.float32)
    assert (zs == lefts * rights).all()
    np.testing.assert_allclose(rankme.score_batch(zs, eps=0), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose([rankme.score(z, eps=0) for z in zs[:20]], 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(16, 64), (50, 40), (64, 16), (200, 150)], ids=str)
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_exact_rank_deficiency_scores_as_the_values_that_are_there(shape, rank):
    zs = [with_tail(seed, *shape, rank, 0) for seed in range(5)]
    for z, score in zip(zs, rankme.score_batch(zs, eps=0), strict=True):
        wanted = exact_rank(z, rank)[0] if max(shape) < 100 else None
        if wanted is None:
            sigma = np.linalg.svd(z, compute_uv=False)[:rank]
            share = sigma / sigma.sum()
            wanted = np.exp(-(share * np.log(share)).sum())
        assert abs(score / wanted - 1) < 1e-12
        assert abs(rankme.score(z, eps=0) / wanted - 1) < 1e-12


@pytest.mark.parametrize("tail", [1e-12, 1e-10, 1e-9, 3e-9, 1e-8, 3e-8, 1e-7])
@pytest.mark.parametrize("rank", [1, 4])
def test_tails_come_out_to_1e_12(rank, tail):
    for seed in range(3):
        z = with_tail(seed, 64, 16, rank, tail)
        wanted, _, _ = exact_rank(z)
        for side in (z, z.T):
            assert abs(rankme.score_batch([side], eps=0)[0] / wanted - 1) < 1e-12
            spectrum = rankme.spectrum(side)
            assert abs(spectrum.effective_rank() / wanted - 1) < 1e-12
            low, high = spectrum.effective_rank_bounds()
            assert low * (1 - 1e-14) <= wanted <= high * (1 + 1e-14)
            assert high - low < 1e-10 * wanted


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("exponent", [-530, 0, 480])
def test_values_without_a_gap_lie_in_their_intervals(center, normalize, exponent):
    rng = np.random.default_rng(exponent + 600)
    for n, k in [(24, 16), (16, 24), (33, 32)]:
        m = min(n, k)
        left = np.linalg.qr(rng.standard_normal((n, m)))[0]
        right = np.linalg.qr(rng.standard_normal((k, m)))[0]
        z = (left * np.exp(-1.7 * np.arange(m))) @ right.T * 2.0**exponent
        wanted, own, sigma = exact_rank(z, center=center, normalize=normalize)
        options = {"center": center, "normalize": normalize}
        spectrum = rankme.spectrum(z, **options)
        low, high = spectrum.singular_value_bounds()
        values = spectrum.singular_values
        assert ((low - own <= sigma) & (sigma <= high + own)).all()
        assert ((low <= values) & (values <= high)).all()
        assert (np.diff(values) <= 0).all()
        assert abs(spectrum.effective_rank() / wanted - 1) < 3e-10
        assert abs(rankme.score_batch([z], eps=0, **options)[0] / wanted - 1) < 3e-10
        # One Gram matrix knows such values to 1e-7 of the first.
        assert (high - low)[sigma < 1e-9 * sigma[0]].max() < 1e-9 * values[0]


def test_a_long_mean_hides_no_tail():
    rng = np.random.default_rng(4)
    z = 1e6 * rng.standard_normal(12) + with_tail(5, 60, 12, 3, 1e-6)
    wanted, _, _ = exact_rank(z)
    assert abs(rankme.spectrum(z).effective_rank() / wanted - 1) < 1e-12
    wanted, _, _ = exact_rank(z, center=True)
    assert abs(rankme.spectrum(z, center=True).effective_rank() / wanted - 1) < 1e-8


def test_auto_needs_no_second_way_for_a_tail():
    z = with_tail(6, 300, 40, 4, 1e-9)
    assert rankme.spectrum(z, method="auto", rtol=1e-8).method == "gram"
    stream = rankme.Accumulator(40)
    stream.update(z)
    low, high = stream.spectrum().effective_rank_bounds()
    assert high - low > 1e-6  # which has no rows to look at again


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32, np.float64], ids=str)
def test_layouts_and_dtypes_have_the_same_tail(dtype):
    rng = np.random.default_rng(7)
    z = (rng.integers(-9, 9, (40, 2)) @ rng.integers(-9, 9, (2, 24))).astype(dtype)
    wanted, _, _ = exact_rank(z.astype(np.float64), 2)
    wider = np.zeros((80, 48), dtype=dtype)
    wider[::2, ::2] = z
    views = [z, np.asfortranarray(z), wider[::2, ::2], z[::-1, ::-1]]
    for score in [*rankme.score_batch(views, eps=0), *(rankme.score(v, eps=0) for v in views)]:
        assert abs(score / wanted - 1) < 1e-12


def test_a_batch_gives_the_intervals_of_its_scores():
    rng = np.random.default_rng(8)
    zs = [rng.standard_normal((20, 9)), with_tail(9, 40, 16, 4, 1e-9), np.zeros((3, 4))]
    scores, (low, high) = rankme.score_batch(zs, return_bounds=True)
    assert scores.shape == low.shape == high.shape == (3,)
    assert ((low <= scores) & (scores <= high)).all()
    assert low[2] == scores[2] == high[2] == 0
    assert (high - low)[:2].max() < 1e-9
    for z, score, interval in zip(zs, scores, zip(low, high, strict=True), strict=True):
        reference = rankme.spectrum(z)
        assert reference.rankme() == pytest.approx(score, rel=1e-12)
        assert interval == pytest.approx(reference.rankme_bounds(), rel=1e-9)


def test_the_order_of_what_a_batch_returns():
    zs = np.random.default_rng(10).standard_normal((4, 6, 5))
    scores = rankme.score_batch(zs)
    both, entropies, bounds = rankme.score_batch(zs, return_entropy=True, return_bounds=True)
    np.testing.assert_array_equal(both, scores)
    np.testing.assert_array_equal(entropies, np.log(scores))
    np.testing.assert_array_equal(bounds, rankme.score_batch(zs, return_bounds=True)[1])
    assert len(rankme.score_batch(zs, return_entropy=True)) == 2


def test_no_place_in_a_batch_changes_a_result():
    zs = [with_tail(seed, 30, 12, 1 + seed % 5, 10.0 ** -(seed % 14)) for seed in range(24)]
    scores = quietly(rankme.score_batch, zs, eps=0)
    alone = [quietly(rankme.score_batch, [z], eps=0)[0] for z in zs]
    np.testing.assert_array_equal(scores, alone)
    order = np.random.default_rng(11).permutation(24)
    np.testing.assert_array_equal(
        quietly(rankme.score_batch, [zs[i] for i in order], eps=0), scores[order]
    )
