"""Many matrices in, their scores or their singular values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np

from rankme import _core
from rankme._base.arguments import as_eps, as_method, as_rtol
from rankme._base.arrays import as_matrices
from rankme._base.threads import require_budget
from rankme._scoring.batch_on_gpu import gpu_spectra, place_of_batch
from rankme._scoring.passes import DEFAULT_EPS, Pass, passes_of
from rankme.metrics._certainty import (
    SMALLER_VALUES,
    WARNING_WIDTH,
    flat_scores,
    uncertainty,
    warn_uncertain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Doubles: TypeAlias = NDArray[np.float64]

__all__ = ["score_batch", "spectra_of_batch", "spectrum_batch"]


class _Spectra(NamedTuple):
    """What `_core.spectrum_batch` returns: flat, matrix i at ``offsets[i]:offsets[i + 1]``."""

    scaled: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    offsets: NDArray[np.int64]
    exponents: NDArray[np.int32]

    def scores(self, eps: float, rtol: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Scores, and the indices of those that are not certain to `rtol`."""
        return flat_scores(self[:3], self.offsets, eps, rtol)

    def replace(self, matrices: NDArray[np.int64], better: _Spectra) -> None:
        """Put other spectra of the same lengths in the place of some."""
        self.exponents[matrices] = better.exponents
        for i, begin, end in zip(matrices, better.offsets[:-1], better.offsets[1:], strict=True):
            own = slice(*self.offsets[i : i + 2])
            for old, new in zip(self[:3], better[:3], strict=True):
                old[own] = new[begin:end]

    def bounds(self, matrix: int, eps: float) -> tuple[float, float]:
        """Find the interval of one matrix's score."""
        own = slice(*self.offsets[matrix : matrix + 2])
        return _core.rankme_bounds(self.low[own], self.high[own], eps)

    def all_bounds(self, eps: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Find the two ends of the intervals of all scores."""
        return _core.rankme_bounds_batch(self.low, self.high, self.offsets, eps)


@overload
def score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    eps: float = ...,
    center: bool = ...,
    normalize: bool = ...,
    method: str = ...,
    rtol: float = ...,
    return_entropy: Literal[False] = ...,
    return_bounds: Literal[False] = ...,
    device: str | None = ...,
) -> _Doubles: ...
@overload
def score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    eps: float = ...,
    center: bool = ...,
    normalize: bool = ...,
    method: str = ...,
    rtol: float = ...,
    return_entropy: Literal[True],
    return_bounds: Literal[False] = ...,
    device: str | None = ...,
) -> tuple[_Doubles, _Doubles]: ...
@overload
def score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    eps: float = ...,
    center: bool = ...,
    normalize: bool = ...,
    method: str = ...,
    rtol: float = ...,
    return_entropy: Literal[False] = ...,
    return_bounds: Literal[True],
    device: str | None = ...,
) -> tuple[_Doubles, tuple[_Doubles, _Doubles]]: ...
@overload
def score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    eps: float = ...,
    center: bool = ...,
    normalize: bool = ...,
    method: str = ...,
    rtol: float = ...,
    return_entropy: Literal[True],
    return_bounds: Literal[True],
    device: str | None = ...,
) -> tuple[_Doubles, _Doubles, tuple[_Doubles, _Doubles]]: ...
def score_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    rtol: float = 1e-4,
    return_entropy: bool = False,
    return_bounds: bool = False,
    device: str | None = None,
) -> _Doubles | tuple[Any, ...]:
    """RankMe of many matrices of embeddings, as `score` of each would find it.

    Each matrix is reduced to the Gram matrix of its smaller side. Small matrices are spread over
    threads and several share a vector register, so that a batch costs its arithmetic and little
    more; a large one gets all threads.

    Parameters
    ----------
    Zs : array or sequence of array
        Shape (B, N, K), or B matrices of any shapes (N_i, K_i), in a list or a tuple; a row per
        embedding; any array that `score` takes. Matrices of a list need not be of one dtype.
        Nothing is copied as a whole.
    eps : float
        Added to each ``p_k`` after the division; from 0 to 1.
    center : bool
        Subtract the column means of each matrix first.
    normalize : bool
        Divide each row by its Euclidean norm first; a zero row stays zero.
    method : {"gram", "qr", "auto"}
        As in `score`; ``"auto"`` decides for each matrix.
    rtol : float
        As in `spectrum`.
    return_entropy : bool
        Also return the entropies.
    return_bounds : bool
        Also return the interval that holds the exact value of each score: what rounding can have
        moved, not how far other rows would be. The result is the pair ``(scores, (low, high))``,
        as in ``scores, bounds = ...``; with `return_entropy` it is ``(scores, entropies, (low,
        high))``. ``bounds`` is what `rankme.auroc` takes to count scores as tied.
    device : str, optional
        Where to compute: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; left out, where the first matrix
        lies. All must lie there, or all in host memory.

    Returns
    -------
    scores : numpy.ndarray
        Shape (B,), float64: from 0.0, of a zero matrix and of one that rounding cannot tell from
        it, to min(N_i, K_i), which ``eps > 0`` may exceed a little.
    entropies : numpy.ndarray
        Shape (B,), float64, in nats, where `return_entropy` is set: ``-sum_k p_k log p_k`` with the
        same ``p_k``, `eps` in them, so that the score is exp of it. Of a zero matrix, which has no
        distribution, ``-inf``.
    low, high : numpy.ndarray
        Shape (B,), float64, where `return_bounds` is set: the ends of the intervals, as
        `rankme.Spectrum.rankme_bounds` finds them over the intervals of the singular values.

    Warns
    -----
    PrecisionWarning
        Once, if there are matrices whose interval, as of `score`, is wider than a thousandth of
        their score: how many, and the first of them.

    Raises
    ------
    TypeError
        If `Zs` is neither, or if a matrix is no array, is masked or has another dtype; the
        text names it, as in ``Zs[3]``.
    ValueError
        If `Zs` is empty or an array that is not 3-D, if a matrix is not 2-D or is empty, or if
        `eps`, `method` or `rtol` is none of the above.
    NonFiniteError
        If an entry is NaN or infinite: a ValueError that names the first matrix that has one, the
        row and the column.
    IntegrityError, RuntimeError, MemoryError
        As `spectrum`.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> rankme.score_batch([np.eye(3), np.eye(2), np.ones((5, 4))], eps=0).round(6)
    array([3., 2., 1.])
    >>> scores, (low, high) = rankme.score_batch([np.eye(3), np.eye(2)], return_bounds=True)
    >>> bool((low <= scores).all() and (scores <= high).all())
    True
    """
    checked_eps = as_eps(eps)
    spectra = spectra_of_batch(
        Zs,
        checked_eps,
        center=center,
        normalize=normalize,
        method=method,
        rtol=rtol,
        device=device,
    )
    scores, uncertain = spectra.scores(checked_eps, WARNING_WIDTH)
    if uncertain.size:
        first = int(uncertain[0])
        bounds = spectra.bounds(first, checked_eps)
        text = uncertainty(float(scores[first]), bounds, of=f" of Zs[{first}]")
        if uncertain.size > 1:
            text += f", as have {uncertain.size - 1} more of {scores.size} matrices"
        warn_uncertain(text if method == "qr" else f"{text}; {SMALLER_VALUES}", stacklevel=2)
    results: list[Any] = [scores]
    if return_entropy:
        with np.errstate(divide="ignore"):
            results.append(np.log(scores))
    if return_bounds:
        results.append(spectra.all_bounds(checked_eps))
    return tuple(results) if len(results) > 1 else scores


def spectrum_batch(
    Zs: Any | Sequence[Any],  # noqa: N803
    *,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    rtol: float = 1e-4,
    device: str | None = None,
) -> NDArray[np.float64] | list[NDArray[np.float64]]:
    """Singular values of many matrices of embeddings.

    Parameters
    ----------
    Zs : array or sequence of array
    center, normalize : bool
    method : {"gram", "qr", "auto"}
    rtol : float
    device : str, optional
        All as in `score_batch`.

    Returns
    -------
    numpy.ndarray or list of numpy.ndarray
        Shape (B, m), float64, descending along the second axis and in the unit of the entries, if
        m = min(N_i, K_i) is the same for all matrices; otherwise a list of shapes (m_i,).

    Raises
    ------
    OverflowError
        If a singular value is beyond float64; the text names the matrix. `score_batch` is still
        defined.
    TypeError, ValueError, NonFiniteError, IntegrityError, RuntimeError, MemoryError
        As `score_batch`.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> rankme.spectrum_batch(np.stack([np.eye(2), np.diag([3.0, 4.0])]))
    array([[1., 1.],
           [4., 3.]])
    """
    spectra = spectra_of_batch(
        Zs,
        DEFAULT_EPS,
        center=center,
        normalize=normalize,
        method=method,
        rtol=rtol,
        device=device,
    )
    lengths = np.diff(spectra.offsets)
    with np.errstate(over="ignore", under="ignore"):
        values = np.ldexp(spectra.scaled, np.repeat(spectra.exponents, lengths))
    beyond = np.flatnonzero(~np.isfinite(values[spectra.offsets[:-1]]))
    if beyond.size:
        raise OverflowError(
            f"the largest singular value of Zs[{beyond[0]}] is beyond float64; score_batch is "
            f"still defined"
        )
    if (lengths == lengths[0]).all():
        return values.reshape(-1, lengths[0])
    return np.split(values, spectra.offsets[1:-1])


def spectra_of_batch(
    Zs: object,  # noqa: N803
    eps: float = DEFAULT_EPS,
    *,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    rtol: float = 1e-4,
    device: str | None = None,
) -> _Spectra:
    """Find all spectra; those whose RankMe with `eps` "auto" finds uncertain, again by QR."""
    require_budget()
    batch = as_matrices(Zs, "(B, N, K)", "(N_i, K_i)")
    as_method(method, ("gram", "qr", "auto"))
    tolerance = as_rtol(rtol)
    place = place_of_batch(batch, device)
    center, normalize = bool(center), bool(normalize)

    def by(one: Pass, matrices: _core.ArrayView | Sequence[Any]) -> _Spectra:
        if place == "cpu":
            return _Spectra(*_core.spectrum_batch(matrices, center, normalize, one.method))
        return _Spectra(*gpu_spectra(matrices, center, normalize, one.method, place))

    first, *further = passes_of(method, "float64")
    spectra = by(first, batch)
    for one in further:
        _, uncertain = spectra.scores(eps, tolerance)
        if not uncertain.size:
            break
        spectra.replace(uncertain, by(one, [batch[int(i)] for i in uncertain]))
    return spectra
