"""precision="fast" stays honest, and nothing falls back to TF32."""

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, accumulated, framework, needs_gpu, on_gpu
from oracles import BFLOAT16, moderate, relative_error, with_singular_values

pytestmark = needs_gpu
HALVES = [np.dtype("f2"), BFLOAT16]
SPECTRA = {
    "k^-0.7": np.arange(1, 257) ** -0.7,
    "k^-2": np.arange(1, 257) ** -2.0,
    "collapsed": np.r_[np.linspace(2, 1, 8), np.zeros(248)],
}


def with_spectrum(name, dtype):
    z = with_singular_values(1, 20_000, 256, SPECTRA[name])
    return (z * 64).astype(dtype)


@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("center", [False, True])
def test_the_interval_of_fast_holds_the_float64_result(name, dtype, center):
    z = with_spectrum(name, dtype)
    exact = rankme.spectrum(z, center=center)
    acc = accumulated(*(on_gpu(block) for block in np.array_split(z, 3)), precision="fast")
    assert acc._core.fast_rows == len(z)
    fast = acc.spectrum(center=center)
    assert fast.precision == "fast"
    low, high = fast.rankme_bounds()
    assert low <= exact.rankme() <= high
    lows, highs = fast.singular_value_bounds()
    assert (lows <= exact.singular_values * (1 + 1e-12)).all()
    assert (highs >= exact.singular_values * (1 - 1e-12)).all()
    # It is what was asked for: no float64 in disguise, and no percents off where it is easy.
    if name == "k^-0.7":
        assert relative_error(fast.rankme(), exact.rankme()) < 1e-4


def test_a_wide_interval_is_warned_about_and_computed_again():
    z = with_spectrum("collapsed", "f2")
    acc = accumulated(on_gpu(z), precision="fast")
    low, high = acc.spectrum().rankme_bounds()
    if high - low > 1e-3 * acc.spectrum().rankme():
        with pytest.warns(rankme.PrecisionWarning, match='precision="float64"'):
            acc.score()
    spectrum = rankme.spectrum(on_gpu(z), precision="fast", rtol=1e-9)
    assert spectrum.precision == "float64"
    assert relative_error(spectrum.rankme(), rankme.spectrum(z).rankme()) < 1e-6
    easy = rankme.spectrum(on_gpu(with_spectrum("k^-0.7", "f2")), precision="fast", rtol=0.5)
    assert easy.precision == "fast"


@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
def test_a_fast_sum_is_saved_merged_and_moved(tmp_path):
    z = with_spectrum("k^-0.7", "f2")
    fast = accumulated(on_gpu(z[:9000]), precision="fast")
    exact = accumulated(on_gpu(z[9000:]))
    fast.save(tmp_path / "fast.rankme")
    loaded = rankme.Accumulator.load(tmp_path / "fast.rankme")
    true = rankme.score(z)
    for total in (fast + exact, exact + fast, loaded + exact, exact.copy(device="cpu") + fast):
        low, high = total.spectrum().rankme_bounds()  # and no IntegrityError
        assert low <= true <= high
        assert total.n_rows == len(z)


@pytest.mark.parametrize("case", ["float32", "float64", "normalize", "scaled"])
def test_what_fast_does_not_know_is_computed_in_float64(case):
    dtype = case if case.startswith("float") else "f2"
    z = moderate(2, 3000, 64).astype(dtype)
    options = {"normalize": True} if case == "normalize" else {}
    if case == "scaled":
        z = (z.astype("f8") * 1e25).astype(BFLOAT16)  # squares that float32 does not hold
    acc = accumulated(on_gpu(z), precision="fast", **options)
    assert acc._core.fast_rows == 0
    assert relative_error(acc.score(), rankme.score(z, **options)) < AGAINST_CPU


def test_a_bad_entry_is_found_in_fast_too():
    z = moderate(3, 3000, 64, "f2")
    z[2999, 63] = np.nan
    acc = accumulated(on_gpu(z[:100]), precision="fast")
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[2999, 63\] is nan"):
        acc.update(on_gpu(z))
    assert acc.n_rows == 100


def test_no_tf32_whatever_the_caller_allows(monkeypatch):
    torch = framework("torch")
    z = on_gpu((moderate(4, 20_000, 256) * np.arange(1, 257) ** -1.5).astype("f4"))
    expected = rankme.spectrum(z).singular_values
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", True)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            got = rankme.spectrum(z).singular_values
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(got, expected)
    cpu = rankme.spectrum(z.cpu().numpy()).singular_values
    # TF32 would show at 1e-4 of the largest; what differs is rounding of float64 Gram matrices.
    np.testing.assert_allclose(got, cpu, rtol=1e-10, atol=1e-10 * cpu[0])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_qr_sees_what_a_gram_matrix_cannot(dtype):
    z = with_singular_values(5, 600, 40, np.logspace(0, -12, 40)).astype(dtype)
    gpu = rankme.spectrum(on_gpu(z), method="qr")
    cpu = rankme.spectrum(z, method="qr")
    np.testing.assert_allclose(gpu.singular_values, cpu.singular_values, rtol=1e-6, atol=1e-15)
    blocks = [on_gpu(block) for block in np.array_split(z, 7)]
    stream = accumulated(*blocks, method="qr", device=DEVICE).spectrum()
    np.testing.assert_allclose(stream.singular_values, cpu.singular_values, rtol=1e-6, atol=1e-15)
    assert gpu.method == "qr"
