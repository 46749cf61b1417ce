"""Intervals are narrow where the values together, or short columns, tell more than the box."""

import pickle
import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest

import extended
import rankme
from helpers import half_width
from rankme import _core

DATA = Path(__file__).parents[2] / "data"
SETS = sorted(DATA.glob("minilm_*.npy"))
EPS = (0.0, 1e-7)


def box_of(spectrum, eps):
    return _core.rankme_bounds(spectrum._low, spectrum._high, eps)


def with_values(n, sigma, rng):
    m = len(sigma)
    left = np.linalg.qr(rng.standard_normal((n, m)))[0]
    return (left * sigma) @ np.linalg.qr(rng.standard_normal((m, m)))[0].T


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_real_embeddings_are_known_to_ten_digits(path, center):
    z = np.load(path).astype(np.float64)
    spectrum = rankme.spectrum(z, center=center)
    shifted = z - z.mean(axis=0) if center else z
    sigma = np.linalg.svd(shifted, compute_uv=False).astype(extended.LONG)
    assert len(SETS) == 2
    for eps in EPS:
        assert half_width(spectrum, eps) < 1e-9
        low, high = spectrum.rankme_bounds(eps=eps)
        assert low * (1 - 1e-12) <= extended.rankme(sigma, eps) <= high * (1 + 1e-12)
    # The columns that are nearly dead, with digits where a Gram matrix alone has none.
    low, high = spectrum.singular_value_bounds()
    assert sigma[-3] < 1e-7 * sigma[0]
    assert 0.99 * sigma[-3] < low[-3] <= sigma[-3] <= high[-3] < 1.01 * sigma[-3]
    assert (high[-2:] < 1e-14).all()


def test_a_power_law_is_known_to_nine_digits():
    sigma = np.arange(1.0, 1025.0) ** -1
    z = with_values(1100, sigma, np.random.default_rng(0))
    spectrum = rankme.spectrum(z)
    exact = np.linalg.svd(z, compute_uv=False).astype(extended.LONG)
    assert half_width(spectrum) < 2e-9
    for eps in EPS:
        low, high = spectrum.rankme_bounds(eps=eps)
        assert low <= extended.rankme(exact, eps) <= high
        box = box_of(spectrum, eps)
        assert 10 * (high - low) < box[1] - box[0]


def nearly_dead(case, rng):
    """A small matrix with columns that are short, and not orthogonal to the others."""
    n, k = int(rng.integers(3, 14)), int(rng.integers(2, 8))
    z = rng.standard_normal((n, k)) * 10.0 ** (-rng.uniform(0, 3) * (np.arange(k) > k // 2))
    short = rng.permutation(k)[: rng.integers(1, k)]
    if case == "short":
        z[:, short] *= 10.0 ** -rng.uniform(5, 12, len(short))
    elif case == "shorter":
        z[:, short] *= 10.0 ** -rng.uniform(8, 160, len(short))
    elif case == "in the span":
        z[:, short] = 1e-9 * (z[:, short[:1]] + 1e-5 * z[:, short])
    elif case == "beside a mean":
        z[:, short] = z[:, short] * 1e-9 + 1e-8
        z += 10.0 ** rng.integers(0, 4) * (np.arange(k) == 0)
    return z


def by_mpmath(z, *, center):
    """Singular values with 60 digits."""
    a = mpmath.matrix(z.tolist())
    if center:
        for j in range(a.cols):
            mean = mpmath.fsum(a[:, j]) / a.rows
            for i in range(a.rows):
                a[i, j] -= mean
    if a.rows < a.cols:
        a = a.T
    return sorted(mpmath.svd_r(a, compute_uv=False), reverse=True)


def exact_rankme(sigma, eps):
    total = mpmath.fsum(sigma)
    p = [s / total + mpmath.mpf(eps) for s in sigma]
    return mpmath.exp(-mpmath.fsum(q * mpmath.log(q) for q in p if q > 0))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("case", ["short", "shorter", "in the span", "beside a mean"])
def test_short_columns_and_rows_are_inside(case, center):
    rng = np.random.default_rng([len(case), center])
    narrower = 0
    with mpmath.workdps(60):
        for _ in range(60):
            z = nearly_dead(case, rng)
            exact = by_mpmath(z, center=center)
            stream = rankme.Accumulator(z.shape[1])
            for block in np.array_split(z, 3):
                stream.update(block)
            spectra = [rankme.spectrum(z, center=center), stream.spectrum(center=center)]
            if not center:
                spectra.append(rankme.spectrum(np.ascontiguousarray(z.T)))
            for spectrum in spectra:
                low, high = spectrum.singular_value_bounds()
                # What centring makes zero is zero only to 60 digits.
                zero = 1e-50 * exact[0]
                assert all(
                    a - zero <= s <= b + zero for a, s, b in zip(low, exact, high, strict=True)
                )
                assert (np.diff(low) <= 0).all()
                assert (np.diff(high) <= 0).all()
                assert (low <= spectrum.singular_values).all()
                assert (spectrum.singular_values <= high).all()
                narrower += low[-1] > 0 or high[-1] < 1e-9 * high[0]
                for eps in EPS:
                    least, most = spectrum.rankme_bounds(eps=eps)
                    assert least <= exact_rankme(exact, eps) <= most
                    assert least <= spectrum.rankme(eps=eps) <= most
    assert narrower > 60


def test_the_box_holds_the_interval():
    rng = np.random.default_rng(5)
    for power in (0.0, 0.7, 2.0, 5.0):
        z = with_values(90, np.arange(1.0, 61.0) ** -power, rng)
        for method in ("gram", "qr"):
            spectrum = rankme.spectrum(z, method=method)
            for eps in EPS:
                low, high = spectrum.rankme_bounds(eps=eps)
                box = box_of(spectrum, eps)
                slack = 0.01 * (box[1] - box[0]) + 1e-11 * box[1]
                assert box[0] - slack <= low <= spectrum.rankme(eps=eps) <= high <= box[1] + slack


def test_no_warning_where_the_box_alone_is_wide():
    z = with_values(600, np.r_[1.0, np.full(399, 3e-7)], np.random.default_rng(6))
    stream = rankme.Accumulator(400)  # it has no rows to look at once more
    stream.update(z)
    spectrum = stream.spectrum()
    low, high = box_of(spectrum, 1e-7)
    score = spectrum.rankme()
    assert high - low > 1e-3 * score > np.subtract(*spectrum.rankme_bounds()[::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stream.score() == score


def test_pickled_spectra_keep_their_interval():
    spectrum = rankme.spectrum(np.random.default_rng(7).standard_normal((50, 20)))
    again = pickle.loads(pickle.dumps(spectrum))
    assert again.rankme_bounds() == spectrum.rankme_bounds()


def test_a_spectrum_of_an_older_release_has_its_box():
    old = pickle.loads((DATA / "compat" / "spectrum.pickle").read_bytes())
    assert "_uncertainty" not in vars(old)
    for eps in EPS:
        assert old.rankme_bounds(eps=eps) == box_of(old, eps)
    assert old.effective_rank_bounds() == box_of(old, 0.0)
