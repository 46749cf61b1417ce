"""Columns and tables of Arrow in memory: PyArrow's own, and what hands itself over as such."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.dtypes import dtype_advice
from rankme._base.optional import require
from rankme.sources._in_memory import ChunkRows
from rankme.sources._table_choice import ARROW, Columns, Ways, check_coordinates, choose
from rankme.sources._vector_types import numpy_dtype
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["column_rows", "is_vectors", "table_rows"]


def is_vectors(kind: Any) -> bool:
    """Tell whether a type is that of lists of floating-point numbers, or of 1-D tensors of them."""
    pa = require("pyarrow", extra="arrow", what="an Arrow column")
    if hasattr(kind, "storage_type"):
        if len(getattr(kind, "shape", ())) != 1:
            return False
        kind = kind.storage_type
    return _is_list(kind) and pa.types.is_floating(kind.value_type)


def _is_list(kind: Any) -> bool:
    """Tell whether a type is that of lists, whichever way it keeps them."""
    types = require("pyarrow", extra="arrow", what="an Arrow column").types
    return any(
        is_kind(kind)
        for is_kind in (
            types.is_list,
            types.is_large_list,
            types.is_fixed_size_list,
            types.is_list_view,
            types.is_large_list_view,
        )
    )


def column_rows(column: Any, name: str, *, nulls: bool = False, code: str | None = None) -> Any:
    """Return the vectors of a column: an array that is one matrix, or a source of its chunks.

    Parameters
    ----------
    column
        A ``pyarrow.Array`` or ``pyarrow.ChunkedArray``.
    name
        What it is called, in errors.
    nulls
        Whether rows and entries that are null are to come as NaN.
    code
        Python that makes of what the user has what PyArrow has; by default its name.

    Raises
    ------
    TypeError
        It holds no vectors; the text says what to do.
    ValueError
        It has no rows, a null, or rows of several lengths.
    """
    pa = require("pyarrow", extra="arrow", what=name)
    kind = column.type
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    filled = [chunk for chunk in chunks if len(chunk)]
    if not is_vectors(kind):
        return _refused(column, kind, name, code or name)
    if not filled:
        width = kind.list_size if pa.types.is_fixed_size_list(kind) else 0
        return np.empty((0, width), numpy_dtype(kind.value_type) if _is_list(kind) else "f8")
    if nulls and not _is_view(kind):
        made = VectorColumn(name, pa.field(name, kind), _width_of(filled, kind))
        if made.n_cols is None:
            raise ValueError(
                f"{name} has only rows that are null, and its type does not tell their length; "
                f"leave it out, or cast it to fixed-size lists"
            )
        return ChunkRows(name, [made.matrix_with_nan(one, partial(_place, 0)) for one in filled])
    if pa.types.is_fixed_size_list(kind) and len(filled) == 1:
        return filled[0]  # which the compiled core reads where it lies
    vectors = VectorColumn(name, pa.field(name, _readable(kind)))
    matrices: list[NDArray[Any]] = []
    row = 0
    for chunk in filled:
        place = partial(_place, row)
        matrices.append(vectors.matrix(_in_order(chunk, place, name), place))
        row += len(chunk)
    return matrices[0] if len(matrices) == 1 else ChunkRows(name, matrices)


def _width_of(chunks: list[Any], kind: Any) -> int | None:
    """Return the length of the first row that is there, where the type does not tell it."""
    if not hasattr(kind, "value_type") or hasattr(kind, "list_size"):
        return None
    lists = (chunk.drop_null() for chunk in chunks)
    return next((len(there[0]) for there in lists if len(there)), None)


def _place(first: int, row: int) -> str:
    """Say where a row of a chunk stands."""
    return f"row {first + row}"


def _readable(kind: Any) -> Any:
    """Return the type that a list is read as: those that are views are put in order first."""
    pa = require("pyarrow", extra="arrow", what="an Arrow column")
    return pa.large_list(kind.value_type) if _is_view(kind) else kind


def _is_view(kind: Any) -> bool:
    """Tell whether a type is that of lists that may lie in any order."""
    types = require("pyarrow", extra="arrow", what="an Arrow column").types
    return bool(types.is_list_view(kind) or types.is_large_list_view(kind))


def _in_order(chunk: Any, place: Callable[[int], str], name: str) -> Any:
    """Return the lists of a chunk one behind the other."""
    if not _is_view(chunk.type):
        return chunk
    pa = require("pyarrow", extra="arrow", what=name)
    if chunk.null_count:
        row = int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
        raise ValueError(f"{name}: {place(row)} is null")
    ends = np.cumsum(chunk.sizes.to_numpy(), dtype=np.int64)
    return pa.LargeListArray.from_arrays(np.concatenate([[0], ends]), chunk.flatten())


def _refused(column: Any, kind: Any, name: str, code: str) -> Any:
    """Say what to do with a column that holds no vectors; single numbers are an array's matter."""
    pa = require("pyarrow", extra="arrow", what=name)
    if pa.types.is_floating(kind):
        return np.asarray(column)
    wanted = f"{name} is an Arrow array of type {kind}; wanted are lists of float16, float32 or "
    wanted += "float64, the rows"
    if pa.types.is_dictionary(kind):
        advice = f"; {code}.dictionary_decode() gives its values (it is dictionary-encoded)"
    elif pa.types.is_struct(kind):
        fields = ", ".join(repr(field.name) for field in kind)
        advice = f"; pyarrow.compute.struct_field({code}, 'x') gives one of its fields {fields}"
    elif hasattr(kind, "storage_type"):
        advice = (
            f"; an Arrow extension array: pass its storage if that holds the rows ({code}.storage "
            f"in pyarrow), or the array that it was made of"
        )
    elif _is_list(kind) and _is_list(kind.value_type):
        advice = (
            f"; if each inner list is an embedding, pyarrow.compute.list_flatten({code}) has a row "
            f"for each"
        )
    elif _is_list(kind) and pa.types.is_integer(kind.value_type):
        integers = str(kind.value_type)
        advice = f"; they are the array M = np.array({code}.to_pylist(), np.{integers})"
        advice += dtype_advice(integers, "M")
    elif "binary" in str(kind):
        advice = _of_bytes(f"{code}.to_pylist()")
    elif "string" in str(kind):
        advice = f"; where each is JSON, pass [json.loads(text) for text in {code}.to_pylist()]"
    else:
        advice = ""
    raise TypeError(wanted + advice)


