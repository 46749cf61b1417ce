"""One-shot scores against a float64 SVD, over shapes, dtypes, layouts and scales."""

import numpy as np
import pytest
import threadpoolctl

import rankme
from command import DOCSTRINGS, WORDNET
from oracles import (
    AGAINST_SVD,
    BFLOAT16,
    DTYPES,
    RANK_DEFICIENT,
    moderate,
    rankme_by_svd,
    rankme_of,
    relative_error,
    with_singular_values,
)

SHAPES = [
    (1000, 60),
    (3001, 130),  # more than one block, of unequal rows
    (64, 64),
    (257, 257),
    (30, 200),
    (7, 1000),
    (1, 1),
    (1, 40),
    (40, 1),
    (2, 3),
]


def assert_matches_svd(z, tolerance=AGAINST_SVD, **options):
    eps = options.pop("eps", 1e-7)
    score = rankme.score(z, eps=eps, **options)
    assert isinstance(score, float)
    assert relative_error(score, rankme_by_svd(z, eps=eps, **options)) < tolerance


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_score_matches_svd(shape, dtype):
    assert_matches_svd(moderate(1, *shape, dtype))


# So many threads that fewer than half may have a sum of their own: 2, and what fits 32 MiB.
@pytest.mark.parametrize(
    ("shape", "threads"), [((5000, 700), 24), ((700, 1500), 24), ((2100, 1020), 16)], ids=str
)
def test_score_matches_svd_where_blas_splits_the_work(shape, threads):
    z = moderate(2, *shape, "f4")
    with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
        score = rankme.score(z)
    assert relative_error(score, rankme_by_svd(z)) < AGAINST_SVD


def test_score_matches_svd_where_lapack_has_all_threads():
    assert_matches_svd(moderate(2, 2100, 1100, "f4"))


@pytest.mark.parametrize("path", [DOCSTRINGS, WORDNET], ids=lambda path: path.stem)
@pytest.mark.parametrize("center", [False, True])
def test_real_embeddings(path, center):
    z = np.load(path)
    assert_matches_svd(z, center=center)
    # Two dimensions are zero in every row.
    values = rankme.spectrum(z, center=center).singular_values
    assert np.count_nonzero(values) == 382


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_values_match_svd(shape):
    z = moderate(3, *shape)
    spectrum = rankme.spectrum(z)
    values = spectrum.singular_values
    assert values.dtype == np.float64
    assert values.shape == (min(shape),)
    assert not values.flags.writeable
    assert np.all(np.diff(values) <= 0)
    expected = np.linalg.svd(z, compute_uv=False)
    # lambda is known to about m * 2^-52 * lambda_1, and sigma = sqrt(lambda).
    np.testing.assert_allclose(values**2, expected**2, rtol=1e-12, atol=1e-13 * expected[0] ** 2)
    assert relative_error(spectrum.rankme(), rankme_of(values)) < 1e-13


@pytest.mark.parametrize("eps", [0, 0.0, 1e-12, 1e-7, 1e-3, np.float32(0.5), 1])
def test_known_spectrum(eps):
    sigma = [4.0, 3.0, 2.0, 1.0, 0.5]
    for shape in [(50, 5), (5, 50), (5, 5)]:
        z = with_singular_values(4, *shape, sigma)
        assert relative_error(rankme.score(z, eps=eps), rankme_of(sigma, float(eps))) < 1e-12


@pytest.mark.parametrize("m", [1, 2, 17])
def test_orthonormal_rows_have_full_rank(m):
    z = np.eye(m, 40)
    assert rankme.score(z, eps=0) == pytest.approx(m, rel=1e-13)
    # p_k = 1/m + eps, m times.
    p = 1 / m + 1e-7
    assert rankme.score(z) == pytest.approx(np.exp(-m * p * np.log(p)), rel=1e-13)


def test_effective_rank_is_rankme_without_eps():
    spectrum = rankme.spectrum(moderate(5, 100, 20))
    assert spectrum.effective_rank() == spectrum.rankme(eps=0)


