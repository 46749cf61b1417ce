"""Slow references that several test files share, and how far from them is right."""

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype("f2"), BFLOAT16, np.dtype("f4"), np.dtype("f8")]

# What the score must reach against a float64 SVD of the same entries, on moderate spectra.
AGAINST_SVD = 1e-9
# What two ways through our own code to the same rows may differ by.
SAME_ROWS = 1e-12
# A Gram matrix knows a zero singular value to sqrt(2**-52) of the largest one only: some 1e-8,
# which enters the entropy as p log p for each of a handful of directions.
RANK_DEFICIENT = 1e-5


def moderate(seed, n, k, dtype="f8"):
    """Gaussian rows with column scales k^-0.7 and a mean."""
    rng = np.random.default_rng(seed)
    scales = np.arange(1, k + 1) ** -0.7
    z = rng.standard_normal((n, k)) * scales + 0.3 * rng.standard_normal(k) * scales
    return z.astype(dtype)


def with_singular_values(seed, n, k, sigma):
    """A matrix that has exactly these singular values, but for rounding."""
    rng = np.random.default_rng(seed)
    m = len(sigma)
    left = np.linalg.qr(rng.standard_normal((n, m)))[0]
    right = np.linalg.qr(rng.standard_normal((k, m)))[0]
    return (left * np.asarray(sigma)) @ right.T


def preprocess(z, *, center=False, normalize=False):
    """Widen to float64, then normalise rows, then centre columns, the plain way.

    Returns the matrix up to a power of two, so that neither its squares nor its sums overflow.
    """
    z = np.asarray(z).astype(np.float64)
    if normalize:
        largest = np.abs(z).max(axis=1, keepdims=True)
        z = np.ldexp(z, -np.frexp(largest)[1])
        norms = np.sqrt((z * z).sum(axis=1, keepdims=True))
        z = np.divide(z, norms, out=np.zeros_like(z), where=norms > 0)
    z = np.ldexp(z, -int(np.frexp(np.abs(z).max())[1]))
    if center:
        z = z - z.mean(axis=0)
    return z


def rankme_of(sigma, eps=1e-7):
    """Eq. 1-2 of Garrido et al. 2023, term by term."""
    sigma = np.asarray(sigma, dtype=np.float64)
    if sigma.sum() == 0:
        return 0.0
    p = sigma / sigma.sum() + eps
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def rankme_by_svd(z, *, eps=1e-7, center=False, normalize=False):
    z = preprocess(z, center=center, normalize=normalize)
    return rankme_of(np.linalg.svd(z, compute_uv=False), eps)


def relative_error(value, reference):
    if reference == 0:  # of the zero matrix, whose score is exact
        return abs(value)
    return abs(value - reference) / abs(reference)
