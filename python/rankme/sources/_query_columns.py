"""Which column of a query's result holds the vectors, and how its rows become a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme.sources._checks import pick
from rankme.sources._errors import BadDataError
from rankme.sources._table_choice import ARROW, Columns, check_coordinates
from rankme.sources._text import TextColumn, kind_of_text
from rankme.sources._told import LOOKED_AT
from rankme.sources._vector_types import find_column, pyarrow
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["QueryColumns", "chosen_columns"]

# How pgvector sends a row: the length and nothing in 16 bits each, then the numbers; big-endian.
PGVECTOR = {"vector": ">f4", "halfvec": ">f2"}
HEADER = 4
TYPE_NAME = b"ADBC:postgresql:typname"
TEXTS = ("json", "base64")
WANTED = (
    "lists of floating-point numbers, as real[] and FLOAT[] are, vector or halfvec of pgvector, "
    "bytes, or text such as '[0.1, 0.2]'"
)


class QueryColumns(NamedTuple):
    """What of a result is read, and how.

    Attributes
    ----------
    labels : tuple of str
        The column of vectors, or one for each dimension.
    kind : str
        ``"lists"`` of Arrow, bytes among them; ``"json"``, ``"base64"``, ``"vector"``,
        ``"halfvec"``; or ``"numbers"``, a column for each dimension.
    """

    labels: tuple[str, ...]
    kind: str

    @property
    def label(self) -> str:
        """What the errors call it."""
        return self.labels[0] if self.kind != "numbers" else "*"

    def reader(self, name: str, schema: Any, width: int | None, told: str | None) -> Any:
        """Return what makes matrices of record batches, with ``matrix``, ``dtype`` and ``told``.

        Parameters
        ----------
        name
            The database, for errors.
        schema
            Of the batches.
        width
            The length of a row, or None to take that of the first.
        told
            What bytes are.
        """
        if self.kind == "numbers":
            return _Numbers(name, self.labels)
        if self.kind in PGVECTOR:
            return _PgVectors(name, self.label, self.kind, width)
        if self.kind in TEXTS:
            return _Texts(TextColumn(name, self.label, self.kind, width, told), self.label)
        try:
            vectors = VectorColumn(name, schema.field(self.label), width, told=told)
        except BadDataError as error:
            if "wanted lists" not in error.problem:
                raise
            kind = _type_of(schema.field(self.label))
            raise BadDataError(
                name,
                f"column {self.label!r} is of type {kind}; wanted {WANTED}; cast it in the query, "
                f"such as {self.label}::real[]",
            ) from None
        return _Lists(vectors, self.label)


class _Lists:
    """Lists, and bytes."""

    def __init__(self, vectors: VectorColumn, label: str) -> None:
        self._vectors = vectors
        self._label = label
        self.told = vectors.told
        self.dtype = vectors.dtype

    def look(self, batch: Any, where: Callable[[int], str]) -> int:
        """Return the width, and see whether bytes hold such numbers."""
        array = batch.column(self._label).slice(0, LOOKED_AT)
        if self.told is not None:
            self._vectors.look([array])
        first = array.drop_null().slice(0, 1)
        return int(self._vectors.matrix(first, where).shape[1])

    def matrix(self, batch: Any, where: Callable[[int], str], *, nulls: bool) -> NDArray[Any]:
        """Return the rows of a batch."""
        read = self._vectors.matrix_with_nan if nulls else self._vectors.matrix
        return read(batch.column(self._label), where)


class _Texts:
    """Text of lists, and base64."""

    def __init__(self, column: TextColumn, label: str) -> None:
        self._column = column
        self._label = label
        self.told = column.told
        self.dtype = column.dtype

    def look(self, batch: Any, where: Callable[[int], str]) -> int:
        """Return the width, and see whether base64 holds such numbers."""
        some = _storage(batch.column(self._label)).drop_null()
        self._column.look(some.slice(0, LOOKED_AT if self.told is not None else 1), where)
        return self._column.n_cols or 0

    def matrix(self, batch: Any, where: Callable[[int], str], *, nulls: bool) -> NDArray[Any]:
        """Return the rows of a batch."""
        return self._column.matrix(_storage(batch.column(self._label)), where, nulls=nulls)


class _PgVectors:
    """The rows of a column of pgvector, as the database sends them."""

    told = None

    def __init__(self, name: str, label: str, kind: str, width: int | None) -> None:
        self._name = name
        self._label = label
        self._stored = np.dtype(PGVECTOR[kind])
        self._width = width
        self.dtype: np.dtype[Any] = self._stored.newbyteorder("=")

    def look(self, batch: Any, where: Callable[[int], str]) -> int:
        """Return the width, of the first row that is there."""
        return int(self.matrix(batch.slice(0, 1), where, nulls=True).shape[1])

    def matrix(self, batch: Any, where: Callable[[int], str], *, nulls: bool) -> NDArray[Any]:
        """Return the rows of a batch, of the machine's byte order."""
        array = _storage(batch.column(self._label))
        there = array.is_valid().to_numpy(zero_copy_only=False)
        if not nulls and not there.all():
            row = int(there.argmin())
            raise BadDataError(self._name, f"{where(row)} is null in column {self._label!r}")
        rows = np.flatnonzero(there)
        some = array.drop_null()
        ends = np.frombuffer(some.buffers()[1], np.int32)[some.offset :][: len(some) + 1]
        lengths = (np.diff(ends) - HEADER) // self._stored.itemsize
        if self._width is None:
            self._width = int(lengths[0])
        wrong = np.flatnonzero(lengths != self._width)
        if wrong.size:
            raise BadDataError(
                self._name,
                f"{where(int(rows[wrong[0]]))} has length {lengths[wrong[0]]} in column "
                f"{self._label!r}; wanted {self._width}",
            )
        size = HEADER + self._width * self._stored.itemsize
        found = np.full((len(array), self._width), np.nan, self.dtype)
        if len(rows):
            raw = np.frombuffer(some.buffers()[2], np.uint8, len(some) * size, int(ends[0]))
            packed = raw.reshape(-1, size)[:, HEADER:]
            found[rows] = np.ascontiguousarray(packed).view(self._stored)
        return found


