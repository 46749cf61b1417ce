"""One matrix in, one score or one spectrum out."""

import os

from rankme._base.arguments import as_eps, as_method, as_rtol
from rankme._base.arrays import as_matrix
from rankme._base.devices import as_precision, place_of
from rankme._base.threads import require_budget
from rankme._scoring.from_source import spectrum_of_source
from rankme._scoring.matrix import spectrum_by
from rankme._scoring.passes import DEFAULT_EPS, first_certain, passes_of
from rankme.metrics._certainty import score_of
from rankme.metrics._spectrum import Spectrum
from rankme.sources import RowSource, open_source

__all__ = ["score", "spectrum"]


def score(
    Z: object,  # noqa: N803
    *,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    rtol: float = 1e-4,
    device: str | None = None,
    precision: str = "float64",
) -> float:
    """RankMe of one matrix of embeddings.

    ``exp(-sum_k p_k log p_k)`` with ``p_k = sigma_k / sum(sigma) + eps`` over the min(N, K)
    singular values of `Z`; eq. 1-2 of [1]_.

    Parameters
    ----------
    Z : array, RowSource, str or os.PathLike
        Shape (N, K), a row per embedding; float16, bfloat16, float32 or float64; any strides. Of
        NumPy, PyTorch, JAX, Arrow (fixed-size lists) and others: whatever offers DLPack, the CUDA
        array interface, the Arrow C interface, the buffer protocol or NumPy's array interface. It
        is read where it lies, block by block, and never copied as a whole. A path, pattern or URL
        is opened as `rankme.open_source` does, and read as a stream in constant memory.
    eps : float
        Added to each ``p_k`` after the division; from 0 to 1. With 0 the result is the
        effective rank of Roy and Vetterli.
    center : bool
        Subtract the column means first. The paper does not.
    normalize : bool
        Divide each row by its Euclidean norm first; a zero row stays zero. The paper does not.
        With `center` too, rows are normalised before the means are taken.
    method : {"gram", "qr", "auto"}
        As in `spectrum`; ``"auto"`` decides by the RankMe of this call's `eps`.
    rtol : float
        As in `spectrum`.
    device : str, optional
        As in `spectrum`.
    precision : {"float64", "fast"}
        As in `spectrum`.

    Returns
    -------
    float
        From 0.0, of the zero matrix and of one that rounding cannot tell from it, to min(N, K),
        which ``eps > 0`` may exceed a little.

    Warns
    -----
    PrecisionWarning
        If the interval that holds the exact value, ``spectrum(Z).rankme_bounds()``, is wider than
        a thousandth of the score.

    Raises
    ------
    TypeError, BufferError, ImportError, ValueError, NonFiniteError, IntegrityError, RuntimeError
        As `spectrum`, and MemoryError; and if `eps` is no real number, or is outside 0 to 1.

    References
    ----------
    .. [1] Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, "RankMe: Assessing the Downstream
       Performance of Pretrained Self-Supervised Representations by Their Rank", ICML 2023,
       arXiv:2210.02885.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> round(rankme.score(np.eye(3), eps=0), 6)
    3.0
    """
    checked_eps = as_eps(eps)  # before the work, not after it
    result = _certain_spectrum(
        Z,
        checked_eps,
        center=bool(center),
        normalize=bool(normalize),
        method=method,
        rtol=rtol,
        device=device,
        precision=precision,
    )
    return score_of(result, checked_eps, stacklevel=2)


