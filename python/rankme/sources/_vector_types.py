"""Which columns of a table are vectors, by their types in Arrow's terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from rankme._base.optional import require
from rankme.sources._checks import pick
from rankme.sources._errors import BadDataError
from rankme.sources._reading import BYTES

__all__ = [
    "candidates",
    "find_column",
    "is_bytes",
    "is_sized",
    "numpy_dtype",
    "pyarrow",
    "storage_type",
    "value_dtype",
]

_NUMPY = {"halffloat": "f2", "float": "f4", "double": "f8"}  # by Arrow's names


def pyarrow(name: str, extra: str, module: str = "pyarrow") -> Any:
    """Import PyArrow or one of its modules for a file."""
    return require(module, extra=extra, what=name)


def candidates(schema: Any, told: str | None, *, integers: bool) -> dict[str, bool]:
    """Name the columns of a schema, and whether each could be meant where none is named."""
    # Binary could, where no column has floating-point numbers or a type of bytes is told: an id or
    # a hash is of that type too. So could, beside it, what may be vectors of a kind that is not
    # read.
    numbers = {field.name: value_dtype(field.type, integers) is not None for field in schema}
    binary = {field.name: is_bytes(field.type) for field in schema}
    if not any(binary.values()) or (any(numbers.values()) and told is None):
        return numbers
    if told is not None:
        return binary
    return {field.name: binary[field.name] or _may_be_vectors(field.type) for field in schema}


def is_bytes(kind: Any) -> bool:
    """Whether a column has bytes in its rows, and no word of what they are."""
    types = pyarrow("a column of vectors", "arrow").types
    if types.is_fixed_size_binary(kind):
        return bool(kind.byte_width > 0)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _may_be_vectors(kind: Any) -> bool:
    """Whether a type could be one of vectors that is not read."""
    types = pyarrow("a column of vectors", "arrow").types
    kind = getattr(kind, "storage_type", kind)
    value = getattr(kind, "value_type", None) if types.is_nested(kind) else None
    return value is not None and (types.is_integer(value) or types.is_nested(value))


def find_column(
    name: str,
    schema: Any,
    column: str | None,
    told: str | None = None,
    *,
    integers: bool = False,
    advice: str = "",
) -> str:
    """Choose a column of vectors, of what comes in batches: record batches, rows of a query.

    `find_path` is for files, of which it takes fields within structs and patterns too.

    Parameters
    ----------
    name
        The file or table, for errors.
    schema
        A ``pyarrow.Schema``.
    column
        What the user asked for.
    told
        The dtype that bytes have, if the user told one: then columns of bytes are meant.
    integers
        Whether lists of int8 and uint8 could be meant.
    advice
        What to do where none could be meant.

    Raises
    ------
    BadDataError
        It is not there, or there twice; none could be meant, or several could.
    """
    found = pick(name, column, candidates(schema, told, integers=integers), "column", advice)
    count = len(schema.get_all_field_indices(found))
    if count > 1:
        raise BadDataError(name, f"has {count} columns of the name {found!r}; wanted one")
    return found


def storage_type(kind: Any) -> Any:
    """Return what an extension type is read as; None where that is no vector, as of a UUID."""
    if not hasattr(kind, "storage_type"):
        return kind
    # A tensor is a list, and its type tells the shape.
    return kind.storage_type if len(getattr(kind, "shape", ())) == 1 else None


def value_dtype(kind: Any, integers: bool) -> np.dtype[Any] | None:
    """Return the dtype of the entries of a vector type; None for other types."""
    pa = pyarrow("a column of vectors", "arrow")
    kind = storage_type(kind)
    if kind is None:
        return None
    types = pa.types
    if not (types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)):
        return None
    if types.is_floating(kind.value_type) or (integers and str(kind.value_type) in BYTES):
        return numpy_dtype(kind.value_type)
    return None


def numpy_dtype(kind: Any) -> np.dtype[Any]:
    """Return NumPy's name of a type of numbers; to_pandas_dtype of old PyArrow asks for pandas."""
    name = str(kind)
    return np.dtype(_NUMPY.get(name, name))


def is_sized(kind: Any) -> bool:
    """Whether a type tells how many bytes a row has."""
    return bool(pyarrow("a column of vectors", "arrow").types.is_fixed_size_binary(kind))
