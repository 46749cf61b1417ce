"""Whether an array is a set of embeddings, told from its type and shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.dtypes import dtype_advice
from rankme._base.optional import require
from rankme._base.shapes import shape_advice
from rankme.sources._errors import BadDataError, NoRowsError, SeveralDataError
from rankme.sources._reading import BYTES, PLAIN, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "bfloat16",
    "check_dtype",
    "check_shape",
    "check_table_shape",
    "in_python",
    "is_matrix",
    "pick",
    "policy_advice",
]

ACCEPTED = "float16, float32 or float64"
MATRIX_NDIM = 2
FLOAT8_ADVICE = "; pass Z.float(), times the scale if there is one"


def bfloat16(name: str) -> np.dtype[Any]:
    """Return the dtype of bfloat16, which NumPy gets from ml_dtypes."""
    ml_dtypes = require("ml_dtypes", extra="bfloat16", what=f"{name}: bfloat16")
    dtype: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return dtype


def check_dtype(name: str, dtype: np.dtype[Any], reading: Reading = PLAIN) -> None:
    """Raise a BadDataError unless entries of a type can be read as the user told."""
    if dtype.kind == "f" and dtype.itemsize in (2, 4, 8) and dtype.isnative:
        return
    if dtype.name == "bfloat16" or reading.takes(dtype.name):
        return
    came = f"dtype {dtype}"
    if dtype.hasobject:
        came = "an array of Python objects (pickled, never loaded)"
    elif dtype.kind == "f" and not dtype.isnative:
        came = f"dtype {dtype.newbyteorder('=')} in foreign byte order ({dtype.str})"
    elif dtype == np.dtype("V2"):
        came = (
            "dtype '|V2', the name of the type is lost (np.save writes bfloat16 so; "
            "convert to float32 before saving; in Python, Z being its array: "
            "Z.view(ml_dtypes.bfloat16))"
        )
    advice = policy_advice(dtype.name)
    advice += in_python(dtype_advice(came if dtype.kind == "f" else dtype.name, "Z"))
    raise BadDataError(name, f"{came}; wanted {ACCEPTED}{advice}")


def policy_advice(dtype: str) -> str:
    """Name the options by which integers of a type are read, or nothing."""
    if dtype not in BYTES:
        return ""
    return (
        "; read as numbers by --integers, integers=True, and as packed bits by --unpack-bits, "
        "unpack_bits=True"
    )


def in_python(advice: str, what: str = "its array") -> str:
    """Say what Z is in an advice, which may be empty."""
    return advice.replace("; ", f"; in Python, Z being {what}: ", 1)


def check_shape(name: str, shape: Sequence[int]) -> tuple[int, int]:
    """Return (N, K), or raise a BadDataError where a shape is not that of a set of embeddings."""
    shape = tuple(shape)
    if len(shape) != MATRIX_NDIM:
        raise BadDataError(
            name,
            f"an array of {len(shape)} dimensions, shape {shape}; wanted 2: a row per embedding"
            + in_python(shape_advice(shape, "Z"), "the array"),
        )
    if min(shape) < 0 or math.prod(shape) > np.iinfo(np.int64).max:
        raise BadDataError(name, f"impossible shape {shape}")
    if shape[0] == 0 and shape[1] > 0:
        raise NoRowsError(name, f"empty, shape {shape}; wanted at least one row")
    if math.prod(shape) == 0:
        raise BadDataError(name, f"empty, shape {shape}; wanted at least one row and one column")
    return shape[0], shape[1]


def check_table_shape(name: str, n_rows: int, n_cols: int) -> None:
    """Raise as `check_shape`, and a NoRowsError where a table is whole and empty."""
    if n_rows == 0:
        raise NoRowsError(name, f"empty, shape {(0, n_cols)}; wanted at least one row")
    check_shape(name, (n_rows, n_cols))


def is_matrix(shape: Sequence[int], kind: str) -> bool:
    """Whether an array of a file may be the embeddings: two dimensions, of kind ``f``."""
    return len(shape) == MATRIX_NDIM and kind == "f"


def pick(
    name: str, column: str | None, found: Mapping[str, bool], noun: str, advice: str = ""
) -> str:
    """Choose one of the things that a file holds.

    Parameters
    ----------
    name
        The file.
    column
        What the user asked for.
    found
        Every thing in the file, and whether it could be a set of embeddings.
    noun
        What the things are, in the singular.
    advice
        What to do where none could be meant.

    Returns
    -------
    str
        The one asked for, or the one that could be meant.

    Raises
    ------
    BadDataError
        It is not there, none could be meant, or several could.
    """
    candidates = [key for key, fits in found.items() if fits]
    if column is not None:
        if column in found:
            return column
        raise BadDataError(
            name, f"has no {noun} {column!r}; it has {_listed(candidates or list(found))}"
        )
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise SeveralDataError(
            name,
            f"holds {len(candidates)} that may be meant: {_listed(candidates)}; name one: "
            f"open_source(..., column=...), --column; or take each: --each",
            tuple(candidates),
            tuple(key for key, fits in found.items() if not fits),
        )
    if len(found) == 1 and noun != "column":
        return next(iter(found))  # what is wrong with it is said by who opens it
    raise BadDataError(
        name, f"holds no {noun} of floating-point vectors; it has {_listed(list(found))}{advice}"
    )


MOST_LISTED = 12


def _listed(keys: Sequence[str]) -> str:
    """Write out the names of things, the first of them where there are many."""
    if not keys:
        return "none"
    shown = ", ".join(map(repr, keys[:MOST_LISTED]))
    rest = len(keys) - MOST_LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown
