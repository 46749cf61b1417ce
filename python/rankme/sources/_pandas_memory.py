"""Series and DataFrames of pandas in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.optional import require
from rankme.sources._arrow_memory import column_rows, is_vectors
from rankme.sources._list_memory import is_vector, list_rows
from rankme.sources._table_choice import PANDAS, Columns, check_coordinates, choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["frame_rows", "series_rows"]


def series_rows(series: Any, name: str, *, nulls: bool = False) -> Any:
    """Return the vectors of a Series: an array that is one matrix, or a source of its rows."""
    if hasattr(series.dtype, "pyarrow_dtype"):
        pa = require("pyarrow", extra="arrow", what=name)
        code = PANDAS.column.format(name=name)
        return column_rows(pa.array(series.array), name, nulls=nulls, code=code)
    if getattr(series.dtype, "kind", "O") in "fiub":
        return series.to_numpy()  # single numbers, about which an array's errors say enough
    missing = np.flatnonzero(series.isna().to_numpy())
    if missing.size:
        raise ValueError(f"{name} has a null at row {missing[0]}; {name}.dropna() is without such")
    return list_rows(series.tolist(), name)


def frame_rows(frame: Any, column: str | None, name: str, *, nulls: bool = False) -> Any:
    """Return the rows of a DataFrame: those of its column of vectors, or one entry of each column.

    Raises
    ------
    TypeError, ValueError
        As `choose`, `check_coordinates` and `series_rows`.
    """
    kinds = list(zip(map(str, frame.columns), frame.dtypes, strict=True))
    numbers = [label for label, kind in kinds if _is_float(kind)]
    columns = Columns(
        names=[label for label, _ in kinds],
        vectors=[
            label for i, (label, kind) in enumerate(kinds) if _has_vectors(frame.iloc[:, i], kind)
        ],
        floats=numbers,
        types={label: str(kind) for label, kind in kinds},
        ways=PANDAS,
        labels={str(label): label for label in frame.columns},
    )
    found = choose(columns, column, name)
    if found is not None:
        place = columns.names.index(found) if isinstance(columns.names, list) else 0
        return series_rows(frame.iloc[:, place], f"{name}[{found!r}]", nulls=nulls)
    matrix = _dimensions(frame, name, nulls)
    check_coordinates(columns, matrix, name)
    return matrix


def _is_float(kind: Any) -> bool:
    """Tell whether a column has single floating-point numbers."""
    # A nullable type, and one of Arrow's, has the kind of NumPy's that it is nearest to.
    return getattr(kind, "kind", "") == "f"


def _has_vectors(series: Any, kind: Any) -> bool:
    """Tell whether a column has vectors, by its type or by its first entry."""
    if hasattr(kind, "pyarrow_dtype"):
        return is_vectors(kind.pyarrow_dtype)
    return getattr(kind, "kind", "") == "O" and any(map(is_vector, series.dropna()[:1]))


def _dimensions(frame: Any, name: str, nulls: bool) -> NDArray[Any]:
    """Put columns of single numbers side by side."""
    if all(isinstance(kind, np.dtype) for kind in frame.dtypes):
        matrix: NDArray[Any] = frame.to_numpy()
        return matrix
    missing = frame.isna().any(axis=0)
    if missing.any() and not nulls:
        label = str(frame.columns[int(np.flatnonzero(missing.to_numpy())[0])])
        raise ValueError(
            f"{name} has a null in column {label!r}; {name}.dropna() is without such rows"
        )
    return np.column_stack(
        [frame.iloc[:, i].to_numpy(np.float64, na_value=np.nan) for i in range(frame.shape[1])]
    )
