"""Coherence: how much a single row rules a direction of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rankme import _core
from rankme.metrics._columns import Blocks, rows_again, sum_of
from rankme.metrics._values import default_rtol

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["coherence"]

_SMALLEST = 2.0**-900  # of a Gram matrix whose smaller entries are all there


def coherence(Z: object) -> float:  # noqa: N803
    """Coherence: ``(N / K) max_i ||U_i||^2``; [1]_.

    U holds the left singular vectors, a column for every direction with ``sigma > 0``, and
    ``U_i`` is its row for row i of Z; ``||U_i||^2`` is the leverage of that row. Not centred, rows
    not normalised. It depends on neither the scale of Z nor on a change of basis.

    The rows are read twice: once for the K x K Gram matrix, whose eigenvectors V give
    ``U_i = Z_i V / sigma``, and once for the largest of them. Besides that matrix and V only a
    block is in memory.

    Parameters
    ----------
    Z : array or callable
        Shape (N, K), a row per embedding; whatever `rankme.Accumulator.update`
        takes. Or a function without
        arguments that returns a fresh iterable of such blocks, with the same rows each time: it
        is called twice.

    Returns
    -------
    float
        From r / K, r being the number of directions, to N / K: the latter when a row is the only
        one in some direction, and always where N rows are independent, so for N <= K in general.
        0.0 for the zero matrix.

    Raises
    ------
    TypeError
        If `Z`, or a block, is no array, is masked or has another dtype.
    ValueError
        If an array is not 2-D or is empty, if the widths of blocks differ, if there are no
        blocks, or if the second pass brings another number of rows.
    NonFiniteError
        If an entry is NaN or infinite: a ValueError that names the first one in its block.
    OverflowError
        If the squares of the entries leave the range of float64: above some 1e150, or all below
        1e-135.

    Notes
    -----
    A direction counts if ``sigma_k > sqrt(max(N, K) * 2**-52) * sigma_1``: NumPy's default
    tolerance, on the eigenvalues, because those are what the Gram matrix gives. Weaker ones
    cannot be told from rounding there.

    The code of [1]_ takes all min(N, K) columns of a thin SVD and divides by their number, not by
    K: the same where N >= K and the rank is full. With fewer rows than columns it is always 1,
    ours N / K; on a matrix of lower rank it adds arbitrary directions.

    References
    ----------
    .. [1] A. Tsitsulin, M. Munkhoeva, B. Perozzi, "Unsupervised Embedding Quality Evaluation",
       2023, arXiv:2305.16562.
    """
    open_blocks: Blocks = Z if callable(Z) else lambda: (Z,)
    acc = sum_of(open_blocks())
    whitening = _whitening(acc)
    if whitening.shape[1] == 0:
        return 0.0
    largest = 0.0
    for rows in rows_again(open_blocks(), acc.n_rows):
        left = _core.matrix_product(np.ascontiguousarray(rows), whitening)
        largest = max(largest, float(np.einsum("ij,ij->i", left, left).max()))
    return acc.n_rows / acc.dim * largest


def _whitening(acc: _core.GramAccumulator) -> NDArray[np.float64]:
    """Return V / sigma, shape (K, r), which takes rows of Z to rows of U."""
    gram = acc.gram()
    if gram.diagonal().max() < _SMALLEST:
        if acc.spectrum(False)[0][0][0] == 0:
            return np.empty((acc.dim, 0))
        raise OverflowError(
            "the squares of the entries of Z are below the range of float64; multiply Z by a "
            "number, on which the coherence does not depend"
        )
    # Near 1, since LAPACK squares sums of the entries.
    half_exponent = math.frexp(gram.diagonal().max())[1] // 2
    with np.errstate(under="ignore"):
        gram = np.ldexp(gram, -2 * half_exponent)
    values, vectors = _core.symmetric_eigenvectors(gram)
    kept = values > default_rtol(acc.n_rows, acc.dim) * values[-1]
    whitening = np.ldexp(vectors[kept].T / np.sqrt(values[kept]), -half_exponent)
    return np.ascontiguousarray(whitening)
