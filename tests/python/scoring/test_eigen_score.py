"""EigenScore against the log-determinant of numpy.cov, and its intervals against exact ones."""

import mpmath
import numpy as np
import pytest
import torch

import rankme
from oracles import moderate

ALPHA = 1e-3


def by_determinant(z, alpha=ALPHA):
    covariance = np.atleast_2d(np.cov(np.asarray(z, "f8")))
    sign, value = np.linalg.slogdet(covariance + alpha * np.eye(len(z)))
    assert sign == 1
    return value / len(z)


def exact(z, alpha=ALPHA):
    """The same in 60 digits, by elimination."""
    with mpmath.workdps(60):
        rows = [[mpmath.mpf(float(x)) for x in row] for row in z]
        n, k = len(rows), len(rows[0])
        rows = [[x - mpmath.fsum(row) / k for x in row] for row in rows]
        matrix = mpmath.matrix(n)
        for i in range(n):
            for j in range(n):
                matrix[i, j] = mpmath.fdot(rows[i], rows[j]) / (k - 1) + alpha * (i == j)
        return mpmath.log(mpmath.det(matrix)) / n


@pytest.mark.parametrize("shape", [(10, 128), (5, 5), (7, 3), (1, 6), (2, 2)])
@pytest.mark.parametrize("alpha", [1e-3, 0.5])
def test_it_is_the_mean_log_eigenvalue_of_the_covariance(shape, alpha):
    zs = np.stack([moderate(seed, *shape) for seed in range(9)])
    expected = [by_determinant(z, alpha) for z in zs]
    np.testing.assert_allclose(rankme.eigen_score_batch(zs, alpha=alpha), expected, rtol=1e-10)
    np.testing.assert_allclose(
        rankme.eigen_score_batch(list(zs), alpha=alpha), expected, rtol=1e-10
    )


def test_ragged_matrices_of_any_dtype_and_order():
    zs = [moderate(0, 4, 9), np.asfortranarray(moderate(1, 10, 30)), moderate(2, 3, 64)[:, ::2]]
    zs.append(torch.from_numpy(moderate(3, 6, 20).astype("f4")))
    zs.append(zs[-1].to(torch.bfloat16))
    expected = [by_determinant(z.double() if isinstance(z, torch.Tensor) else z) for z in zs]
    np.testing.assert_allclose(rankme.eigen_score_batch(zs), expected, rtol=1e-6)


def test_the_exact_value_is_inside_the_interval():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((3, 40))
    zs = [
        base,
        base[[0, 0, 1, 1, 1]],  # equal answers
        base[[0, 0, 0]] * 300,
        base * 1e-6,
        np.ones((4, 5)),
        rng.standard_normal((6, 3)),
    ]
    scores, (low, high) = rankme.eigen_score_batch(zs, return_bounds=True)
    for z, score, below, above in zip(zs, scores, low, high, strict=True):
        assert below <= score <= above
        assert below <= exact(z) <= above
        assert above - below < 1e-6 * max(1, abs(score))


def test_scales_beyond_float64_of_squares():
    z = moderate(0, 4, 16)
    large = rankme.eigen_score_batch([z * 2.0**600])[0]
    covariance = np.linalg.slogdet(np.cov(z))[1] / 4
    assert large == pytest.approx(covariance + 1200 * np.log(2), rel=1e-12)
    assert rankme.eigen_score_batch([z * 2.0**-900])[0] == pytest.approx(np.log(ALPHA), rel=1e-12)


@pytest.mark.parametrize(
    ("zs", "options", "error", "text"),
    [
        (np.ones((3, 4)), {}, ValueError, r"Zs\[0\] must be a matrix of two columns"),
        (np.ones((2, 3, 1)), {}, ValueError, "two columns or more; it has shape"),
        ([], {}, ValueError, "Zs is empty"),
        (3, {}, TypeError, "Zs must be an array of shape"),
        ([[1, 2]], {}, TypeError, r"Zs\[0\] must be a NumPy array or a tensor, not list"),
        (np.ones((1, 2, 2)), {"alpha": 0}, ValueError, "alpha must be more than 0"),
        (np.ones((1, 2, 2)), {"alpha": "x"}, TypeError, "alpha must be a real number"),
        (np.ones((1, 2, 2)), {"alpha": np.inf}, ValueError, "alpha must be more than 0"),
        (np.full((1, 2, 2), np.nan), {}, rankme.NonFiniteError, "Zs"),
    ],
)
def test_what_is_refused(zs, options, error, text):
    with pytest.raises(error, match=text):
        rankme.eigen_score_batch(zs, **options)
