"""What a user means by a column of a table: one of its own, one within, or one a dimension."""

from __future__ import annotations

from fnmatch import fnmatchcase
from glob import has_magic
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import pick, policy_advice
from rankme.sources._errors import BadDataError
from rankme.sources._sharded import natural_order
from rankme.sources._vector_types import candidates, numpy_dtype, pyarrow, value_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VectorPath", "find_path"]

PATTERN_ADVICE = "; where each dimension has a column, name them by a pattern: --column 'x_*'"
# What Spark keeps a vector as; of a sparse one only some entries are there.
SPARK = {"type", "size", "indices", "values"}
DENSE = 1


def find_path(
    name: str,
    schema: Any,
    column: str | None,
    told: str | None = None,
    *,
    integers: bool = False,
    advice: str = "",
) -> VectorPath:
    """Choose what holds the vectors, of a file that is opened: a column, a field within, a pattern.

    `find_column` is for what comes in batches, and takes whole columns alone.

    Parameters
    ----------
    name
        The file or table, for errors.
    schema
        A ``pyarrow.Schema``.
    column
        What the user asked for: a column, a field within by its path, as ``vectors.image``, or a
        pattern of the columns of the dimensions.
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
    found = candidates(schema, told, integers=integers)
    if column is not None and column not in found:
        if has_magic(column):
            return VectorPath(name, schema, column)
        if _field_at(schema, column) is not None:
            return VectorPath(name, schema, column)
    if not any(found.values()):
        found |= dict.fromkeys(_inner_vectors(schema, integers=integers), True)
    chosen = pick(name, column, found, "column", _of_bytes(schema) + PATTERN_ADVICE + advice)
    count = len(schema.get_all_field_indices(chosen))
    if count > 1:
        raise BadDataError(name, f"has {count} columns of the name {chosen!r}; wanted one")
    return VectorPath(name, schema, chosen)


def _of_bytes(schema: Any) -> str:
    """Say how the first column of lists of int8 or uint8 is read; nothing where there is none."""
    for field in schema:
        dtype = value_dtype(field.type, True)
        if dtype is not None and dtype.kind in "iu":
            return f"; column {field.name!r} holds lists of {dtype}{policy_advice(dtype.name)}"
    return ""


def _steps(kind: Any) -> Any:
    """Return the type whose fields can be asked for: of a struct, or of a list of structs."""
    types = pyarrow("a column of vectors", "arrow").types
    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    return kind if types.is_struct(kind) else None


def _field_at(schema: Any, path: str) -> Any:
    """Return the field at a path, with the type that its rows have; None where there is none."""
    pa = pyarrow("a column of vectors", "arrow")
    first, *pieces = path.split(".")
    if schema.get_field_index(first) < 0:
        return None
    field = schema.field(first)
    for piece in pieces:
        inner = _steps(field.type)
        if inner is None or inner.get_field_index(piece) < 0:
            return None
        found = inner.field(piece)
        if inner is not field.type:
            of_lists = pa.large_list if pa.types.is_large_list(field.type) else pa.list_
            found = found.with_type(of_lists(found.type))
        field = found
    return field


def _outside_lists(schema: Any, path: str) -> str:
    """Return the part of a path before the fields of structs in lists, which are read together."""
    pieces = path.split(".")
    for count in range(1, len(pieces)):
        above = ".".join(pieces[:count])
        if hasattr(_field_at(schema, above).type, "value_type"):
            return above
    return path


def _inner_vectors(schema: Any, *, integers: bool) -> Iterator[str]:
    """Yield the paths of vectors within structs."""
    paths = list(schema.names)
    while paths:
        path = paths.pop(0)
        field = _field_at(schema, path)
        if field is None:
            continue
        if "." in path and value_dtype(field.type, integers) is not None:
            yield path
        inner = _steps(field.type)
        if inner is not None:
            paths += [f"{path}.{inner.field(number).name}" for number in range(inner.num_fields)]


class VectorPath:
    """A column of vectors, wherever in a table it lies.

    Parameters
    ----------
    name
        The file, for errors.
    schema
        A ``pyarrow.Schema``.
    column
        As `find_path` found it.

    Attributes
    ----------
    column : str
    field : pyarrow.Field
        What `array` gives.
    columns : list of str
        The parts of the table that are read for it; fields within by their path.
    """

    def __init__(self, name: str, schema: Any, column: str) -> None:
        self._name = name
        self._pa = pyarrow(name, "arrow")
        self.column = column
        self._dimensions: list[str] = []
        self._type_at: str | None = None
        self.columns = [column]
        if schema.get_field_index(column) >= 0 or len(schema.get_all_field_indices(column)) > 1:
            self.field = schema.field(column)
            return
        found = _field_at(schema, column)
        if found is not None:
            self.field = found.with_name(column)
            self.columns = [_outside_lists(schema, column)]
            self._find_type(schema)
            return
        self._dimensions = self.columns = self._matching(schema)
        widths = {schema.field(one).type.bit_width for one in self._dimensions}
        kind = {16: self._pa.float16(), 32: self._pa.float32()}.get(max(widths))
        kind = self._pa.float64() if kind is None else kind
        self.field = self._pa.field(column, self._pa.list_(kind, len(self._dimensions)))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The columns of a pattern, one a dimension."""
        return tuple(self._dimensions)

    @property
    def tops(self) -> list[str]:
        """The columns of the table itself that are read."""
        plain = self._dimensions or (self.field is not None and "." not in self.column)
        if plain:
            return self.columns
        return list(dict.fromkeys(one.partition(".")[0] for one in self.columns))

    def _find_type(self, schema: Any) -> None:
        """See whether it is the values of Spark's vectors, which tell how they are kept."""
        above, _, last = self.column.rpartition(".")
        parent = _field_at(schema, above)
        inner = None if parent is None else _steps(parent.type)
        is_spark = inner is not None and {one.name for one in inner} == SPARK
        if last == "values" and is_spark and inner is parent.type:
            self._type_at = f"{above}.type"
            self.columns = [self.column, self._type_at]

    def _matching(self, schema: Any) -> list[str]:
        """List the columns that a pattern names, in natural order."""
        names = [one for one in schema.names if fnmatchcase(one, self.column)]
        if not names:
            shown = ", ".join(map(repr, schema.names[:12]))
            raise BadDataError(self._name, f"has no column like {self.column!r}; it has {shown}")
        for one in names:
            if len(schema.get_all_field_indices(one)) > 1:
                raise BadDataError(self._name, f"has several columns of the name {one!r}")
            if not self._pa.types.is_floating(schema.field(one).type):
                raise BadDataError(
                    self._name,
                    f"column {one!r}, which {self.column!r} names, is of type "
                    f"{schema.field(one).type}; wanted floating-point numbers, one a dimension",
                )
        return sorted(names, key=natural_order)

    def array(self, batch: Any, first: int = 0) -> Any:
        """Return the vectors of a record batch.

        Parameters
        ----------
        batch
            With `columns`, and perhaps others.
        first
            The number of its first row in the file, for errors.

        Raises
        ------
        BadDataError
            A row is a sparse vector of Spark.
        """
        if self._dimensions:
            return self._stacked(batch)
        if batch.schema.get_field_index(self.column) >= 0:
            return batch.column(self.column)
        if self._type_at is not None:
            kinds = self._at(batch, self._type_at).to_numpy(zero_copy_only=False)
            sparse = np.flatnonzero((kinds != DENSE) & ~np.isnan(kinds.astype(float)))
            if sparse.size:
                raise BadDataError(
                    self._name,
                    f"row {first + int(sparse[0])} of the file is a sparse vector of Spark in "
                    f"column {self.column!r}, of which the zeros are not there; save "
                    f"pyspark.ml.functions.vector_to_array(column)",
                )
        return self._at(batch, self.column)

    def _at(self, batch: Any, path: str) -> Any:
        """Return what is at a path; null where a struct on the way is."""
        compute = pyarrow(self._name, "arrow", "pyarrow.compute")
        first, *pieces = path.split(".")
        found = batch.column(first)
        for piece in pieces:
            if hasattr(found.type, "value_type"):  # of a list, whose structs have the field
                offsets = self._pa.array(found.offsets.to_numpy().copy())
                values = compute.struct_field(found.values, piece)
                lists = type(found)
                missing = found.is_null() if found.null_count else None
                found = lists.from_arrays(offsets, values, mask=missing)
            else:
                found = compute.struct_field(found, piece)
        return found

    def _stacked(self, batch: Any) -> Any:
        """Return the columns of the dimensions as lists."""
        width = len(self._dimensions)
        kind = self.field.type.value_type
        rows = np.empty((batch.num_rows, width), numpy_dtype(kind))
        missing = np.zeros(rows.shape, bool) if batch.num_rows else None
        for number, one in enumerate(self._dimensions):
            values = batch.column(one)
            rows[:, number] = values.to_numpy(zero_copy_only=False)
            if missing is not None and values.null_count:
                missing[:, number] = values.is_null().to_numpy(zero_copy_only=False)
        mask = missing.ravel() if missing is not None and missing.any() else None
        flat = self._pa.array(rows.ravel(), kind, mask=mask)
        return self._pa.FixedSizeListArray.from_arrays(flat, width)