class _Numbers:
    """A column for each dimension."""

    told = None

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self._name = name
        self._labels = labels
        self.dtype: np.dtype[Any] = np.dtype(np.float64)

    def look(self, batch: Any, where: Callable[[int], str]) -> int:
        """Return the width; columns that look like ids are refused."""
        matrix = self.matrix(batch, where, nulls=True)
        types = {field.name: str(field.type) for field in batch.schema}
        columns = Columns(list(self._labels), [], list(self._labels), types, ARROW)
        try:
            check_coordinates(columns, matrix, "the result")
        except TypeError as error:
            reason = str(error).partition("; without them")[0]
            raise BadDataError(self._name, f"{reason}; select the dimensions alone") from None
        return len(self._labels)

    def matrix(self, batch: Any, where: Callable[[int], str], *, nulls: bool) -> NDArray[Any]:
        """Return the rows of a batch, in float64."""
        found = np.empty((batch.num_rows, len(self._labels)))
        for i, values in enumerate(batch.columns):
            if values.null_count and not nulls:
                row = int(values.is_null().to_numpy(zero_copy_only=False).argmax())
                label = self._labels[i]
                raise BadDataError(self._name, f"{where(row)} is null in column {label!r}")
            found[:, i] = values.to_numpy(zero_copy_only=False)
        return found


def chosen_columns(name: str, batch: Any, column: str | None, told: str | None) -> QueryColumns:
    """Choose the column of vectors by the first rows of a result.

    Parameters
    ----------
    name
        The database, for errors.
    batch
        At least one row.
    column
        What the user asked for.
    told
        The dtype that bytes have, if the user told one: then columns of bytes are meant.

    Raises
    ------
    BadDataError
        It is not there, or there twice; none could be meant, or several could; it begins with nulls
        alone.
    """
    pa = pyarrow(name, "arrow")
    names = list(batch.schema.names)
    kinds = {field.name: _kind_of(field, batch.column(i)) for i, field in enumerate(batch.schema)}
    if column is None and all(pa.types.is_floating(field.type) for field in batch.schema):
        return QueryColumns(tuple(names), "numbers")
    if column is None and len(names) == 1:
        column = names[0]
    if column is not None:
        label = pick(name, column, dict.fromkeys(names, True), "column")
    else:
        label = _only_one(name, batch.schema, kinds, told)
    if names.count(label) > 1:
        raise BadDataError(
            name, f"the result has {names.count(label)} columns {label!r}; rename one by AS"
        )
    values = batch.column(label)
    if values.null_count == len(values):
        raise BadDataError(
            name,
            f"column {label!r} begins with {len(values)} rows that are null; leave them out: WHERE "
            f"{label} IS NOT NULL",
        )
    return QueryColumns((label,), kinds[label] or "lists")


def _only_one(name: str, schema: Any, kinds: Mapping[str, str | None], told: str | None) -> str:
    """Find the one column that can be meant where none is named."""
    special = {label: kind in (*PGVECTOR, "json") for label, kind in kinds.items()}
    if told is not None or not any(special.values()):
        return find_column(
            name, schema, None, told, advice=f"; wanted {WANTED}{_whole_beside(name, schema)}"
        )
    found = {one.name: special[one.name] or _is_list_of_floats(name, one) for one in schema}
    return pick(name, None, found, "column")


def _whole_beside(name: str, schema: Any) -> str:
    """Say what to do where some columns have fractions, as dimensions do, and others none."""
    types = pyarrow(name, "arrow").types
    whole = [one.name for one in schema if types.is_integer(one.type)]
    if not whole or not any(types.is_floating(one.type) for one in schema):
        return ""
    return (
        f"; if each column is a dimension, cast those whose first rows are whole numbers, such as "
        f"CAST({whole[0]} AS DOUBLE PRECISION), and leave ids out"
    )


def _type_of(field: Any) -> str:
    """Name the type of a column as its database does, where that is told."""
    found = (field.metadata or {}).get(TYPE_NAME)
    return found.decode() if found is not None else str(field.type)


def _kind_of(field: Any, values: Any) -> str | None:
    """Tell how a column is read that Arrow does not know as vectors."""
    # The metadata have the name of a type of which older versions of PyArrow know nothing else.
    type_name: str = (field.metadata or {}).get(TYPE_NAME, b"").decode()
    if type_name in PGVECTOR:
        return type_name
    kind = str(getattr(field.type, "storage_type", field.type))
    if kind in ("string", "large_string") and type_name in ("", "json", "jsonb"):
        there = _storage(values).drop_null()
        return kind_of_text(there[0].as_py()) if len(there) else None
    return None


def _is_list_of_floats(name: str, field: Any) -> bool:
    """Tell whether a column has lists of floating-point numbers."""
    pa = pyarrow(name, "arrow")
    value = getattr(field.type, "value_type", None)
    return value is not None and bool(pa.types.is_floating(value))


def _storage(array: Any) -> Any:
    """Return what an extension array is made of."""
    return getattr(array, "storage", array)
