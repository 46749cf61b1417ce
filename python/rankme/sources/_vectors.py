"""Columns of vectors in Arrow's terms: which there are, and their rows as a matrix without a copy.

A vector is a fixed-size list, a list, a large list, a 1-D fixed-shape tensor, or binary of one
length, of which somebody has to tell what its bytes are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import policy_advice
from rankme.sources._errors import AmbiguousDataError, BadDataError
from rankme.sources._reading import BYTES, PLAIN, Reading
from rankme.sources._told import LOOKED_AT, as_told, check_told, stored_dtype, ways_to_tell
from rankme.sources._vector_types import is_bytes, is_sized, pyarrow, storage_type, value_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

__all__ = ["VectorColumn"]


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
    told
        The dtype that bytes have, if the user told one.
    reading
        What the user told besides; of rows of bytes the integers, and that they are bytes.
    way_out
        How to tell that, for the error, where the column is in no file.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the rows of `matrix`.
    n_cols : int or None
    told : str or None
        What the bytes of a binary column are, or the integers of lists; None of any other.
    is_stored : bool
        Whether the entries lie in the file as entries of `dtype`.

    Raises
    ------
    BadDataError
        The column holds no vectors, or bytes and nobody told of what; or its type says another
        length.
    """

    def __init__(
        self,
        name: str,
        field: Any,
        n_cols: int | None = None,
        *,
        told: str | None = None,
        reading: Reading = PLAIN,
        way_out: str | None = None,
    ) -> None:
        self._name = name
        self._pa = pyarrow(name, "arrow")
        self._label = field.name
        self._is_binary = is_bytes(field.type)
        self.told = None
        if self._is_binary:
            self.told = self._told(field, told, way_out, reading)
            dtype: np.dtype[Any] | None = stored_dtype(name, self.told)
        else:
            dtype = value_dtype(field.type, reading.takes_bytes or told in BYTES)
            if dtype is not None and dtype.kind in "iu":
                self.told = dtype.name
        if dtype is None:
            value = str(getattr(storage_type(field.type), "value_type", ""))
            raise BadDataError(
                name,
                f"column {field.name!r} is of type {field.type}; wanted lists or 1-D tensors of "
                f"float16, float32 or float64, or binary{policy_advice(value)}",
            )
        kind = storage_type(field.type)
        self._stored = dtype
        self.is_stored = dtype.kind not in "iu"
        self.dtype = dtype if self.is_stored else np.dtype(np.float16)
        self._is_fixed = self._pa.types.is_fixed_size_list(kind)
        width = n_cols
        if self._pa.types.is_fixed_size_binary(kind):
            width = self._width_of(kind.byte_width, "each row")
        elif self._is_fixed:
            width = kind.list_size
        if n_cols not in (None, width):
            raise BadDataError(name, f"column {field.name!r} has width {width}; wanted {n_cols}")
        self.n_cols = width

    def _told(self, field: Any, told: str | None, way_out: str | None, reading: Reading) -> str:
        """Return what the bytes are, by the user or the metadata of the field."""
        found = told or as_told((field.metadata or {}).get(b"dtype", b"").decode() or None)
        if found is None:
            reading.require_bytes(f"{self._name}: column {field.name!r}")
            width = getattr(field.type, "byte_width", None) if is_sized(field.type) else None
            raise AmbiguousDataError(
                self._name,
                f"column {field.name!r} holds bytes ({field.type}), which may be numbers of "
                f"several types; {way_out or ways_to_tell(width)}",
            )
        return found

    def _width_of(self, n_bytes: int, where: str) -> int:
        """Return how many entries a row of some bytes has."""
        width, rest = divmod(n_bytes, self._stored.itemsize)
        if rest or not width:
            raise BadDataError(
                self._name,
                f"{where} has {n_bytes} bytes in column {self._label!r}, which are no row of "
                f"{self.told}; {ways_to_tell(n_bytes or None)}",
            )
        return width

    def learn_width(self, array: Any) -> int:
        """Take the length of the first row for that of all, where the type does not tell it."""
        if self.n_cols is None:
            row = next((i for i, one in enumerate(array) if one.is_valid), None)
            if row is None:
                raise BadDataError(
                    self._name, f"column {self._label!r} has only rows that are null"
                )
            size = len(array[row].as_py()) if self._is_binary else len(array[row])
            self.n_cols = self._width_of(size, f"row {row}") if self._is_binary else size
        return self.n_cols

    def look(self, chunks: Iterable[Any]) -> None:
        """Learn the width from the first row there is, and see whether bytes are such numbers.

        Parameters
        ----------
        chunks
            Of the column, from its first row on; no more of them are taken than have to be.
        """
        array = None
        for array in chunks:
            if array.null_count < len(array):
                break
        if array is None:
            return
        self.learn_width(array)
        if self.told is None or not self._is_binary:
            return
        array = array.slice(0, LOOKED_AT)
        try:
            rows = self.matrix(array, str)
        except BadDataError:
            return  # told with its place when it is read
        check_told(self._name, self._label, rows, self.told)

    def entries(
        self, array: Any, where: Callable[[int], str], *, nulls: bool = False
    ) -> NDArray[Any]:
        """Return the entries of all rows, 1-D over the memory of Arrow; none may be missing.

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
            return self._bytes(array, width, where)
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
        # What is null becomes NaN, in a copy.
        found: NDArray[Any] = values.to_numpy(zero_copy_only=not nulls)
        return found

    def has_nulls(self, array: Any) -> bool:
        """Whether a row of a chunk, or an entry in or near it, is null."""
        array = getattr(array, "storage", array)
        array.validate()
        return bool(array.null_count or (not self._is_binary and array.values.null_count))

    def matrix(self, array: Any, where: Callable[[int], str]) -> NDArray[Any]:
        """Return the rows of a chunk as a matrix over the memory of Arrow; integers are copied."""
        rows = self.entries(array, where).reshape(len(array), self.learn_width(array))
        return rows if self.is_stored else rows.astype(self.dtype)

    def _bytes(self, array: Any, width: int, where: Callable[[int], str]) -> NDArray[Any]:
        """Return the entries of binary rows."""
        row_bytes = width * self._stored.itemsize
        kind = array.type
        if self._pa.types.is_fixed_size_binary(kind):
            first = array.offset * row_bytes
        else:
            code = np.int64 if self._pa.types.is_large_binary(kind) else np.int32
            offsets = np.frombuffer(array.buffers()[1], code)[array.offset :][: len(array) + 1]
            self._check_lengths(np.diff(offsets), row_bytes, where, "bytes")
            first = int(offsets[0])
        raw = array.buffers()[-1]
        if raw is None or first < 0 or raw.size < first + len(array) * row_bytes:
            raise BadDataError(self._name, f"{where(0)} and its next have fewer bytes than told")
        return np.frombuffer(raw, self._stored, len(array) * width, first)

    def matrix_with_nan(self, array: Any, where: Callable[[int], str]) -> NDArray[Any]:
        """Return the rows of a chunk as a matrix in which what is null is NaN: a copy."""
        rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        width = self.n_cols if self.n_cols is not None or not rows.size else len(array[rows[0]])
        filled = np.full((len(array), width or 0), np.nan, dtype=self.dtype)
        if rows.size:
            there = self.entries(array.drop_null(), lambda row: where(int(rows[row])), nulls=True)
            filled[rows] = there.reshape(rows.size, -1)
        return filled

    def _check_lengths(
        self, lengths: NDArray[Any], width: int, where: Callable[[int], str], noun: str = "entries"
    ) -> None:
        """Refuse a row of another length."""
        wrong = np.flatnonzero(lengths != width)
        if wrong.size:
            row = int(wrong[0])
            came = f"length {lengths[row]}" if noun == "entries" else f"{lengths[row]} {noun}"
            raise BadDataError(
                self._name,
                f"{where(row)} has {came} in column {self._label!r}; wanted {width}",
            )


def _first_null(array: Any) -> int:
    """Return the place of the first null."""
    return int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
