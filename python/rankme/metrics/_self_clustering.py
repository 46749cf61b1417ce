"""How far rows on the sphere gather, from their singular values."""

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from rankme._base.arguments import as_count
from rankme.metrics._values import as_singular_values, require_unit_rows

__all__ = ["self_clustering"]


def self_clustering(
    singular_values: ArrayLike, *, n_rows: SupportsIndex, n_cols: SupportsIndex
) -> float:
    """Self-clustering: how much more alike unit rows are than random ones; definition 3.5 of [1]_.

    ``(||W W^T||_F^2 - E) / (N^2 - E)`` with ``E = N + N (N - 1) / K``, the value to expect of
    rows that are uniform on the sphere. W has the rows of Z divided by their norms, not centred,
    and ``||W W^T||_F^2 = sum_k sigma_k^4``, so N x N similarities are never formed. The paper
    writes the norm without the square, but its E and N^2 are those of the square.

    The code of [1]_ is the same but for 1e-12 that it adds to every entry, which turns a zero row
    into a constant one; here a zero row stays zero. TF-GNN has an option that centres before it
    normalises: do that to the rows beforehand.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more: those of W, such as
        ``rankme.spectrum(Z, normalize=True).singular_values``.
    n_rows, n_cols : int
        N and K, both 2 or more: one row, or one column, is always alike.

    Returns
    -------
    float
        1 if all rows are parallel, about 0 if they are uniform on the sphere, and at the least
        ``-1 / (max(N, K) - 1)``, of rows that are spread evenly. Zero rows lower it further.

    Raises
    ------
    TypeError
        If the values are no real numbers or `n_rows` or `n_cols` are no integers.
    ValueError
        If the values are not 1-D, are empty, negative or not finite; if there are more of them
        than min(N, K); if `n_rows` or `n_cols` are less than 2; or if the squares sum to more
        than N, so that the rows were not normalised.

    References
    ----------
    .. [1] A. Tsitsulin, M. Munkhoeva, B. Perozzi, "Unsupervised Embedding Quality Evaluation",
       2023, arXiv:2305.16562.
    """
    n = as_count(n_rows, "n_rows", least=2)
    k = as_count(n_cols, "n_cols", least=2)
    values = as_singular_values(singular_values)
    if values.size > min(n, k):
        raise ValueError(
            f"{n} rows of {k} columns have {min(n, k)} singular values, not {values.size}"
        )
    require_unit_rows(values, n, "self_clustering")
    expected = n + n * (n - 1) / k
    with np.errstate(under="ignore"):
        actual = float((values**4).sum())
    return (actual - expected) / (float(n) * n - expected)
