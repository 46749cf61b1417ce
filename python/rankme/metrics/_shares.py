"""What the first singular values hold of the whole."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme._base.arguments import as_share
from rankme.metrics._values import as_singular_values, relative

__all__ = ["SRANK_DELTA", "pca_components", "pl_score", "srank"]

SRANK_DELTA = 0.01  # of the paper, and of all code that cites it


def pca_components(singular_values: ArrayLike, *, share: float = 0.95) -> int:
    """Count the principal components that hold a share of the variance.

    The smallest k with ``lambda_1 + ... + lambda_k >= share * sum(lambda)``, from the centred
    spectrum: a principal component analysis centres its columns [1]_. What a cut-off on the scree
    plot says in one number. From singular values of other rows the formula is computed all the
    same; a large mean then is a component.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    share : float
        Of the variance; between 0 and 1, both excluded.

    Returns
    -------
    int
        From 1 to the rank; 0 if all values are 0.

    Raises
    ------
    TypeError
        If the values or `share` are no real numbers.
    ValueError
        If the values are not 1-D, are empty, negative or not finite, or if `share` is not between
        0 and 1.

    Notes
    -----
    ``PCA(n_components=0.95)`` of scikit-learn keeps as many, but for a share that is met exactly:
    it then takes one more. Sums that differ by their rounding alone count as equal here.

    References
    ----------
    .. [1] I. T. Jolliffe, "Principal Component Analysis", Springer, 2002, section 6.1.1.
    """
    wanted = as_share(share, "share")
    values = as_singular_values(singular_values)
    if values[0] == 0:
        return 0
    with np.errstate(under="ignore"):
        return _fewest(relative(values) ** 2, 1 - wanted)


def srank(singular_values: ArrayLike, *, delta: float = SRANK_DELTA) -> int:
    """srank: how many of the largest singular values add up to ``1 - delta`` of all [1]_.

    The smallest k with ``sigma_1 + ... + sigma_k >= (1 - delta) sum(sigma)``.

    Over singular values, not their squares, and not centred. The paper calls it the effective rank
    of a feature matrix; it is the number that work on value networks reports. Some code centres
    the rows first: take the singular values of centred rows.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    delta : float
        Which share may be missing; between 0 and 1, both excluded. The paper's is the default.

    Returns
    -------
    int
        From 1 to the rank; 0 if all values are 0.

    Raises
    ------
    TypeError
        If the values or `delta` are no real numbers.
    ValueError
        If the values are not 1-D, are empty, negative or not finite, or if `delta` is not between
        0 and 1.

    References
    ----------
    .. [1] A. Kumar, R. Agarwal, D. Ghosh, S. Levine, "Implicit Under-Parameterization Inhibits
       Data-Efficient Deep Reinforcement Learning", ICLR 2021, arXiv:2010.14498.
    """
    missing = as_share(delta, "delta")
    values = as_singular_values(singular_values)
    return _fewest(relative(values), missing) if values[0] > 0 else 0


def pl_score(singular_values: ArrayLike) -> float:
    """PL, the pattern learning score: ``sigma_1 / sum(sigma)`` [1]_.

    The share of the first direction, over plain singular values, not centred. It is one over
    ``renyi_rank(..., order=math.inf)``.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.

    Returns
    -------
    float
        From 1/m, of a flat spectrum, to 1, of a single direction; 0.0 if all values are 0.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] W. Zhang, X. Chen, X. Li, K. Chen, W. Guan, L. Nie, "Unified Transferability Metrics for
       Time Series Foundation Models" (TEMPLATE), NeurIPS 2025.
    """
    values = as_singular_values(singular_values)
    return float(1 / relative(values).sum()) if values[0] > 0 else 0.0


def _fewest(weights: NDArray[np.float64], missing: float) -> int:
    """Count how many of descending weights leave out no more than a share of their sum."""
    # Summed from the small end, where the digits of the rest are.
    left_out = np.append(np.cumsum(weights[::-1])[::-1][1:], 0.0)
    total = float(weights.sum())
    slack = weights.size * 2.0**-52
    return int(np.argmax(left_out <= (missing + slack) * total)) + 1
