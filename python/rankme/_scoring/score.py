"""One matrix in, one score or one spectrum out."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from rankme._base.arguments import as_eps
from rankme._scoring.certain import certain_spectrum
from rankme._scoring.passes import DEFAULT_EPS
from rankme.metrics._certainty import score_of

if TYPE_CHECKING:
    from rankme._scoring.opened import Select
    from rankme.metrics._spectrum import Spectrum

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
    column: str | None = None,
    dtype: object = None,
    integers: bool = False,
    unpack_bits: bool | str = False,
    select: Select = None,
    skip_nonfinite: bool = False,
    rows: SupportsIndex | None = None,
    seed: SupportsIndex | None = 0,
    query: str | None = None,
    progress: bool | None = None,
) -> float:
    """RankMe of one matrix of embeddings.

    ``exp(-sum_k p_k log p_k)`` with ``p_k = sigma_k / sum(sigma) + eps`` over the min(N, K)
    singular values of `Z`; eq. 1-2 of [1]_.

    Parameters
    ----------
    Z : array, list, table, iterable, RowSource, str or os.PathLike
        Shape (N, K), a row per embedding; float16, bfloat16, float32 or float64; any strides.
        An array of NumPy, PyTorch, JAX, Arrow and others: whatever offers DLPack, the CUDA array
        interface, the Arrow C interface, the buffer protocol or NumPy's array interface. It is read
        where it lies, block by block, and never copied as a whole.
        A list of vectors, a Series or a column of lists: a row each. A DataFrame, table or
        ``datasets.Dataset``: its column of vectors, or all of its columns if each has single
        floating-point numbers.
        Another iterable, as a generator, a ``DataLoader`` or a reader of record batches: blocks of
        rows, of which each is taken as above. A list of matrices is for `rankme.score_batch`.
        A path, pattern or URL: opened as `rankme.open_source` does, and read as a stream in
        constant memory. A database too, with `query`.
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
    column, dtype, integers, unpack_bits, select, skip_nonfinite, rows, seed, query, progress
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
    result = certain_spectrum(
        Z,
        checked_eps,
        center=bool(center),
        normalize=bool(normalize),
        method=method,
        rtol=rtol,
        device=device,
        precision=precision,
        column=column,
        dtype=dtype,
        integers=integers,
        unpack_bits=unpack_bits,
        select=select,
        skip_nonfinite=bool(skip_nonfinite),
        rows=rows,
        seed=seed,
        query=query,
        progress=progress,
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
    column: str | None = None,
    dtype: object = None,
    integers: bool = False,
    unpack_bits: bool | str = False,
    select: Select = None,
    skip_nonfinite: bool = False,
    rows: SupportsIndex | None = None,
    seed: SupportsIndex | None = 0,
    query: str | None = None,
    progress: bool | None = None,
) -> Spectrum:
    """Singular values of one matrix of embeddings, and how far they can be trusted.

    Parameters
    ----------
    Z : array, list, table, iterable, RowSource, str or os.PathLike
        Shape (N, K), a row per embedding; float16, bfloat16, float32 or float64; any strides.
        An array of NumPy, PyTorch, JAX, Arrow and others: whatever offers DLPack, the CUDA array
        interface, the Arrow C interface, the buffer protocol or NumPy's array interface. It is read
        where it lies, block by block, and never copied as a whole.
        A list of vectors, a Series or a column of lists: a row each. A DataFrame, table or
        ``datasets.Dataset``: its column of vectors, or all of its columns if each has single
        floating-point numbers.
        Another iterable, as a generator, a ``DataLoader`` or a reader of record batches: blocks of
        rows, of which each is taken as above. A list of matrices is for `rankme.score_batch`.
        A path, pattern or URL: opened as `rankme.open_source` does, and read as a stream in
        constant memory. A database too, with `query`.
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
        ``"fast"`` multiplies float32, float16 and bfloat16 rows in float32, on a GPU float16 and
        bfloat16 ones on the tensor cores, as in `rankme.Accumulator`. It computes in float64 where
        that leaves RankMe (eps = 1e-7) less certain than `rtol`: at once where some of the rows
        foretell it, else again. ``Spectrum.precision`` tells which it was.
    column : str, optional
        Which column of a file or table holds the vectors, where several could be meant.
    dtype : str or numpy.dtype, optional
        What the bytes of a binary column of a file are, as in `rankme.open_source`; nothing is
        converted by it.
    integers : bool
        Read rows of int8 and uint8, of a path or an array, as the numbers that they are.
    unpack_bits : bool or str
        Read such rows as packed bits, eight columns a byte: True as 0 and 1, ``"signs"`` as -1 and
        +1; as in `rankme.open_source`.
    select : int, str or callable, optional
        Which part of each item of an iterable holds the rows: its index or key, or a function that
        takes the item and returns them.
    skip_nonfinite : bool
        Leave out rows that hold NaN or infinity, and those of Arrow and Parquet that are null;
        ``Spectrum.n_skipped`` tells how many. By default such a row is an error.
    rows : int, optional
        Score this many of the N rows: RankMe grows with N, so only scores of as many rows are
        compared. Those left out by `skip_nonfinite` are among them, and fewer are then scored. By
        default all.
    seed : int or None
        Which `rows`: a random subset, drawn without replacement and kept in order, the same for
        every format and any blocks, as `rankme.sources.choose_rows` tells; or with None the first.
        It is not the `seed` of `rankme.Accumulator`, which draws its probes. Of an iterable a
        random subset takes two passes.
    query : str, optional
        Of a database: the SELECT that gives the rows, as in `rankme.open_source`. With `rows` it
        needs an ORDER BY.
    progress : bool, optional
        Show how far the rows of a file, a source or an iterable have come: True does so as a bar on
        a terminal and in a notebook, and as a line every ten seconds elsewhere, all on standard
        error; False does not. By default only a notebook shows it, of a call that lasts. An array
        in memory is one step, and shows nothing.

    Returns
    -------
    Spectrum
        With min(N, K) singular values.

    Raises
    ------
    TypeError
        If `Z` is nothing of all this, is masked, requires a gradient or has another dtype; the
        text says what to do.
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
        If a file cannot be read; a ConnectionError if a database cannot be reached.
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
    return certain_spectrum(
        Z,
        DEFAULT_EPS,
        center=bool(center),
        normalize=bool(normalize),
        method=method,
        rtol=rtol,
        device=device,
        precision=precision,
        column=column,
        dtype=dtype,
        integers=integers,
        unpack_bits=unpack_bits,
        select=select,
        skip_nonfinite=bool(skip_nonfinite),
        rows=rows,
        seed=seed,
        query=query,
        progress=progress,
    )
