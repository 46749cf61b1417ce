"""Embeddings in memory that are no array yet: lists, Series, tables, columns of Arrow.

What an array is the compiled core knows; here is what becomes one, or a source of rows where it
lies in several pieces. Nothing is guessed: columns that can be no embedding are named and refused.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme import _core
from rankme._base.arguments import type_name
from rankme._base.arrays import as_matrix, is_tensor
from rankme._base.optional import require
from rankme.sources._arrow_memory import column_rows, table_rows
from rankme.sources._in_memory import MemoryRows
from rankme.sources._list_memory import list_rows
from rankme.sources._pandas_memory import frame_rows, series_rows
from rankme.sources._table_choice import DATASETS, POLARS

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "array_of",
    "as_rows",
    "is_one_shot_table",
    "is_table",
    "names_of_dimensions",
    "resolve",
]

# Libraries whose columns PyArrow may be given: what they hand over is sound.
_ARROW_LIBRARIES = ("nanoarrow", "polars", "duckdb", "arro3", "datafusion")


def as_rows(
    obj: object, name: str = "Z", *, of: object = None, empty: bool = False
) -> _core.ArrayView:
    """Return what `array_of` makes of an object, checked to be a matrix; the core calls this too.

    Parameters
    ----------
    obj : array, list, Series, table or column
        As `rankme.Accumulator.update` takes it.
    name : str
        What the error messages call it.
    of : object, optional
        What the user gave, where that is not `obj` itself.
    empty : bool
        Whether it may have no rows.

    Raises
    ------
    TypeError, ValueError, BufferError, ImportError
        As `rankme.Accumulator.update`.
    """
    return as_matrix(array_of(obj, name), name, of=obj if of is None else of, empty=empty)


def array_of(
    obj: object, name: str = "Z", *, column: str | None = None, nulls: bool = False
) -> Any:
    """Return an array of the rows of an object; those in several pieces are put into one."""
    if type(obj) is np.ndarray and obj.dtype != object and column is None:  # most of all calls
        return obj
    rows = resolve(obj, column=column, name=name, nulls=nulls)
    return rows.matrix() if isinstance(rows, MemoryRows) else rows


def resolve(obj: Any, *, column: str | None = None, name: str = "Z", nulls: bool = False) -> Any:
    """Find the rows of an object in memory.

    Parameters
    ----------
    obj
        An array, which is returned; a list, tuple or sequence of vectors; a Series, DataFrame,
        table, record batch, column or ``datasets.Dataset``.
    column
        Which column of a table holds the vectors.
    name
        What the error messages call it.
    nulls
        Whether rows of Arrow that are null are to come as NaN.

    Returns
    -------
    array or MemoryRows
        What is neither of all this, as it came.

    Raises
    ------
    TypeError
        It has no rows of numbers; the text says what to do.
    ValueError
        Nulls, rows of several lengths, no such column.
    """
    found = _rows_of_table(obj, column, name, nulls)
    if found is not None:
        return found
    if column is not None:
        raise TypeError(
            f"column= names a column of a file or of a table, and {name} is {type_name(obj)}"
        )
    if isinstance(obj, _core.ArrayView) or is_tensor(obj):
        return obj
    found = _rows_of_column(obj, name, nulls)
    return _rows_of_list(obj, name) if found is None else found


def _rows_of_list(obj: Any, name: str) -> Any:
    """Return the rows of a list; what is no list comes back as it is."""
    if isinstance(obj, np.ndarray) and obj.dtype == object and obj.ndim == 1:
        return list_rows(obj.tolist(), name)
    if isinstance(obj, Mapping):
        keys = ", ".join(map(repr, list(obj)[:8])) or "none"
        raise TypeError(
            f"{name} is {type_name(obj)} with the entries {keys}; pass one, {name}[...]"
        )
    if isinstance(obj, AbstractSet):
        raise TypeError(f"{name} is {type_name(obj)}, which keeps no row twice; pass a list")
    if _is_a(obj, sys.modules.get("torch.utils.data"), "Dataset"):
        raise TypeError(
            f"{name} is a dataset of single items; pass rows in batches: "
            f"rankme.score(torch.utils.data.DataLoader({name}, batch_size=1024), select=0), where "
            f"item[0] is the row"
        )
    if _is_sequence(obj):
        return list_rows(obj if _has_slices(obj) else list(obj), name)
    return obj


def _is_sequence(obj: object) -> bool:
    """Tell whether something is a list of things, and neither text nor an array."""
    return (
        isinstance(obj, Sequence)
        and not isinstance(obj, str | bytes | bytearray | memoryview | range | AbstractSet)
        and not _core.is_array(obj)
    )


def _has_slices(obj: Any) -> bool:
    """Tell whether parts of a sequence can be asked for; a deque has none."""
    try:
        obj[0:0]
    except TypeError:
        return False
    return True


def _rows_of_table(obj: Any, column: str | None, name: str, nulls: bool) -> Any:
    """Return the rows of a table of any library; None of what is no table."""
    pandas, polars, arrow, datasets = map(sys.modules.get, _TABLE_LIBRARIES)
    if _is_a(obj, pandas, "DataFrame"):
        return frame_rows(obj, column, name, nulls=nulls)
    if _is_a(obj, polars, "LazyFrame"):
        raise TypeError(f"{name} is a polars.LazyFrame, not computed yet; pass {name}.collect()")
    if _is_a(obj, polars, "DataFrame"):
        pa = require("pyarrow", extra="arrow", what=f"{name}, a polars.DataFrame,")
        return table_rows(pa.table(obj), column, name, nulls=nulls, ways=POLARS)
    if _is_a(obj, arrow, "Table") or _is_a(obj, arrow, "RecordBatch"):
        return table_rows(obj, column, name, nulls=nulls)
    if _is_a(obj, datasets, "Dataset"):
        table = obj.with_format("arrow")[:]
        return table_rows(table, column, name, nulls=nulls, ways=DATASETS)
    return None


_TABLE_LIBRARIES = ("pandas", "polars", "pyarrow", "datasets")


def is_table(obj: object) -> bool:
    """Tell whether something is a table of a library that is known here."""
    modules = dict(zip(_TABLE_LIBRARIES, map(sys.modules.get, _TABLE_LIBRARIES), strict=True))
    return any(
        _is_a(obj, modules[library], name)
        for library, name in (
            ("pandas", "DataFrame"),
            ("polars", "DataFrame"),
            ("polars", "LazyFrame"),
            ("pyarrow", "Table"),
            ("pyarrow", "RecordBatch"),
            ("datasets", "Dataset"),
        )
    )


def names_of_dimensions(table: Any, width: int) -> tuple[str, ...]:
    """Return the names of a table's columns where each row has one entry of each, else nothing."""
    if not is_table(table):
        return ()
    # The columns of a record batch are arrays.
    names = getattr(table, "column_names", None) or list(table.columns)
    return tuple(map(str, names)) if len(names) == width > 1 else ()


