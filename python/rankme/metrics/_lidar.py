"""LiDAR: the rank of what tells objects apart, from groups of rows."""

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rankme import _core
from rankme._base.arguments import as_eps, as_real
from rankme._base.arrays import as_array, as_matrix
from rankme._base.threads import require_budget
from rankme.metrics._values import float64_blocks

__all__ = ["Scatters", "as_delta", "lidar", "rank_of_scatters"]

_LARGEST = 2.0**490  # of an entry, so that sums of products over many groups have a float64
_MEAN_ROUNDING = 2.0**-46  # of a mean, in parts of the spread of its rows
_FAR = 10_000  # beyond the exponents of all products
_NO_INVERSE = (
    "Sw has no inverse, for the rows do not vary within groups in all K directions; "
    "delta must be more than 0, and not far below the variance within groups"
)

# rows, groups, and the scatters within groups and of their means, each (K, K) and its exponent
Scatters: TypeAlias = tuple[
    int, int, tuple[NDArray[np.float64], int], tuple[NDArray[np.float64], int]
]


def lidar(groups: object, *, delta: float = 1e-4, eps: float = 1e-7) -> float:
    """LiDAR: effective rank of the linear discriminant analysis between objects; [1]_.

    A group is the q rows of one object, such as the embeddings of q augmentations of one image;
    there are n groups. With ``mu_i`` the mean of group i and ``mu`` the mean of those::

        Sb = 1/(n - 1)   sum_i   (mu_i - mu) (mu_i - mu)^T
        Sw = 1/(n (q-1)) sum_i,j (z_ij - mu_i) (z_ij - mu_i)^T  +  delta I
        LiDAR = exp(-sum_k p_k log p_k),   p_k = lambda_k / sum(lambda) + eps

    over all K eigenvalues lambda of ``Sw^-1/2 Sb Sw^-1/2``. Both covariances are the unbiased
    ones, as in the paper. The factor of Sb cancels in p; that of Sw matters against `delta`.

    Groups are read block by block; two K x K sums are kept. `rankme.GroupedAccumulator` has LiDAR
    of rows that come one by one with labels, and of groups of different size.

    Parameters
    ----------
    groups : array or iterable of arrays
        Shape (n, q, K) with n, q >= 2; of any kind that `rankme.score` takes. Or blocks of shape
        (n_b, q, K), n_b >= 1, of one q and one K: a group is never split.
    delta : float
        Added to the diagonal of Sw; finite and 0 or more, in the unit of the entries squared, so
        that LiDAR does depend on the scale of the embeddings where `delta` is not small beside
        the variance within groups. The paper's value is the default.
    eps : float
        Added to each ``p_k`` after the division; from 0 to 1. As in the paper all K
        eigenvalues enter, though at most ``n - 1`` are not 0.

    Returns
    -------
    float
        0.0 if all groups have one mean; otherwise from 1 to min(K, n - 1), which ``eps > 0`` may
        exceed a little.

    Raises
    ------
    TypeError
        If a block is no array, is masked or has another dtype, or if `delta` or `eps` are
        no real numbers.
    ValueError
        If a block is not 3-D or is empty, if q or K differ, if n or q are less than 2, if an
        entry is NaN or infinite, if `delta` is negative or not finite, if `eps` is not from 0 to
        1, or if `delta` is 0 and Sw has no inverse.
    OverflowError
        If an entry is above 2**490 in magnitude, about 3e147.

    Notes
    -----
    Public implementations differ. ``stable-pretraining`` has these covariances and
    ``p = (lambda + eps) / sum(lambda + eps)`` with ``eps=1e-8``. ``reptrix`` 0.1.0 divides Sw by n
    alone, has ``delta=1e-6``, and takes the explained variances of a principal component analysis
    of the matrix, which are squares of its eigenvalues, of centred rows.

    References
    ----------
    .. [1] V. Thilak, C. Huang, O. Saremi, L. Dinh, H. Goh, P. Nakkiran, J. M. Susskind,
       E. Littwin, "LiDAR: Sensing Linear Probing Performance in Joint Embedding SSL
       Architectures", ICLR 2024, arXiv:2312.04000.
    """
    ridge, checked_eps = as_delta(delta), as_eps(eps)
    sums: _core.EqualGroups | None = None
    shape: tuple[int, ...] = ()
    for block in _blocks(groups):
        _, q, dim = block.shape
        if sums is None:
            if q < 2:  # noqa: PLR2004
                raise ValueError("groups must have 2 or more rows each; q is 1")
            require_budget()
            sums, shape = _core.EqualGroups(dim, q), (q, dim)
        if shape != (q, dim):
            raise ValueError(
                f"a block of groups has q = {q} and K = {dim}; "
                f"those before it have q = {shape[0]} and K = {shape[1]}"
            )
        sums.add(as_matrix(block.reshape(-1, dim)))
    if sums is None:
        raise ValueError("groups has no blocks")
    scatters = sums.scatters()
    if scatters[1] < 2:  # noqa: PLR2004
        raise ValueError("groups must hold 2 or more groups; n is 1")
    return rank_of_scatters(scatters, ridge, checked_eps)


