"""EigenScore of many matrices: how far the rows of each are apart, with intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from rankme._base.arguments import as_real, type_name
from rankme._base.arrays import is_tensor
from rankme._scoring.batch import spectra_of_batch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Doubles: TypeAlias = NDArray[np.float64]

__all__ = ["eigen_score_batch"]

_ROUNDING = 16 * float(np.finfo(np.float64).eps)  # of a few logarithms and their sum


@overload
def eigen_score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    alpha: float = ...,
    return_bounds: Literal[False] = ...,
    device: str | None = ...,
) -> _Doubles: ...
@overload
def eigen_score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    alpha: float = ...,
    return_bounds: Literal[True],
    device: str | None = ...,
) -> tuple[_Doubles, tuple[_Doubles, _Doubles]]: ...
def eigen_score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    alpha: float = 1e-3,
    return_bounds: bool = False,
    device: str | None = None,
) -> _Doubles | tuple[_Doubles, tuple[_Doubles, _Doubles]]:
    """EigenScore of many matrices: the mean log eigenvalue of the covariance of their rows.

    With N rows of width K, each less the mean of its own entries, and ``C = Z Z^T / (K - 1)``,
    which is ``numpy.cov(Z)``::

        EigenScore(Z) = log det(C + alpha I) / N = (1/N) sum_k log(lambda_k(C) + alpha)

    [1]_, in natural logarithms, with the covariance and the `alpha` of [2]_, whose score is N times
    this one. It is high where the rows, the sampled answers to a question for example, point to
    many directions or are long: unlike the effective rank it depends on the scale of the entries.

    Parameters
    ----------
    Zs : array or sequence of array
        Shape (B, N, K), or B matrices of shapes (N_i, K_i), in a list or a tuple; NumPy arrays or
        tensors; K is 2 or more.
    alpha : float
        Added to each eigenvalue; more than 0.
    return_bounds : bool
        Also return the interval that holds the exact value of each score, as in ``scores, (low,
        high) = ...``: what rounding can have moved. `rankme.auroc` takes it.
    device : str, optional
        As in `score_batch`.

    Returns
    -------
    scores : numpy.ndarray
        Shape (B,), float64; log(alpha) or more.
    low, high : numpy.ndarray
        Shape (B,), float64, where `return_bounds` is set.

    Raises
    ------
    TypeError, NonFiniteError, IntegrityError, RuntimeError, MemoryError
        As `score_batch`.
    ValueError
        As `score_batch`; if a matrix has one column, or `alpha` is not more than 0.

    References
    ----------
    .. [1] C. Chen et al., "INSIDE: LLMs' internal states retain the power of hallucination
       detection", ICLR 2024, arXiv:2402.03744.
    .. [2] Wang et al., arXiv:2510.08389.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> same, apart = np.ones((3, 4)) * np.arange(4), np.eye(3, 4)
    >>> rankme.eigen_score_batch([same, apart]).round(3)
    array([-4.069, -1.555])
    """
    added = as_real(alpha, "alpha")
    if not 0 < added < math.inf:
        raise ValueError(f"alpha must be more than 0 and finite, not {alpha!r}")
    turned = _turned(Zs)
    widths, heights = (np.array([z.shape[axis] for z in turned]) for axis in (0, 1))
    # Rows less their own means are columns of the transpose less theirs.
    spectra = spectra_of_batch(turned, center=True, device=device)
    begins = spectra.offsets[:-1]
    lengths = np.diff(spectra.offsets)
    shift = 2 * math.log(2) * spectra.exponents - np.log(widths - 1)
    # Beyond min(N, K) eigenvalues are 0.
    rest = (heights - lengths) * math.log(added)
    found: list[_Doubles] = []
    span = np.zeros(len(lengths))
    for values in spectra[:3]:
        with np.errstate(divide="ignore"):
            squares = 2 * np.log(values)
        terms = np.logaddexp(squares + np.repeat(shift, lengths), math.log(added))
        found.append((np.add.reduceat(terms, begins) + rest) / heights)
        seen = np.where(np.isfinite(squares), np.abs(squares), 0)
        span = np.maximum(span, np.maximum.reduceat(seen, begins) + np.abs(shift))
    scores, low, high = found
    slack = _ROUNDING * (span + abs(math.log(added)) + 1) * heights
    if return_bounds:
        return scores, (low - slack, high + slack)
    return scores


def _turned(zs: Any) -> list[Any]:
    """Return the transposes of matrices, each in the same memory."""
    matrices = list(zs) if isinstance(zs, (list, tuple)) or hasattr(zs, "ndim") else None
    if matrices is None:
        raise TypeError(
            f"Zs must be an array of shape (B, N, K) or a sequence of arrays of shape (N_i, K_i), "
            f"not {type_name(zs)}"
        )
    if not matrices:
        raise ValueError("Zs is empty: at least one matrix is needed")
    for i, z in enumerate(matrices):
        if not (isinstance(z, np.ndarray) or is_tensor(z)):
            raise TypeError(f"Zs[{i}] must be a NumPy array or a tensor, not {type_name(z)}")
        if z.ndim != 2 or z.shape[1] < 2:  # noqa: PLR2004
            raise ValueError(
                f"Zs[{i}] must be a matrix of two columns or more; it has shape {tuple(z.shape)}"
            )
    return [z.T for z in matrices]
