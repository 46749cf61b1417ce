"""What counts as a matrix of embeddings, checked in one place."""

import math
import numbers
import operator
import sys
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_DIM",
    "MAX_SEED",
    "as_batch",
    "as_eps",
    "as_index",
    "as_matrix",
    "as_method",
    "as_rtol",
    "type_name",
]

MAX_DIM = 2**31 - 1  # LAPACK's integers
MAX_SEED = 2**64 - 1
_ACCEPTED = "float16, bfloat16 (of ml_dtypes), float32 or float64 in native byte order"
_NATIVE = frozenset(map(np.dtype, (np.float16, np.float32, np.float64)))


def as_matrix(z: object, name: str = "Z") -> NDArray[Any]:
    """Check that an object is a matrix which the compiled core can read where it lies.

    Parameters
    ----------
    z : numpy.ndarray
        Shape (N, K) with N, K >= 1; float16, bfloat16, float32 or float64; any strides.
        Subclasses such as ``numpy.memmap`` are taken as plain arrays.
    name : str
        What the error messages call it.

    Returns
    -------
    numpy.ndarray
        The same memory as a plain ``numpy.ndarray``. The entries are not looked at: the core
        finds NaN and infinity while it reads.

    Raises
    ------
    TypeError
        If `z` is no NumPy array, is a masked array, or has another dtype.
    ValueError
        If `z` is not 2-D or has no entries.
    """
    if not isinstance(z, np.ndarray):
        raise TypeError(
            f"{name} must be a numpy.ndarray of shape (N, K), not {type_name(z)}; "
            f"numpy.asarray(...) converts what NumPy understands"
        )
    _require_entries(z, name)
    if z.ndim != 2:  # noqa: PLR2004
        raise ValueError(
            f"{name} must be 2-D, a row per embedding; it is {z.ndim}-D with shape {z.shape}"
        )
    if z.size == 0:
        raise ValueError(
            f"{name} is empty: it has shape {z.shape}, and at least one row and one column are "
            f"needed"
        )
    return np.asarray(z)


def as_batch(zs: object, name: str = "Zs") -> NDArray[Any] | Sequence[Any]:
    """Check that an object is a batch of matrices.

    Parameters
    ----------
    zs : numpy.ndarray or sequence
        Shape (B, N, K) with B, N, K >= 1, as `as_matrix` takes it otherwise; or a sequence that is
        not empty.
    name : str
        What the error messages call it.

    Returns
    -------
    numpy.ndarray or sequence
        The same memory as a plain ``numpy.ndarray``; or the sequence itself, whose items were not
        looked at: the core does that, with `as_matrix` for those that are not plain.

    Raises
    ------
    TypeError
        If `zs` is neither, or is an array of another dtype or a masked one.
    ValueError
        If it is an array that is not 3-D, or is empty.
    """
    wanted = "a numpy.ndarray of shape (B, N, K) or a list of arrays of shapes (N_i, K_i)"
    if isinstance(zs, np.ndarray):
        _require_entries(zs, name)
        if zs.ndim != 3:  # noqa: PLR2004
            hint = "; rankme.score takes one matrix" if zs.ndim == 2 else ""  # noqa: PLR2004
            raise ValueError(
                f"{name} must be {wanted}; it is {zs.ndim}-D with shape {zs.shape}{hint}"
            )
        if zs.size == 0:
            raise ValueError(
                f"{name} is empty: it has shape {zs.shape}, and at least one matrix with a row and "
                f"a column is needed"
            )
        return np.asarray(zs)
    if not isinstance(zs, Sequence) or isinstance(zs, str | bytes | bytearray | memoryview):
        raise TypeError(f"{name} must be {wanted}, not {type_name(zs)}")
    if not zs:
        raise ValueError(f"{name} is empty: at least one matrix is needed")
    return zs


def as_eps(eps: object) -> float:
    """Check `eps` of RankMe: a real number from 0 to 1.

    Parameters
    ----------
    eps : float
        What is added to each normalised singular value.

    Returns
    -------
    float
        The same number.

    Raises
    ------
    TypeError
        If `eps` is no real number.
    ValueError
        If `eps` is outside 0 to 1, or NaN.
    """
    if not isinstance(eps, numbers.Real):
        raise TypeError(f"eps must be a real number, not {type_name(eps)}")
    try:
        value = float(eps)
    except OverflowError:  # an integer beyond float64
        value = math.inf
    if not 0 <= value <= 1:
        raise ValueError(f"eps must be from 0 to 1, not {value}")
    return value


def as_index(value: SupportsIndex, name: str, low: int, high: int | None = None) -> int:
    """Check that a value is an integer in a range.

    Parameters
    ----------
    value : int
        Or anything with ``__index__``.
    name : str
        What the error message calls it.
    low, high : int
        The least and the greatest that is accepted; without `high`, any from `low` on.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is none.
    ValueError
        If it is outside the range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type_name(value)}") from None
    if high is None and number < low:
        raise ValueError(f"{name} must be {low} or more, not {number}")
    if high is not None and not low <= number <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {number}")
    return number


def as_method(method: object, known: tuple[str, ...]) -> None:
    """Check the name of a method.

    Parameters
    ----------
    method : str
    known : tuple of str
        The accepted ones.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if method not in known:
        names = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
        raise ValueError(f"method must be {names}, not {method!r}")


def as_rtol(rtol: float) -> float:
    """Check `rtol` of ``method="auto"``: a finite number, 0 or more.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not 0 <= rtol < math.inf:
        raise ValueError(f"rtol must be finite and 0 or more, not {rtol!r}")
    return rtol


def _require_entries(array: NDArray[Any], name: str) -> None:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost; "
            f"drop or fill the masked entries and pass a plain numpy.ndarray"
        )
    if not _is_accepted(array.dtype):
        raise TypeError(f"{name} has dtype {_dtype_name(array.dtype)}; accepted are {_ACCEPTED}")


def _is_accepted(dtype: np.dtype[Any]) -> bool:
    if dtype.isnative and dtype in _NATIVE:
        return True
    # An array of bfloat16 exists only where ml_dtypes was imported, so rankme need not import it.
    ml_dtypes = sys.modules.get("ml_dtypes")
    return ml_dtypes is not None and dtype == np.dtype(ml_dtypes.bfloat16)


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.isnative else f"{dtype.name} in foreign byte order ({dtype.str})"


def type_name(value: object) -> str:
    """Name the type of a value, with its module unless that is Python's own."""
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
