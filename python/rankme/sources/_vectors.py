"""Columns of vectors in Arrow's terms: which there are, and their rows as a matrix without a copy.

A vector is a fixed-size list, a list, a large list, a 1-D fixed-shape tensor, or fixed-size binary,
which is taken for little-endian float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.optional import require
from rankme.sources._checks import pick
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["VectorColumn", "find_column", "pyarrow"]


def pyarrow(name: str, extra: str, module: str = "pyarrow") -> Any:
    """Import PyArrow or one of its modules for a file."""
    return require(module, extra=extra, what=name)


def _candidates(schema: Any) -> dict[str, bool]:
    """Name the columns of a schema, and whether each could be meant where none is named."""
    # Fixed-size binary could, where no column has floating-point numbers: an id or a hash is of
    # that type too. So could, beside it, what may be vectors of a kind that is not read.
    pa = pyarrow("a column of vectors", "arrow")
    fits = {field.name: _value_dtype(field.type) is not None for field in schema}
    numbers = {
        field.name: fits[field.name] and not pa.types.is_fixed_size_binary(field.type)
        for field in schema
    }
    if any(numbers.values()) or not any(fits.values()):
        return numbers
    return {field.name: fits[field.name] or _may_be_vectors(field.type) for field in schema}


def _may_be_vectors(kind: Any) -> bool:
    """Whether a type could be one of vectors that is not read."""
    types = pyarrow("a column of vectors", "arrow").types
    if types.is_binary(kind) or types.is_large_binary(kind):
        return True
    kind = getattr(kind, "storage_type", kind)
    value = getattr(kind, "value_type", None) if types.is_nested(kind) else None
    return value is not None and (types.is_integer(value) or types.is_nested(value))


def find_column(name: str, schema: Any, column: str | None) -> str:
    """Choose a column of vectors: the one asked for, or the only one that could be meant."""
    found = pick(name, column, _candidates(schema), "column")
    count = len(schema.get_all_field_indices(found))
    if count > 1:
        raise BadDataError(name, f"has {count} columns of the name {found!r}; wanted one")
    return found


def _storage_type(kind: Any) -> Any:
    """Return what an extension type is read as; None where that is no vector, as of a UUID."""
    if not hasattr(kind, "storage_type"):
        return kind
    # A tensor is a list, and its type tells the shape.
    return kind.storage_type if len(getattr(kind, "shape", ())) == 1 else None


def _value_dtype(kind: Any) -> np.dtype[Any] | None:
    """Return the dtype of the entries of a vector type; None for other types."""
    pa = pyarrow("a column of vectors", "arrow")
    kind = _storage_type(kind)
    if kind is None:
        return None
    types = pa.types
    if types.is_fixed_size_binary(kind) and kind.byte_width % 4 == 0 and kind.byte_width > 0:
        return np.dtype("<f4")
    if not (types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)):
        return None
    if types.is_floating(kind.value_type):
        dtype: np.dtype[Any] = np.dtype(kind.value_type.to_pandas_dtype())
        return dtype
    return None


class VectorColumn:
    """A column of vectors of one length.

    Parameters
    ----------
    name
        The file, for errors.
    field
        Of the schema.
    n_cols
        The length of a row; None where the type does not tell it.

    Attributes
    ----------
    dtype : numpy.dtype
    n_cols : int or None

    Raises
    ------
    BadDataError
        The column holds no vectors, or its type says another length.
    """

    def __init__(self, name: str, field: Any, n_cols: int | None = None) -> None:
        self._name = name
        self._pa = pyarrow(name, "arrow")
        self._label = field.name
        dtype = _value_dtype(field.type)
        if dtype is None:
            raise BadDataError(
                name,
                f"column {field.name!r} is of type {field.type}; wanted lists or 1-D tensors of "
                f"float16, float32 or float64, or fixed-size binary",
            )
        kind = _storage_type(field.type)
        self.dtype = dtype
        self._is_binary = self._pa.types.is_fixed_size_binary(kind)
        self._is_fixed = self._pa.types.is_fixed_size_list(kind)
        told = n_cols
        if self._is_binary:
            told = kind.byte_width // dtype.itemsize
        elif self._is_fixed:
            told = kind.list_size
        if n_cols not in (None, told):
            raise BadDataError(name, f"column {field.name!r} has width {told}; wanted {n_cols}")
        self.n_cols = told

    def learn_width(self, array: Any) -> int:
        """Take the length of the first row for that of all, where the type does not tell it."""
        if self.n_cols is None:
            first = array[0]
            if not first.is_valid:
                raise BadDataError(self._name, f"column {self._label!r}, row 0 is null")
            self.n_cols = len(first)
        return self.n_cols

    def values(self, array: Any, where: Callable[[int], str], *, nulls: bool = False) -> Any:
        """Return the entries of all rows as one Arrow array, and check that none is missing.

        Parameters
        ----------
        array
            A chunk of the column, with any offset.
        where
            Says where a row of the chunk stands.

        Raises
        ------
        BadDataError
            A null row, a row of another length, a null entry.
        """
        array = getattr(array, "storage", array)
        array.validate()
        if array.null_count:
            row = _first_null(array)
            raise BadDataError(self._name, f"{where(row)} is null in column {self._label!r}")
        width = self.learn_width(array)
        if self._is_binary:
            raw = self._pa.py_buffer(b"") if array.buffers()[1] is None else array.buffers()[1]
            kind = self._pa.float32()
            return self._pa.Array.from_buffers(
                kind, len(array) * width, [None, raw], offset=array.offset * width
            )
        if self._is_fixed:
            # `values` knows nothing of the offset of the lists, and `flatten` drops null rows.
            values = array.values.slice(array.offset * width, len(array) * width)
        else:
            offsets = array.offsets.to_numpy()
            self._check_lengths(np.diff(offsets), width, where)
            values = array.values.slice(max(0, int(offsets[0])), len(array) * width)
        if len(values) != len(array) * width:
            raise BadDataError(
                self._name,
                f"{where(0)} and its next have {len(values)} entries in column "
                f"{self._label!r}; wanted {len(array)} times {width}",
            )
        if values.null_count and not nulls:
            row, column = divmod(_first_null(values), width)
            raise BadDataError(
                self._name, f"{where(row)}, entry {column} is null in column {self._label!r}"
            )
        return values

    def matrix(self, array: Any, where: Callable[[int], str]) -> NDArray[Any]:
        """Return the rows of a chunk as a read-only matrix over the memory of Arrow."""
        values = self.values(array, where)
        rows: NDArray[Any] = values.to_numpy(zero_copy_only=True)
        return rows.reshape(len(array), self.learn_width(array))

    def matrix_with_nan(self, array: Any, where: Callable[[int], str]) -> NDArray[Any]:
        """Return the rows of a chunk as a matrix in which what is null is NaN: a copy."""
        rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        width = self.n_cols if self.n_cols is not None or not rows.size else len(array[rows[0]])
        filled = np.full((len(array), width or 0), np.nan, dtype=self.dtype)
        if rows.size:
            there = self.values(array.drop_null(), lambda row: where(int(rows[row])), nulls=True)
            filled[rows] = there.to_numpy(zero_copy_only=False).reshape(rows.size, -1)
        return filled

    def _check_lengths(
        self, lengths: NDArray[Any], width: int, where: Callable[[int], str]
    ) -> None:
        """Refuse a row of another length."""
        wrong = np.flatnonzero(lengths != width)
        if wrong.size:
            row = int(wrong[0])
            raise BadDataError(
                self._name,
                f"{where(row)} has length {lengths[row]} in column {self._label!r}; wanted {width}",
            )


def _first_null(array: Any) -> int:
    """Return the place of the first null."""
    return int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