def test_only_min_n_k_terms_enter():
    # A Gram matrix on the longer side would add 990 terms -eps log eps, here some 20 percent.
    z = np.eye(10, 1000)
    eps = 1e-5
    p = 0.1 + eps
    expected = np.exp(-10 * p * np.log(p))
    assert rankme.score(z, eps=eps) == pytest.approx(expected, rel=1e-12)
    acc = rankme.Accumulator(1000)
    acc.update(z)
    assert acc.score(eps=eps) == pytest.approx(expected, rel=1e-12)
    assert acc.spectrum().singular_values.shape == (10,)


@pytest.mark.parametrize("shape", [(300, 20), (20, 300)], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_duplicated_rows(shape, dtype):
    z = moderate(6, *shape, dtype)
    doubled = np.repeat(z, 2, axis=0)
    deficient = doubled.shape[0] // 2 < z.shape[1]
    assert_matches_svd(doubled, RANK_DEFICIENT if deficient else AGAINST_SVD)


@pytest.mark.parametrize("shape", [(500, 30), (30, 30), (30, 100)], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_constant_column(shape, dtype):
    z = moderate(7, *shape, dtype)
    z[:, 3] = 1.5
    assert_matches_svd(z)


def test_constant_and_zero_columns():
    z = moderate(8, 500, 30)
    z[:, 3] = 1.5
    z[:, 4:6] = -2.0
    z[:, 9] = 0
    assert_matches_svd(z, RANK_DEFICIENT)


@pytest.mark.parametrize("seed", range(24))
def test_columns_of_one_value_beside_a_large_mean(seed):
    # The scatter has exact zeros there, and the mean has not.
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(210, 600)), int(rng.integers(20, 200))
    z = moderate(seed, n, k)
    some = rng.choice(k, k // 4, replace=False)
    z[:, some] = rng.choice([1.5, -2.0, 0.3, 10.0], len(some))
    assert_matches_svd(z, RANK_DEFICIENT)
    stream = rankme.Accumulator(k)
    stream.update(z)
    low, high = stream.spectrum().rankme_bounds()
    assert low <= rankme_by_svd(z) * (1 + 1e-9)
    assert high >= rankme_by_svd(z) * (1 - 1e-9)
    assert high - low < 1e-3 * low


@pytest.mark.parametrize("shape", [(50, 8), (8, 50)], ids=str)
def test_identical_rows_have_rank_one(shape):
    z = np.broadcast_to(moderate(9, 1, shape[1]), shape)
    assert rankme.score(z, eps=0) == pytest.approx(1, rel=RANK_DEFICIENT)


@pytest.mark.parametrize("shape", [(400, 30), (30, 30), (30, 400)], ids=str)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scaled_input(shape, scale, dtype):
    z = moderate(10, *shape)
    scaled = (z * scale).astype(dtype)
    assert_matches_svd(scaled)
    # Centring takes one direction from N <= K rows, which leaves a zero singular value.
    assert_matches_svd(scaled, AGAINST_SVD if shape[0] > shape[1] else RANK_DEFICIENT, center=True)
    assert relative_error(rankme.score(scaled), rankme_by_svd(z)) < 1e-7  # float32's own rounding


def unaligned(z):
    """The same entries at an odd address."""
    buffer = np.zeros(z.nbytes + 1, np.uint8)
    view = buffer[1:].view(z.dtype).reshape(z.shape)
    view[...] = z
    assert not view.flags.aligned
    return view


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "rows reversed": lambda z: z[::-1],
    "columns reversed": lambda z: z[:, ::-1],
    "both reversed": lambda z: z[::-1, ::-1],
    "every third row": lambda z: np.repeat(z, 3, axis=0)[::3],
    "every other column": lambda z: np.repeat(z, 2, axis=1)[:, ::2],
    "a window": lambda z: np.pad(z, 3)[3:-3, 3:-3],
    "a window of Fortran order": lambda z: np.asfortranarray(np.pad(z, 3))[3:-3, 3:-3],
    "a slice of three dimensions": lambda z: np.stack([z, 0 * z], axis=2)[:, :, 0],
    "unaligned": unaligned,
    "read-only": lambda z: np.frombuffer(z.tobytes(), z.dtype).reshape(z.shape),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(900, 40), (40, 900)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, shape, dtype):
    if layout == "unaligned" and dtype == BFLOAT16:
        # ml_dtypes declares an alignment that NumPy reports as met at any address.
        z = np.frombuffer(b"\0" + moderate(11, *shape, dtype).tobytes(), np.uint8)[1:]
        z = z.view(dtype).reshape(shape)
    else:
        z = LAYOUTS[layout](moderate(11, *shape, dtype))
    before = z.tobytes()
    assert_matches_svd(z)
    assert_matches_svd(z, AGAINST_SVD if shape[0] > shape[1] else RANK_DEFICIENT, center=True)
    assert_matches_svd(z, normalize=True)
    acc = rankme.Accumulator(shape[1])
    acc.update(z)
    widened = z.astype("f8")
    np.testing.assert_allclose(acc.gram(), widened.T @ widened, rtol=1e-12, atol=1e-11)
    assert z.tobytes() == before


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_zero_strides(dtype):
    row = moderate(12, 1, 9, dtype)
    column = moderate(13, 9, 1, dtype)
    for z in (
        np.broadcast_to(row, (20, 9)),
        np.broadcast_to(column, (9, 20)),
        np.broadcast_to(row[0, 0], (6, 7)),
    ):
        assert 0 in z.strides
        widened = z.astype("f8")
        acc = rankme.Accumulator(z.shape[1])
        acc.update(z)
        np.testing.assert_allclose(acc.gram(), widened.T @ widened, rtol=1e-13)
        assert rankme.score(z, eps=0) == pytest.approx(1, rel=RANK_DEFICIENT)


def test_subclasses_are_taken_as_arrays(tmp_path):
    z = moderate(14, 60, 6, "f4")
    np.save(tmp_path / "z.npy", z)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert rankme.score(mapped) == rankme.score(z)
    recorded = z.view(np.recarray)
    assert rankme.score(recorded) == rankme.score(z)


@pytest.mark.parametrize("shape", [(600, 25), (25, 25), (25, 600)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_center_and_normalize(shape, dtype):
    z = moderate(15, *shape, dtype)
    z[4] = 0  # a zero row stays zero
    # Centring takes one direction from N <= K rows, which leaves a zero singular value.
    tolerance = AGAINST_SVD if shape[0] > shape[1] else RANK_DEFICIENT
    for center in (False, True):
        for normalize in (False, True):
            options = {"center": center, "normalize": normalize}
            assert_matches_svd(z, tolerance, **options)
            spectrum = rankme.spectrum(z, **options)
            assert (spectrum.center, spectrum.normalize) == (center, normalize)
            assert spectrum.rankme() == rankme.score(z, **options)


def test_centring_undoes_a_shift():
    z = moderate(16, 800, 12)
    assert rankme.score(z + 5, center=True) == pytest.approx(
        rankme.score(z, center=True), rel=1e-11
    )


def test_normalising_undoes_row_scales():
    z = moderate(17, 300, 12)
    scales = np.ldexp(1.0, np.random.default_rng(0).integers(-500, 500, (300, 1)))
    assert rankme.score(z * scales, normalize=True) == pytest.approx(
        rankme.score(z, normalize=True), rel=1e-12
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (20, 5), (5, 20)], ids=str)
@pytest.mark.parametrize("options", [{}, {"center": True}, {"normalize": True}], ids=str)
def test_the_zero_matrix_has_rank_zero(shape, dtype, options):
    z = np.zeros(shape, dtype)
    assert rankme.score(z, **options) == 0.0
    assert rankme.score(z, eps=0, **options) == 0.0
    spectrum = rankme.spectrum(z, **options)
    assert spectrum.effective_rank() == 0.0
    assert not spectrum.singular_values.any()


@pytest.mark.parametrize("k", [1, 7])
def test_one_centred_row_has_rank_zero(k):
    assert rankme.score(moderate(18, 1, k), center=True) == 0.0


def test_scores_repeat_to_the_last_bit():
    z = moderate(19, 5000, 96, "f4")
    assert rankme.score(z) == rankme.score(z)
    assert rankme.score(z) == rankme.score(z.copy())