def _of_bytes(items: str) -> str:
    """Say how bytes become rows, by whoever knows what they are."""
    return (
        f"; which numbers bytes are is not known: np.stack([np.frombuffer(row, np.float32) for row "
        f"in {items}]) if they are float32"
    )


def table_rows(
    table: Any, column: str | None, name: str, *, nulls: bool = False, ways: Ways = ARROW
) -> Any:
    """Return the rows of a table: those of its column of vectors, or one entry from each column.

    Parameters
    ----------
    table
        A ``pyarrow.Table`` or ``pyarrow.RecordBatch``.
    column
        Which column holds the vectors.
    name
        What it is called, in errors.
    nulls
        As of `column_rows`.
    ways
        Of the library that the user has it from.

    Raises
    ------
    TypeError, ValueError
        As `choose`, `check_coordinates` and `column_rows`; a null among single numbers.
    """
    pa = require("pyarrow", extra="arrow", what=name)
    kinds = [(field.name, field.type) for field in table.schema]
    columns = Columns(
        names=[label for label, _ in kinds],
        vectors=[label for label, kind in kinds if is_vectors(kind)],
        floats=[label for label, kind in kinds if pa.types.is_floating(kind)],
        types={label: str(kind) for label, kind in kinds},
        ways=ways,
    )
    found = choose(columns, column, name)
    if found is not None:
        label = f"{name}[{found!r}]"
        code = ways.column.format(name=label)
        return column_rows(table.column(found), label, nulls=nulls, code=code)
    batches = table.to_batches() if isinstance(table, pa.Table) else [table]
    matrices = [_dimensions(batch, name, nulls) for batch in batches if batch.num_rows]
    if not matrices:
        return np.empty((0, len(kinds)))
    check_coordinates(columns, matrices[0], name)
    return matrices[0] if len(matrices) == 1 else ChunkRows(name, matrices)


def _dimensions(batch: Any, name: str, nulls: bool) -> NDArray[Any]:
    """Put the columns of a batch, which are single numbers, side by side."""
    # What is null comes as NaN.
    for label, values in zip(batch.schema.names, batch.columns, strict=True):
        if values.null_count and not nulls:
            raise ValueError(f"{name} has a null in column {label!r}; drop such rows, or fill them")
    return np.column_stack([values.to_numpy(zero_copy_only=False) for values in batch.columns])
