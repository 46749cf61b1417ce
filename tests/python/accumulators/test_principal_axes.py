"""`principal_axes` and `explained_variance` against a float64 SVD, and their bounds."""

import numpy as np
import pytest

import rankme
from rankme.metrics._moments import axes_of, davis_kahan


def rows(n=400, k=24, seed=0, decay=0.8):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((k, k)))[0]
    return rng.standard_normal((n, k)) * decay ** np.arange(k) @ turn + 3 * rng.standard_normal(k)


def accumulator(z, **options):
    acc = rankme.Accumulator(z.shape[1], **options)
    for block in np.array_split(z, 3):
        acc.update(block)
    return acc


def slow(z):
    """Return variances and axes by an SVD, with the sign that is promised."""
    _, sigma, axes = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, np.newaxis], axis=1)
    return sigma**2 / (len(z) - 1), axes * np.sign(largest)


@pytest.mark.parametrize("options", [{}, {"groups": 8}, {"precision": "fast"}])
def test_axes_are_those_of_an_svd(options):
    z = rows()
    if options.get("precision"):
        z = z.astype(np.float32)
    acc = accumulator(z, **options)
    axes, bounds = acc.principal_axes(20), acc.principal_axes_bounds(20)
    _, wanted = slow(z.astype(np.float64))
    # float32 products move an axis by their error over the gap beside it.
    np.testing.assert_allclose(axes, wanted[:20], atol=2e-4 if options.get("precision") else 1e-11)
    np.testing.assert_allclose(axes @ axes.T, np.eye(20), atol=1e-13)
    assert bounds.shape == (20,)
    assert (bounds < (0.1 if options.get("precision") else 1e-8)).all()
    assert not axes.flags.writeable


def test_the_bounds_hold_the_angles_of_a_matrix_that_is_off():
    # The theorem itself: an error of known size, at every gap.
    rng = np.random.default_rng(1)
    for size in (1e-8, 1e-3, 0.05):
        exact = np.diag(0.7 ** np.arange(12))
        error = rng.standard_normal((12, 12))
        error = error + error.T
        error *= size / np.linalg.norm(error, 2)
        axes = axes_of(exact + error)
        bounds = davis_kahan(axes.values, size, 12)
        for j in range(1, 13):
            sine = np.linalg.norm(axes.vectors[:j, j:], 2) if j < 12 else 0.0
            assert sine <= bounds[j - 1] * (1 + 1e-9) + 1e-15
        assert (bounds <= 1).all()
    assert (bounds == 1).any()  # gaps that are below the error
    assert bounds[0] < 0.5


def test_the_bounds_hold_what_float32_products_cost():
    z = rows(4000, 32, decay=0.9).astype(np.float32)
    acc = accumulator(z, precision="fast")
    assert acc.fast_rows
    axes, bounds = acc.principal_axes(31), acc.principal_axes_bounds(31)
    _, exact = slow(z.astype(np.float64))
    for j in range(1, 32):
        sine = np.linalg.norm(axes[:j] @ exact[j:].T, 2)
        assert sine <= bounds[j - 1]


def test_equal_eigenvalues_have_no_axes_of_their_own():
    z = np.vstack([np.eye(6), -np.eye(6)])
    axes, bounds = accumulator(z).principal_axes(6), accumulator(z).principal_axes_bounds(6)
    np.testing.assert_allclose(axes @ axes.T, np.eye(6), atol=1e-14)
    assert (bounds[:5] == 1).all()
    assert bounds[5] == 0  # all of them span the space


@pytest.mark.parametrize("scale", [1.0, 2.0**400, 2.0**-400])
def test_scale_changes_no_axis(scale):
    z = rows()
    whole = accumulator(z).principal_axes(5)
    np.testing.assert_allclose(accumulator(z * scale).principal_axes(5), whole, atol=1e-12)


def test_rows_that_are_all_alike_have_any_axes():
    acc = accumulator(np.ones((30, 4)))
    axes, bounds = acc.principal_axes(3), acc.principal_axes_bounds(3)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-14)
    assert (bounds == 1).all()


def test_what_is_refused():
    z = rows()
    with pytest.raises(ValueError, match="make it with method='gram'"):
        accumulator(z, method="qr").principal_axes(2)
    with pytest.raises(ValueError, match="make it with method='gram'"):
        accumulator(z, method="qr").principal_axes_bounds(2)
    acc = accumulator(z)
    with pytest.raises(ValueError, match="k must be"):
        acc.principal_axes(25)
    with pytest.raises(ValueError, match="k must be"):
        acc.principal_axes(0)
    with pytest.raises(TypeError, match="k must be"):
        acc.principal_axes(2.0)
    with pytest.raises(ValueError, match="2 or more rows"):
        accumulator(z[:1]).principal_axes(1)
    with pytest.raises(ValueError, match="k must be"):
        accumulator(z[:3]).principal_axes(3)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_variances_are_those_of_an_svd(method):
    z = rows()
    wanted, _ = slow(z)
    acc = accumulator(z, method=method)
    np.testing.assert_allclose(acc.explained_variance(), wanted, rtol=1e-9)
    np.testing.assert_allclose(acc.explained_variance(ratio=True), wanted / wanted.sum(), rtol=1e-9)
    for spectrum in (acc.spectrum(), acc.spectrum(center=True), rankme.spectrum(z, center=True)):
        if spectrum.center or method == "gram":
            np.testing.assert_allclose(spectrum.explained_variance(), wanted, rtol=1e-9)


def test_the_intervals_of_variances_hold_the_exact_ones():
    z = rows(3000, 40, decay=0.75).astype(np.float32)
    wanted, _ = slow(z.astype(np.float64))
    for acc in (accumulator(z), accumulator(z, precision="fast")):
        spectrum = acc.spectrum(center=True)
        for ratio, exact in ((False, wanted), (True, wanted / wanted.sum())):
            low, high = spectrum.explained_variance_bounds(ratio=ratio)
            found = spectrum.explained_variance(ratio=ratio)
            assert (low <= exact * (1 + 1e-13)).all()
            assert (exact * (1 - 1e-13) <= high).all()
            assert (low <= found).all()
            assert (found <= high).all()


def test_variances_beyond_float64():
    z = rows() * 2.0**520
    with pytest.raises(OverflowError, match="ratio=True"):
        accumulator(z).explained_variance()
    found = accumulator(z).explained_variance(ratio=True)
    np.testing.assert_allclose(found, accumulator(rows()).explained_variance(ratio=True), rtol=1e-9)


def test_variances_of_nothing():
    flat = accumulator(np.ones((30, 4)))
    assert (flat.explained_variance() == 0).all()
    assert (flat.explained_variance(ratio=True) == 0).all()
    with pytest.raises(ValueError, match="2 or more rows"):
        accumulator(np.ones((1, 4))).explained_variance()
    with pytest.raises(ValueError, match="centred rows"):
        rankme.spectrum(rows()[:5]).explained_variance()
