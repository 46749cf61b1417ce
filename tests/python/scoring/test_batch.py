"""A batch is scored as its matrices are one by one, in the same order, whatever their shapes."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rankme
from helpers import quietly
from oracles import AGAINST_SVD, DTYPES, moderate, rankme_by_svd, with_singular_values
from random_cases import cases
from rankme._scoring.batch import spectra_of_batch

OPTIONS = [
    {},
    {"center": True},
    {"normalize": True},
    {"center": True, "normalize": True},
    {"eps": 0.0},
    {"eps": 1e-2},
]
# Both sides of every border in the core: a lane, a panel, orders that no lane takes, and one
# matrix for all threads.
SHAPES = [(1, 1), (1, 9), (9, 1), (5, 5), (16, 64), (64, 16), (7, 600), (600, 7), (50, 1001)]
LARGER = [(128, 300), (300, 129), (530, 520)]


def assert_close(scores, references):
    np.testing.assert_allclose(scores, references, rtol=1e-10, atol=0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_ragged_list_is_scored_as_its_matrices_are(dtype, options):
    zs = [moderate(seed, *shape, dtype) for seed, shape in enumerate(SHAPES)]
    scores = quietly(rankme.score_batch, zs, **options)
    assert scores.dtype == np.float64
    assert scores.shape == (len(zs),)
    assert_close(scores, [quietly(rankme.score, z, **options) for z in zs])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", LARGER, ids=str)
def test_larger_matrices(shape, options):
    zs = np.stack([moderate(seed, *shape, "f4") for seed in range(3)])
    assert_close(
        quietly(rankme.score_batch, zs, **options),
        [quietly(rankme.score, z, **options) for z in zs],
    )


@pytest.mark.parametrize("shape", [(3, 16, 64), (9, 50, 200), (5, 200, 50), (1, 4, 4)], ids=str)
def test_a_3d_array_is_a_batch(shape):
    zs = np.stack([moderate(seed, *shape[1:], "f4") for seed in range(shape[0])])
    expected = [rankme_by_svd(z) for z in zs]
    np.testing.assert_allclose(rankme.score_batch(zs), expected, rtol=AGAINST_SVD)
    np.testing.assert_array_equal(rankme.score_batch(list(zs)), rankme.score_batch(zs))


@settings(max_examples=100)
@given(st.lists(cases(max_side=24), min_size=1, max_size=7))
def test_the_interval_of_each_matrix_holds_the_score(batch):
    options = {"center": batch[0].center, "normalize": batch[0].normalize}
    zs = [case.z for case in batch]
    scores = quietly(rankme.score_batch, zs, **options)
    spectra = spectra_of_batch(zs, 1e-7, method="gram", rtol=1e-3, device=None, **options)
    for i, (z, score) in enumerate(zip(zs, scores, strict=True)):
        low, high = spectra.bounds(i, 1e-7)
        assert low * (1 - 1e-12) <= score <= high * (1 + 1e-12)
        # A matrix alone has a narrower one, which a score of the batch need not lie in. Both hold
        # the exact value.
        least, most = rankme.spectrum(z, **options).rankme_bounds()
        assert low * (1 - 1e-12) <= most
        assert least <= high * (1 + 1e-12)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "reversed": lambda z: z[::-1, ::-1].copy()[::-1, ::-1],
    "every other column": lambda z: np.repeat(z, 2, axis=1)[:, ::2],
    "every other row": lambda z: np.repeat(z, 2, axis=0)[::2],
    "unaligned": lambda z: np.frombuffer(b"x" + z.tobytes(), z.dtype, offset=1).reshape(z.shape),
    "memory map": lambda z: z.view(np.memmap),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (11, 470), (470, 11)], ids=str)
def test_layouts(shape, layout):
    z = moderate(3, *shape, "f4")
    for options in OPTIONS:
        expected = rankme.score_batch([z], **options)
        np.testing.assert_allclose(rankme.score_batch([layout(z)], **options), expected, rtol=1e-13)


def test_strides_of_a_3d_array():
    zs = np.stack([moderate(seed, 12, 30) for seed in range(6)])
    expected = rankme.score_batch(zs)
    moved = np.moveaxis(np.moveaxis(zs, 0, 2).copy(), 2, 0)
    np.testing.assert_allclose(rankme.score_batch(moved), expected, rtol=1e-13)
    np.testing.assert_array_equal(rankme.score_batch(zs[::-2]), expected[::-2])
    same = np.broadcast_to(zs[0], (5, 12, 30))
    np.testing.assert_array_equal(rankme.score_batch(same), np.full(5, expected[0]))
    rows = np.broadcast_to(zs[:, :1], (6, 12, 30))
    assert (rankme.score_batch(rows, eps=0).round(5) == 1).all()


def test_a_list_may_mix_dtypes_and_be_a_tuple():
    zs = [moderate(1, 16, 40, dtype) for dtype in (*DTYPES, ml_dtypes.bfloat16)]
    np.testing.assert_array_equal(
        rankme.score_batch(tuple(zs)), np.concatenate([rankme.score_batch([z]) for z in zs])
    )


def test_neighbours_change_no_bit():
    zs = [moderate(seed, n, 90, "f4") for seed, n in enumerate([3, 17, 17, 40, 16, 5, 90, 17])]
    zs[4][[2, 9]] = 0
    together = rankme.spectrum_batch(zs)
    for z, values in zip(zs, together, strict=True):
        np.testing.assert_array_equal(rankme.spectrum_batch([z])[0], values)


def test_exact_zeros():
    z = moderate(1, 60, 12)
    z[:, [0, 7]] = 0
    dead, wide, zero, constant = rankme.spectrum_batch(
        [z, z.T, np.zeros((4, 12)), np.ones((9, 12))]
    )
    for values in (dead, wide):
        assert (values[:10] > 0).all()
        assert (values[10:] == 0).all()
    assert not zero.any()
    assert constant[0] == pytest.approx(np.sqrt(9 * 12))
    assert rankme.score_batch([np.zeros((4, 12)), np.zeros((12, 4))]).tolist() == [0.0, 0.0]
    # Rows that are all alike have no spread, and a dead column stays dead.
    alike = np.repeat(moderate(2, 1, 12), 40, axis=0)
    for rows in (alike, alike[:5]):
        assert rankme.score_batch([rows], center=True).tolist() == [0.0]
        assert rankme.score_batch([rows], center=True, normalize=True).tolist() == [0.0]
    for options in ({"center": True}, {"normalize": True}, {"center": True, "normalize": True}):
        assert (rankme.spectrum_batch([z], **options)[0, 10:] == 0).all()


@pytest.mark.parametrize("exponent", [-1060, -1000, -600, -101, -99, 99, 101, 600, 1000])
@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (9, 700), (700, 9)], ids=str)
def test_every_range(shape, exponent):
    z = moderate(5, *shape, "f4").astype("f8")
    scaled = np.ldexp(z, exponent)
    tolerance = 1e-3 if exponent < -1022 else 1e-12  # subnormal numbers have lost digits
    for options in OPTIONS:
        np.testing.assert_allclose(
            rankme.score_batch([scaled], **options),
            rankme.score_batch([z], **options),
            rtol=tolerance,
        )


def test_rows_of_very_different_size_normalise():
    z = moderate(6, 20, 50)
    sizes = 10.0 ** np.linspace(-290, 290, 20)[:, None]
    for options in ({"normalize": True}, {"normalize": True, "center": True}):
        for a, b in ((z, z * sizes), (z[:, :8], z[:, :8] * sizes)):
            assert_close(rankme.score_batch([b], **options), rankme.score_batch([a], **options))


@pytest.mark.parametrize("shape", [(300, 10), (10, 300), (10, 3000), (3000, 10)], ids=str)
def test_a_long_mean_cancels_nothing(shape):
    z = np.round(moderate(7, *shape) * 1024) / 1024
    expected = rankme.score_batch([z], center=True, eps=0)
    shifted = rankme.score_batch([z + 2.0**20], center=True, eps=0)
    np.testing.assert_allclose(shifted, expected, rtol=1e-9 if shape[0] > shape[1] else 1e-5)


def test_entropy_is_the_logarithm_of_the_score():
    sigma = [1.0, 0.5, 0.25]
    zs = [with_singular_values(1, 9, 3, sigma), np.zeros((4, 4)), np.eye(7)]
    scores, entropies = rankme.score_batch(zs, eps=0, return_entropy=True)
    p = np.array(sigma) / sum(sigma)
    np.testing.assert_allclose(entropies, [-(p * np.log(p)).sum(), -np.inf, np.log(7)], rtol=1e-12)
    np.testing.assert_allclose(np.exp(entropies), scores, rtol=1e-14)
    # With eps in the shares, as in the score: they add up to 1 + m eps.
    _, (with_eps,) = rankme.score_batch(zs[:1], eps=0.1, return_entropy=True)
    assert with_eps == pytest.approx(-((p + 0.1) * np.log(p + 0.1)).sum(), rel=1e-12)


@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
def test_singular_values(method):
    zs = [moderate(seed, 40, 12) for seed in range(5)]
    values = rankme.spectrum_batch(zs, method=method)
    assert values.shape == (5, 12)
    np.testing.assert_allclose(values, np.linalg.svd(np.stack(zs), compute_uv=False), rtol=1e-11)
    ragged = rankme.spectrum_batch([zs[0], zs[1][:7]], method=method)
    assert isinstance(ragged, list)
    np.testing.assert_array_equal(ragged[0], values[0])
    expected = np.linalg.svd(zs[1][:7], compute_uv=False)
    np.testing.assert_allclose(ragged[1], expected, rtol=1e-11)


def test_values_beyond_float64_name_their_matrix():
    zs = [np.ones((3, 3)), np.full((2, 2), 1.7e308)]
    with pytest.raises(OverflowError, match=r"of Zs\[1\] is beyond float64"):
        rankme.spectrum_batch(zs)
    assert rankme.score_batch(zs, eps=0).round(6).tolist() == [1.0, 1.0]


def collapsed(seed):
    """A matrix whose Gram matrix does not show what half of its singular values are."""
    sigma = np.r_[np.ones(2), np.full(22, 3e-9)]
    return with_singular_values(seed, 60, 24, sigma)


def test_qr_and_auto():
    zs = [moderate(1, 60, 24), collapsed(2), collapsed(3).T, moderate(2, 24, 60)]
    expected = [rankme_by_svd(z) for z in zs]
    _, (low, high) = rankme.score_batch(zs, return_bounds=True)
    widths = (high - low) / low
    assert widths[[1, 2]].min() > 2 * widths[[0, 3]].max()
    rtol = np.sqrt(widths[[1, 2]].min() * widths[[0, 3]].max())
    for method in ("qr", "auto"):
        scores = rankme.score_batch(zs, method=method, rtol=rtol)
        np.testing.assert_allclose(scores, expected, rtol=1e-9)
    # Those that were certain enough are left as they were.
    auto, plain = (rankme.spectrum_batch(zs, method=m, rtol=rtol) for m in ("auto", "gram"))
    np.testing.assert_array_equal(auto[[0, 3]], plain[[0, 3]])
    assert (auto[[1, 2]] != plain[[1, 2]]).any(axis=1).all()


def test_one_warning_for_the_whole_batch():
    # All rows have one direction: as unit vectors, less their mean, they are rounding.
    unknown = np.outer(np.arange(1.0, 10), moderate(1, 1, 30)[0])
    zs = [moderate(1, 9, 9), unknown, np.eye(3), unknown[:, :4]]
    options = {"center": True, "normalize": True}
    message = (
        r"^RankMe of Zs\[1\] is 0, since no singular value can be told from zero.* "
        r"\(interval 0 to .*\), as have 1 more of 4 matrices; method=.qr. sees smaller"
    )
    with pytest.warns(rankme.PrecisionWarning, match=message) as caught:
        rankme.score_batch(zs, **options)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(rankme.PrecisionWarning, match="as have 1 more of 4 matrices$"):
        rankme.score_batch(zs, method="qr", **options)
    rankme.score_batch([zs[0], zs[2]], **options)
    with pytest.warns(rankme.PrecisionWarning):
        rankme.score(unknown, **options)


def test_the_number_of_threads_changes_no_bit():
    zs = [moderate(seed, 3 + seed % 40, 70 + seed, "f4") for seed in range(60)]
    zs += [moderate(60, 200, 140), moderate(61, 400, 900, "f4")]
    before = rankme._core.num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 8):
            rankme._core.set_num_threads(threads)
            results.append(np.concatenate(rankme.spectrum_batch(zs)))
    finally:
        rankme._core.set_num_threads(before)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize(
    ("sigma", "rank"),
    [
        ([60.2597, 41.6354, 24.3461], 2.8186),
        ([1180.14, 552.93, 154.78, 16.527, 6.954], 2.5133),
        ([122.305, 114.348, 82.510, 71.025, 61.051, 55.456, 55.207, 45.035, 5.794], 7.8046),
        ([218.688, 62.001, 15.469], 2.0248),
    ],
)
def test_effective_ranks_that_were_published(sigma, rank):
    """Ten sampled answers of arXiv:2510.08389; the other singular values are 0."""
    z = with_singular_values(0, 10, 64, [*sigma, *[0.0] * (10 - len(sigma))])
    assert round(float(rankme.score_batch(z[None], eps=0)[0]), 4) == rank