def _is_a(obj: object, module: ModuleType | None, name: str) -> bool:
    """Tell whether an object is of a class of a module that was imported."""
    kind = getattr(module, name, None)
    return isinstance(kind, type) and isinstance(obj, kind)


def _rows_of_column(obj: Any, name: str, nulls: bool) -> Any:
    """Return the rows of a Series or of a column of Arrow's; None of what is none."""
    if _is_a(obj, sys.modules.get("pandas"), "Series"):
        return series_rows(obj, name, nulls=nulls)
    arrow = sys.modules.get("pyarrow")
    if _is_a(obj, arrow, "Array") or _is_a(obj, arrow, "ChunkedArray"):
        return column_rows(obj, name, nulls=nulls)
    if type(obj).__module__.partition(".")[0] not in _ARROW_LIBRARIES:
        return None
    if is_one_shot_table(obj) or not hasattr(obj, "__arrow_c_stream__"):
        return None
    try:
        pa = require("pyarrow", extra="arrow", what=name)
    except ImportError:
        return None  # the core reads fixed-size lists without it
    code = f"pyarrow.chunked_array({name})"
    return column_rows(pa.chunked_array(obj), name, nulls=nulls, code=code)


def is_one_shot_table(obj: object) -> bool:
    """Tell whether something hands over record batches by Arrow's stream interface, each once."""
    if not hasattr(obj, "__arrow_c_stream__") or isinstance(obj, type):
        return False
    kind = type(obj)
    if kind.__name__ in _READERS or kind.__module__.partition(".")[0] == "duckdb":
        return True
    if hasattr(obj, "__arrow_c_array__") or is_table(obj):
        return False
    if hasattr(obj, "__arrow_c_schema__"):
        pa = require("pyarrow", extra="arrow", what=f"{type_name(obj)}, an Arrow stream,")
        return bool(pa.types.is_struct(pa.field(obj).type))
    # A table tells its schema. A column can be asked for its parts; a stream can only be read.
    return hasattr(obj, "schema") or not any(hasattr(obj, name) for name in _OF_COLUMNS)


_READERS = ("RecordBatchReader", "ArrayStream", "DuckDBPyRelation", "ArrowArrayStreamHandle")
_OF_COLUMNS = ("__array__", "__getitem__", "__len__", "to_numpy", "toarray")
