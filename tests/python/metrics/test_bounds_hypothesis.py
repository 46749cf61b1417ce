"""The exact value lies inside the bounds, whatever the matrix."""

import functools
import operator

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import extended
import rankme
from random_cases import cases


def streamed(case, method):
    """The rows in random blocks, in up to three accumulators that are merged."""
    n, k = case.z.shape
    cuts = np.sort(case.rng.integers(0, n + 1, case.rng.integers(0, 6)))
    blocks = [block for block in np.split(case.z, cuts) if len(block)]
    parts = [
        rankme.Accumulator(k, normalize=case.normalize, method=method, seed=7) for _ in range(3)
    ]
    for block in blocks:
        parts[case.rng.integers(0, 3)].update(block)
    return functools.reduce(operator.add, parts).spectrum(center=case.center)


def spectra(case):
    options = {"center": case.center, "normalize": case.normalize}
    for method in ("gram", "qr"):
        yield method, rankme.spectrum(case.z, method=method, **options)
        yield f"streaming {method}", streamed(case, method)


def assert_inside(sigma, error, name, spectrum):
    low, high = spectrum.singular_value_bounds()
    assert (low <= spectrum.singular_values).all(), name
    assert (spectrum.singular_values <= high).all(), name
    assert (low <= sigma + error).all(), (name, sigma, low)
    assert (sigma - error <= high).all(), (name, sigma, high)
    tolerance = extended.rankme_error(sigma, error)
    for eps in (0.0, 1e-7):
        exact = extended.rankme(sigma, eps)
        low, high = spectrum.rankme_bounds(eps=eps)
        if np.isfinite(tolerance):
            assert low * (1 - tolerance) <= exact <= high * (1 + tolerance), (name, eps, exact)
        # The computed score is no less inside than the exact one.
        assert low <= spectrum.rankme(eps=eps) <= high, (name, eps)
    assert spectrum.effective_rank_bounds() == spectrum.rankme_bounds(eps=0)


@settings(
    max_examples=5000,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases())
def test_the_exact_value_is_inside(case):
    a, norm = extended.exact_matrix(case.z, center=case.center, normalize=case.normalize)
    sigma = extended.singular_values(a)
    error = extended.own_error(a.shape, norm)
    for name, spectrum in spectra(case):
        assert_inside(sigma, error, name, spectrum)


def by_mpmath(case):
    """Singular values with 40 digits, from the entries on."""
    z = mpmath.matrix(case.z.astype(float).tolist())
    if case.normalize:
        for i in range(z.rows):
            norm = mpmath.norm(z[i, :])
            z[i, :] = z[i, :] / norm if norm else z[i, :]
    if case.center:
        for j in range(z.cols):
            mean = mpmath.fsum(z[:, j]) / z.rows
            for i in range(z.rows):
                z[i, j] -= mean
    values = mpmath.svd_r(z, compute_uv=False)
    return sorted(values, reverse=True)


@settings(max_examples=500, derandomize=True, database=None)
@given(cases(max_side=8))
def test_the_value_of_mpmath_is_inside(case):
    with mpmath.workdps(40):
        digits = by_mpmath(case)
        sigma = np.array([np.longdouble(mpmath.nstr(value, 30)) for value in digits])
    a, norm = extended.exact_matrix(case.z, center=case.center, normalize=case.normalize)
    error = extended.own_error(a.shape, norm)
    # The oracle of the large matrices is as good as it says.
    assert (np.abs(extended.singular_values(a) - sigma) <= error).all()
    for name, spectrum in spectra(case):
        assert_inside(sigma, extended.UNIT * norm, name, spectrum)


@pytest.mark.parametrize("method", ["gram", "qr"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (30, 7)], ids=str)
def test_zeros_are_known_exactly(shape, method):
    spectrum = rankme.spectrum(np.zeros(shape), method=method)
    low, high = spectrum.singular_value_bounds()
    assert not low.any()
    assert not high.any()
    assert spectrum.rankme_bounds() == spectrum.effective_rank_bounds() == (0.0, 0.0)
