"""The column of a table that tells when its rows came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import pick
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._json_lines import JsonLines, times_of_lines, without_blanks
from rankme.sources._times import seconds_of
from rankme.sources._vector_types import pyarrow
from rankme.sources.arrow import ArrowSource, opened_ipc
from rankme.sources.delimited import DelimitedSource, opened_columns
from rankme.sources.jsonl import JsonlSource, chunks_of
from rankme.sources.parquet import ParquetSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rankme.sources._source import RowSource

__all__ = ["times_of"]


def times_of(source: RowSource, column: str) -> NDArray[np.float64]:
    """Return when each row of a file came, in seconds since 1970.

    Parameters
    ----------
    source
        Of Parquet, Arrow IPC, CSV or JSON lines.
    column
        The name of the column, or the key, with dots for keys within.

    Returns
    -------
    numpy.ndarray
        Shape (N,), float64, finite, in the order of the rows: 8 bytes a row.

    Raises
    ------
    BadDataError
        The format has no columns, the file none of this name, or it holds no times; the file
        changed since it was opened.
    OSError
        It cannot be read.
    """
    if isinstance(source, JsonlSource):
        times = _of_json(source, column)
    elif isinstance(source, (ParquetSource, ArrowSource, DelimitedSource)):
        with parsing(source.name):
            array = _column(source, column)
        times = seconds_of(array, source.name, column, lambda row: f"row {row}")
    else:
        raise BadDataError(
            source.name,
            "has no column of times; wanted is Parquet, Arrow, CSV or JSON lines",
        )
    source.check_unchanged()
    if len(times) != source.n_rows:
        raise BadDataError(source.name, f"has {source.n_rows} rows and {len(times)} times")
    return times


def _column(source: ParquetSource | ArrowSource | DelimitedSource, column: str) -> Any:
    """Read one column of a table, whole."""
    name = source.name
    pa = pyarrow(name, "arrow")
    if isinstance(source, ParquetSource):
        parquet = pyarrow(name, "parquet", "pyarrow.parquet")
        with source.file.open() as handle, parquet.ParquetFile(handle) as file:
            _require(name, column, file.schema_arrow.names)
            return file.read(columns=[column]).column(column)
    if isinstance(source, ArrowSource):
        with opened_ipc(source.file, mapped=False) as (reader, _):
            _require(name, column, reader.schema.names)
        with opened_ipc(source.file, mapped=False, column=column) as (reader, _):
            return reader.read_all().column(column)
    with opened_columns(source.file, None) as reader:
        _require(name, column, reader.schema.names)
    with opened_columns(source.file, [column]) as reader:
        texts = reader.read_all().column(column)
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return texts


def _require(name: str, column: str, names: list[str]) -> None:
    """Refuse a column that is not there."""
    pick(name, column, dict.fromkeys(names, True), "column")


def _of_json(source: JsonlSource, column: str) -> NDArray[np.float64]:
    """Read the times of lines; the rows of an answer have that of its line."""
    lines = JsonLines(source.name, source.layout)
    found = []
    for chunk in chunks_of(source.file):
        numbers = without_blanks(chunk)[1]
        if not len(numbers):
            continue
        times = times_of_lines(source.name, column, chunk)
        if source.layout.is_answers:
            times = times[np.searchsorted(numbers, lines.parsed(chunk)[1])]
        found.append(times)
    return np.concatenate(found)