def as_delta(delta: object) -> float:
    """Return `delta` as a float: a finite real number, 0 or more."""
    ridge = as_real(delta, "delta")
    if math.isinf(ridge):
        raise ValueError("delta must be finite")
    return ridge


def rank_of_scatters(scatters: Scatters, delta: float, eps: float) -> float:
    """Return LiDAR of 2 or more groups and more rows than groups, from their two scatters.

    What a power of two takes from both covariances makes no difference to it, so that neither the
    squares of large entries nor those of small ones are formed.
    """
    n_rows, n_groups, (within, exponent), (between, exponent_between) = scatters
    within = within / (n_rows - n_groups)
    # The means are known to the rounding of the rows that they are of: a smaller spread is none.
    with np.errstate(over="ignore"):
        spread = np.ldexp(np.trace(within), 2 * (exponent - exponent_between))
    if np.trace(between) <= _MEAN_ROUNDING**2 * spread * n_groups:
        return _core.rankme(np.zeros(len(within)), eps)
    # The larger of Sw and delta is brought near 1, and what the other loses cannot be seen there.
    own = 2 * exponent + math.frexp(np.abs(within).max())[1] if within.any() else -_FAR
    unit = max(own, math.frexp(delta)[1] if delta else -_FAR)
    if unit == -_FAR:
        raise ValueError(_NO_INVERSE)
    with np.errstate(under="ignore"):
        within = np.ldexp(within, 2 * exponent - unit)
    ridge = math.ldexp(delta, -unit)
    within[np.diag_indices_from(within)] += ridge
    # The least eigenvalue is at least delta; a smaller one is rounding.
    scales, vectors = _core.symmetric_eigenvectors(np.ascontiguousarray(within))
    scales = np.maximum(scales, ridge)
    if scales[0] <= 0:
        raise ValueError(_NO_INVERSE)
    # V diag(1/s) V^T is Sw^-1/2; without the last V^T the eigenvalues are the same. The rows of
    # `vectors` are those of V^T.
    whitening = vectors / np.sqrt(scales)[:, np.newaxis]
    half = _core.matrix_product(whitening, between / np.trace(between))
    values = _core.symmetric_eigenvalues(
        _core.matrix_product(half, np.ascontiguousarray(whitening.T))
    )
    return _core.rankme(np.maximum(values, 0.0), eps)


def _blocks(groups: object) -> Iterator[NDArray[np.float64]]:
    """Yield the groups in float64 blocks of shape (n, q, K), all entries checked."""
    n_before = 0
    arrays: Any = (groups,) if _core.is_array(groups) else groups
    for array in arrays:
        view = as_array(array, "groups")
        if len(view.shape) != 3 or 0 in view.shape:  # noqa: PLR2004
            raise ValueError(
                f"groups must have shape (n, q, K), q rows for each of n objects, and not be "
                f"empty; the shape is {view.shape}"
            )
        for block in float64_blocks(view):
            _check(block, n_before)
            yield block
            n_before += len(block)


def _check(block: NDArray[np.float64], n_before: int) -> None:
    """Refuse entries that are not finite, or whose squares would overflow."""
    # NaN fails the comparison too.
    wrong = np.argwhere(~(np.abs(block) <= _LARGEST))
    if wrong.size:
        group, row, column = wrong[0]
        value = block[group, row, column]
        entry = f"groups[{n_before + group}, {row}, {column}] is {value}"
        if np.isfinite(value):
            raise OverflowError(f"{entry}; its square is beyond the range of float64")
        raise ValueError(f"{entry}; every entry must be finite")