def spectrum(
    Z: object,  # noqa: N803
    *,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    rtol: float = 1e-4,
    device: str | None = None,
    precision: str = "float64",
) -> Spectrum:
    """Singular values of one matrix of embeddings, and how far they can be trusted.

    Parameters
    ----------
    Z : array, RowSource, str or os.PathLike
        Shape (N, K), a row per embedding; float16, bfloat16, float32 or float64; any strides. Of
        NumPy, PyTorch, JAX, Arrow (fixed-size lists) and others: whatever offers DLPack, the CUDA
        array interface, the Arrow C interface, the buffer protocol or NumPy's array interface. It
        is read where it lies, block by block, and never copied as a whole. A path, pattern or URL
        is opened as `rankme.open_source` does, and read as a stream in constant memory.
    center : bool
        Subtract the column means first.
    normalize : bool
        Divide each row by its Euclidean norm first; a zero row stays zero. With `center` too,
        rows are normalised before the means are taken.
    method : {"gram", "qr", "auto"}
        ``"gram"``: square roots of the eigenvalues of the float64 Gram matrix on the smaller side,
        ``Z.T @ Z``, or ``Z @ Z.T`` where N < K. ``"qr"``: a QR factorisation of the rows as they
        come, about three times the work, which loses nothing below 1e-8 of the largest singular
        value. ``"auto"``: the first, and the second if the first leaves RankMe (eps = 1e-7) less
        certain than `rtol`; ``Spectrum.method`` tells which it was.
    rtol : float
        For ``"auto"`` and ``"fast"``: the width of ``rankme_bounds()`` that is accepted, in parts
        of RankMe.
    device : {"cpu", "cuda", "cuda:1", ...}, optional
        Where the work is done; by default where `Z` lies. An array in host memory is streamed to
        the GPU that is named here. One on a GPU is moved nowhere.
    precision : {"float64", "fast"}
        On a GPU ``"fast"`` multiplies float16 and bfloat16 rows on the tensor cores, as in
        `rankme.Accumulator`, and computes again in float64 where that leaves RankMe (eps = 1e-7)
        less certain than `rtol`; ``Spectrum.precision`` tells which it was.

    Returns
    -------
    Spectrum
        With min(N, K) singular values.

    Raises
    ------
    TypeError
        If `Z` is no array, path or source, is masked, requires a gradient or has another dtype.
    BufferError, ImportError
        If the producer of `Z` cannot export it, or if the work is for a GPU and rankme has no
        CUDA module here, or not its libraries.
    ValueError
        If `Z` is not 2-D, is empty, contradicts itself or lies on another GPU than `device`; if
        `method`, `rtol`, `device` or `precision` is none of the above, or if
        ``RANKME_NUM_THREADS`` was set to something else than a positive integer.
    NonFiniteError
        If an entry is NaN or infinite: a ValueError that names the first one.
    BadDataError
        If a file holds no embeddings, or NaN or infinity: a ValueError that names file and row.
    OSError
        If a file cannot be read.
    MissingLibraryError
        If its format needs a library that is not installed: an ImportError.
    IntegrityError
        If the Gram matrix disagrees with its probes: a fault of memory, processor or BLAS.
    RuntimeError
        If LAPACK or a CUDA library fails; the text names the routine. If there is no such GPU, or
        if this process was forked from one that had used CUDA.
    MemoryError
        If the Gram matrix or the factor does not fit; the text tells how much was wanted.
    """
    return _certain_spectrum(
        Z,
        DEFAULT_EPS,
        center=bool(center),
        normalize=bool(normalize),
        method=method,
        rtol=rtol,
        device=device,
        precision=precision,
    )


def _certain_spectrum(
    Z: object,  # noqa: N803
    eps: float,
    *,
    center: bool,
    normalize: bool,
    method: str,
    rtol: float,
    device: str | None,
    precision: str,
) -> Spectrum:
    """Find the spectrum by the first pass that leaves RankMe with `eps` certain enough."""
    require_budget()
    as_method(method, ("gram", "qr", "auto"))
    tolerance = as_rtol(rtol)
    if isinstance(Z, (str, os.PathLike)):
        Z = open_source(Z)  # noqa: N806
    if isinstance(Z, RowSource):
        place = place_of("cpu", device, "Z")
        as_precision(precision, place, method)
        return spectrum_of_source(
            Z,
            eps=eps,
            center=center,
            normalize=normalize,
            method=method,
            rtol=tolerance,
            device=place,
            precision=precision,
        )
    matrix = as_matrix(Z)
    place = place_of(matrix.device, device, "Z")
    as_precision(precision, place, method)
    return first_certain(
        passes_of(method, precision),
        lambda one: spectrum_by(matrix, place, one, center=center, normalize=normalize),
        eps=eps,
        rtol=tolerance,
    )
