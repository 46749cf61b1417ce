"""How much of the rows is their mean, from the squared norms with and without it."""

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme._base.arguments import as_count
from rankme.metrics._values import SLACK, as_singular_values, require_unit_rows

__all__ = ["anisotropy", "mean_share"]


def mean_share(singular_values: ArrayLike, centred_values: ArrayLike) -> float:
    """Share of the mean: ``N ||mean||^2 / ||Z||_F^2``, which part of the rows they all share.

    It follows from two sums of squares: ``1 - sum(centred**2) / sum(sigma**2)``. Word vectors and
    hidden states of language models have a large common mean [1]_; the nearer the share is to 1,
    the more the metrics of rows as they are speak of that one vector, and the more ``center=True``
    changes them.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more: of the rows as they are.
    centred_values : array_like
        Likewise, of the same rows less their mean.

    Returns
    -------
    float
        From 0, of centred rows, to 1, of rows that are all alike; 0.0 if all values are 0. Rows
        that are independent and have mean zero give about 1/N.

    Raises
    ------
    TypeError
        If values are no real numbers.
    ValueError
        If values are not 1-D, are empty, negative or not finite, or if the squares of centred
        values sum to more than the others, so that they are not of the same rows.

    References
    ----------
    .. [1] J. Mu, P. Viswanath, "All-but-the-Top: Simple and Effective Postprocessing for Word
       Representations", ICLR 2018, arXiv:1702.01417.
    """
    values = as_singular_values(singular_values)
    centred = as_singular_values(centred_values)
    return _share(values, centred)


def anisotropy(
    singular_values: ArrayLike, centred_values: ArrayLike, *, n_rows: SupportsIndex
) -> float:
    """Anisotropy: the mean cosine of two different rows [1]_, over all pairs.

    ``(N ||mean||^2 - 1) / (N - 1)`` of rows of unit length, for the N^2 cosines sum to
    ``||sum of the rows||^2`` and N of them, of rows with themselves, are 1. The squared norm of
    the mean alone would be too large by about 1/N. A zero row has the cosine 0 with any other.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more: of rows of unit length that are not
        centred, such as ``rankme.spectrum(Z, normalize=True).singular_values``.
    centred_values : array_like
        Likewise, of the same unit rows less their mean.
    n_rows : int
        N, 2 or more.

    Returns
    -------
    float
        From ``-1 / (N - 1)``, of centred rows, to 1, of rows that point all one way; about 0 of
        random directions.

    Raises
    ------
    TypeError
        If values are no real numbers or `n_rows` is no integer.
    ValueError
        If values are not 1-D, are empty, negative or not finite; if `n_rows` is less than 2; if
        the squares sum to more than N, so that the rows were not normalised; or if those of the
        centred values sum to more than the others.

    Notes
    -----
    The paper and most code average over some thousand random pairs; this is the mean over all, to
    which theirs comes with a standard error of its own.

    References
    ----------
    .. [1] K. Ethayarajh, "How Contextual are Contextualized Word Representations?", EMNLP 2019,
       arXiv:1909.00512.
    """
    n = as_count(n_rows, "n_rows", least=2)
    values = as_singular_values(singular_values)
    centred = as_singular_values(centred_values)
    require_unit_rows(values, n, "anisotropy")
    squares = float(values @ values)  # how many rows are not zero
    of_sum = n * squares * _share(values, centred)
    return min((of_sum - squares) / (n * (n - 1)), 1.0)


def _share(values: NDArray[np.float64], centred: NDArray[np.float64]) -> float:
    """Return which part of the sum of squares goes with the mean."""
    if values[0] == centred[0] == 0:
        return 0.0
    with np.errstate(all="ignore"):
        kept = float(((centred / values[0]) ** 2).sum() / ((values / values[0]) ** 2).sum())
    if not kept <= SLACK:
        raise ValueError(
            "the squares of centred_values sum to more than those of singular_values: they must "
            "be those of the same rows, less their mean"
        )
    return max(1 - kept, 0.0)
