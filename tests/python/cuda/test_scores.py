"""On a GPU every score is the CPU's, whatever the dtype, the layout, the options or the chunks."""

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, accumulated, framework, needs_gpu, on_gpu
from oracles import (
    DTYPES,
    RANK_DEFICIENT,
    moderate,
    rankme_by_svd,
    relative_error,
    with_singular_values,
)

pytestmark = needs_gpu

OPTIONS = [
    {},
    {"center": True},
    {"normalize": True},
    {"center": True, "normalize": True},
]
SHAPES = [(500, 64), (64, 500), (1, 7), (7, 1), (1, 1), (33, 33), (1000, 129), (129, 1000)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("method", ["gram", "qr"])
def test_scores_are_those_of_the_cpu(dtype, options, method):
    for seed, shape in enumerate(SHAPES):
        if options.get("center") and shape[0] == 1:
            continue  # one row is its own mean: both are 0, and have no relative error
        z = moderate(seed, *shape, dtype)
        expected = rankme.score(z, method=method, **options)
        # Centring leaves a zero singular value where N <= K, and a Gram matrix knows it to 1e-8.
        deficient = method == "gram" and options.get("center") and shape[0] <= shape[1]
        tolerance = RANK_DEFICIENT if deficient else AGAINST_CPU
        for order in ("C", "F"):
            score = rankme.score(on_gpu(z, order=order), method=method, **options)
            assert relative_error(score, expected) < tolerance, (shape, order)
        score = rankme.score(z, method=method, device="cuda", **options)
        assert relative_error(score, expected) < tolerance, (shape, "from the host")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_wide_matrix_and_its_singular_values(options):
    z = moderate(9, 3000, 1100, "f4")
    cpu, gpu = rankme.spectrum(z, **options), rankme.spectrum(on_gpu(z), **options)
    assert (gpu.n_rows, gpu.n_cols, gpu.method, gpu.precision) == (3000, 1100, "gram", "float64")
    assert relative_error(gpu.rankme(), cpu.rankme()) < AGAINST_CPU
    np.testing.assert_allclose(gpu.singular_values, cpu.singular_values, rtol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_strides(dtype):
    whole = moderate(1, 120, 90, dtype)
    tensor = on_gpu(whole)
    views = {
        "every other row": (lambda z: z[::2]),
        "every third column": (lambda z: z[:, ::3]),
        "a window": (lambda z: z[5:77, 3:41]),
        "transposed": (lambda z: z.T),
    }
    for name, view in views.items():
        expected = rankme.score(view(whole))
        assert relative_error(rankme.score(view(tensor)), expected) < AGAINST_CPU, name
        score = rankme.score(view(whole), device="cuda")
        assert relative_error(score, expected) < AGAINST_CPU, name
    backwards = whole[::-1, ::-1]
    score = rankme.score(backwards, device="cuda")
    assert relative_error(score, rankme.score(backwards)) < AGAINST_CPU


def test_one_row_for_all():
    row = on_gpu(moderate(2, 1, 40, "f4"))
    assert rankme.score(row.expand(500, 40), eps=0) == pytest.approx(1, rel=RANK_DEFICIENT)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("normalize", [False, True])
def test_chunks_and_merges(dtype, normalize):
    z = moderate(3, 2000, 50, dtype)
    expected = rankme.score(z, normalize=normalize)
    for lengths in ([2000], [1] * 60 + [1940], [7] * 285 + [5], [512, 512, 976]):
        blocks = [on_gpu(block) for block in np.split(z, np.cumsum(lengths)[:-1])]
        acc = accumulated(*blocks, normalize=normalize)
        assert acc.n_rows == 2000
        assert relative_error(acc.score(), expected) < AGAINST_CPU
        centred = rankme.score(z, normalize=normalize, center=True)
        assert relative_error(acc.score(center=True), centred) < AGAINST_CPU
    parts = [accumulated(on_gpu(b), normalize=normalize) for b in np.array_split(z, 5)]
    assert relative_error(sum(parts).score(), expected) < AGAINST_CPU


def test_host_and_device_blocks_in_one_stream():
    blocks = [moderate(i, 400, 30, dtype) for i, dtype in enumerate(DTYPES)]
    mixed = [on_gpu(b) if i % 2 else b for i, b in enumerate(blocks)]
    expected = rankme_by_svd(np.vstack([b.astype("f8") for b in blocks]))
    assert relative_error(accumulated(*mixed).score(), expected) < 1e-9


def test_more_rows_than_a_staging_buffer():
    # 300 MB: every pinned buffer is filled several times, and rows cross their ends.
    z = np.random.default_rng(4).standard_normal((190_003, 391), dtype=np.float32)
    expected = rankme.score(on_gpu(z))
    assert relative_error(rankme.score(z, device="cuda"), expected) < 1e-12
    fortran = np.asfortranarray(z[:60_000])
    strided = z[:60_000:2, ::3]
    for view in (fortran, strided):
        score = rankme.score(view, device="cuda")
        assert relative_error(score, rankme.score(view)) < AGAINST_CPU


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_extreme_entries(scale, options):
    z = moderate(5, 300, 40) * scale
    expected = rankme.score(z, **options)
    assert relative_error(rankme.score(on_gpu(z), **options), expected) < AGAINST_CPU
    stream = accumulated(*(on_gpu(b) for b in np.split(z, 3)), normalize="normalize" in options)
    score = stream.score(center="center" in options)
    assert relative_error(score, expected) < AGAINST_CPU


def test_a_stream_whose_scale_grows_and_shrinks():
    z = moderate(6, 90, 20)
    blocks = [z[:30] * 1e-180, z[30:60], z[60:] * 1e200]
    assert accumulated(*map(on_gpu, blocks)).score() == pytest.approx(
        accumulated(*blocks, device="cpu").score(), rel=1e-10
    )


def test_corners():
    zero = np.zeros((30, 8), "f4")
    assert rankme.score(on_gpu(zero)) == 0.0
    equal = np.full((30, 8), 0.1)
    assert rankme.score(on_gpu(equal), center=True) == 0.0
    dead = moderate(7, 200, 16, "f4")
    dead[:, [3, 7]] = 0
    gpu, cpu = rankme.spectrum(on_gpu(dead)), rankme.spectrum(dead)
    np.testing.assert_array_equal(gpu.singular_values[-2:], [0, 0])
    assert relative_error(gpu.rankme(), cpu.rankme()) < AGAINST_CPU


@pytest.mark.parametrize("options", [{}, {"center": True}], ids=str)
@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
def test_intervals_hold_the_exact_score(method, options):
    spectra = [np.arange(1, 41) ** -2.0, np.logspace(0, -12, 40), np.r_[np.ones(5), np.zeros(35)]]
    for seed, sigma in enumerate(spectra):
        z = with_singular_values(seed, 400, 40, sigma)
        exact = rankme_by_svd(z, **options)
        spectrum = rankme.spectrum(on_gpu(z), method=method, **options)
        low, high = spectrum.rankme_bounds()
        assert low * (1 - 1e-12) <= exact <= high * (1 + 1e-12)
        lows, highs = spectrum.singular_value_bounds()
        assert (lows <= spectrum.singular_values).all()
        assert (spectrum.singular_values <= highs).all()


def test_results_repeat_to_the_last_bit():
    z = on_gpu(moderate(8, 5000, 300, "f4"))
    first = rankme.spectrum(z).singular_values
    for _ in range(3):
        np.testing.assert_array_equal(rankme.spectrum(z).singular_values, first)


@pytest.mark.parametrize("name", ["cupy", "jax"])
def test_other_frameworks(name):
    z = moderate(10, 300, 24, "f4")
    if name == "cupy":
        array = framework("cupy").asarray(z)
    else:
        pytest.importorskip("jax")
        jax = framework("jax")
        array = jax.device_put(z, jax.devices("cuda")[0])
    assert relative_error(rankme.score(array), rankme.score(z)) < AGAINST_CPU
    acc = rankme.Accumulator(24, device=DEVICE)
    acc.update(array)
    assert relative_error(acc.score(), rankme.score(z)) < AGAINST_CPU
