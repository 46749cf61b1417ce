"""Ranks and numbers that are plain ratios of the spectrum."""

import math
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from rankme._base.arguments import as_count, as_real
from rankme.metrics._values import as_singular_values, default_rtol, relative

__all__ = [
    "condition_number",
    "isoscore",
    "nesum",
    "numerical_rank",
    "participation_ratio",
    "stable_rank",
]


def participation_ratio(singular_values: ArrayLike) -> float:
    """Participation ratio: ``(sum lambda)^2 / sum lambda^2``, from the centred spectrum [1]_.

    It is defined on the eigenvalues of the covariance, so the singular values should be those
    of centred rows. From others the formula is computed all the same; a large mean then counts
    as a direction. The result is the plain one, not divided by K and not corrected for a finite
    number of rows.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1 to m.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] P. Gao, E. Trautmann, B. Yu, G. Santhanam, S. Ryu, K. Shenoy, S. Ganguli, "A theory of
       multineuronal dimensionality, dynamics and measurement", bioRxiv 214262, 2017.
    """
    values = as_singular_values(singular_values)
    if values[0] == 0:
        return 0.0
    with np.errstate(under="ignore"):
        squares = relative(values) ** 2
        return float(squares.sum() ** 2 / (squares**2).sum())


def isoscore(singular_values: ArrayLike, *, n_cols: SupportsIndex) -> float:
    """IsoScore: how evenly the variance fills all K directions, from the centred spectrum [1]_.

    ``(PR - 1) / (K - 1)``, PR being the `participation_ratio`. The paper's steps (the diagonal of
    the covariance in the basis of its principal components, scaled to the length ``sqrt(K)``, its
    distance from that of the identity, and the fraction of dimensions that this stands for) reduce
    to it: with ``S = sum lambda`` and ``F^2 = sum lambda^2`` the distance is
    ``sqrt(2 K - 2 sqrt(K) S / F)``, and what follows keeps ``S^2 / F^2`` alone.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more: those of centred rows.
    n_cols : int
        K, 2 or more. Directions without a value, as where N < K, have the variance 0.

    Returns
    -------
    float
        From 0, of a single direction, to 1, where the covariance is a multiple of the identity; at
        most ``(min(N - 1, K) - 1) / (K - 1)``. 0.0 if all values are 0, where the authors' code
        gives NaN.

    Raises
    ------
    TypeError
        If the values are no real numbers or `n_cols` is no integer.
    ValueError
        If the values are not 1-D, are empty, negative or not finite; if there are more of them
        than `n_cols`; or if `n_cols` is less than 2: one direction is always even.

    References
    ----------
    .. [1] W. Rudman, N. Gillman, T. Rayne, C. Eickhoff, "IsoScore: Measuring the Uniformity of
       Embedding Space Utilization", Findings of ACL 2022, arXiv:2108.07344.
    """
    k = as_count(n_cols, "n_cols", least=2)
    values = as_singular_values(singular_values)
    if values.size > k:
        raise ValueError(f"{k} columns have at most {k} singular values, not {values.size}")
    return max(participation_ratio(values) - 1, 0.0) / (k - 1)


def stable_rank(singular_values: ArrayLike) -> float:
    """Stable rank: ``sum lambda / lambda_1 = ||Z||_F^2 / ||Z||_2^2`` [1]_, [2]_.

    Squared singular values, not centred; `embedding-quality` and the code of [2]_ do the same,
    other code centres first: take the singular values of centred rows, or `nesum`. The ratio of
    the plain values is ``renyi_rank(..., order=math.inf)``. TF-GNN calls this one the numerical
    rank.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1 to the rank.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] M. Rudelson, R. Vershynin, "Sampling from large matrices: an approach through
       geometric functional analysis", Journal of the ACM 54(4), 2007.
    .. [2] A. Tsitsulin, M. Munkhoeva, B. Perozzi, "Unsupervised Embedding Quality Evaluation",
       2023, arXiv:2305.16562.
    """
    values = as_singular_values(singular_values)
    if values[0] == 0:
        return 0.0
    with np.errstate(under="ignore"):
        return float((relative(values) ** 2).sum())


def nesum(singular_values: ArrayLike) -> float:
    """NESum: ``sum lambda / lambda_1`` of the covariance; definition 4.1 of [1]_.

    The formula of `stable_rank`, defined on the centred spectrum: the singular values should be
    those of centred rows, and from others this is the stable rank. `embedding-quality` and the
    code of Tsitsulin et al. compute it from ``numpy.cov``, which centres; the latter adds 1e-12
    to every eigenvalue, which matters only for tiny ones.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1, of a single direction, to min(N - 1, K), of
        whitened rows.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] B. He, M. Ozay, "Exploring the Gap between Collapsed & Whitened Features in
       Self-Supervised Learning", ICML 2022.
    """
    return stable_rank(singular_values)


def numerical_rank(
    singular_values: ArrayLike,
    *,
    n_rows: SupportsIndex | None = None,
    n_cols: SupportsIndex | None = None,
    rtol: float | None = None,
) -> int:
    """Numerical rank: the number of ``sigma_k > rtol * sigma_1``, as in NumPy's ``matrix_rank``.

    Not centred. Other things go by the same name: TF-GNN's numerical rank is our `stable_rank`.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    n_rows, n_cols : int, optional
        N and K, from which NumPy's default tolerance follows: max(N, K) * 2**-52.
    rtol : float, optional
        The tolerance itself; then N and K are not needed. Singular values that come from a
        float64 Gram matrix are not known better than to about ``sqrt(max(N, K) * 2**-52)`` of
        the largest, so for them a smaller one counts rounding.

    Returns
    -------
    int
        From 0, only if all values are 0, to m.

    Raises
    ------
    TypeError
        If the values or `rtol` are no real numbers, if `n_rows` or `n_cols` are no integers, or
        if neither they nor `rtol` are given.
    ValueError
        If the values are not 1-D, are empty, negative or not finite, if `n_rows` or `n_cols` are
        less than 1, or if `rtol` is negative or NaN.
    """
    if rtol is not None:
        tolerance = as_real(rtol, "rtol")
    elif n_rows is not None and n_cols is not None:
        tolerance = default_rtol(as_count(n_rows, "n_rows"), as_count(n_cols, "n_cols"))
    else:
        raise TypeError("numerical_rank needs rtol, or n_rows and n_cols for NumPy's default")
    values = as_singular_values(singular_values)
    return int(np.count_nonzero(relative(values) > tolerance)) if values[0] > 0 else 0


def condition_number(singular_values: ArrayLike) -> float:
    """Condition number: ``sigma_1 / sigma_m``, large over small, of plain singular values.

    Not centred. The direction differs in public code: that of [1]_ has ``sigma_m / sigma_1``,
    from 0 to 1, which is one over this; TF-GNN has ours, but 0 where ``sigma_m = 0``. The
    condition number of the Gram matrix or the covariance is the square.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more. From a float64 Gram matrix the result
        means little above some 1e7: the smallest value is rounding then.

    Returns
    -------
    float
        From 1 to ``inf``, which it is where ``sigma_m = 0``, that of the zero matrix too.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] A. Tsitsulin, M. Munkhoeva, B. Perozzi, "Unsupervised Embedding Quality Evaluation",
       2023, arXiv:2305.16562.
    """
    values = as_singular_values(singular_values)
    if values[-1] == 0:
        return math.inf
    with np.errstate(over="ignore"):
        return float(values[0] / values[-1])
