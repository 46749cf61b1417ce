"""Lines of JSON in chunks, of a file or of a stream, and the vectors, times and labels in them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme.sources._errors import BadDataError
from rankme.sources._json_layout import CUT, Layout, is_cut, nested
from rankme.sources._text import first_bad, read_json
from rankme.sources._times import seconds_of
from rankme.sources._vector_types import pyarrow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Chunk", "JsonLines", "labels_of_lines", "place_of", "times_of_lines", "without_blanks"]

BLANK = re.compile(rb"(?m)^[ \t\r]*\n")


class Chunk(NamedTuple):
    """Whole lines, and where they stand in the file."""

    line: int  # the number of the first, from 1
    data: bytes


@dataclass(frozen=True)
class JsonLines:
    """Lines of one layout.

    Attributes
    ----------
    name : str
        Of the file or stream, for errors.
    layout : Layout
        Where in a line the vectors are, and how they are written.
    """

    name: str
    layout: Layout

    def parsed(self, chunk: Chunk) -> tuple[Any, NDArray[np.int64]]:
        """Parse a chunk: its vectors, and the number of the line of each."""
        pa = pyarrow(self.name, "jsonl")
        data, numbers = without_blanks(chunk)
        if not len(numbers):
            return pa.array([], pa.null()), numbers
        schema = self.layout.schema(pa)
        try:
            table = self._table(data, len(numbers), schema)
        except pa.ArrowInvalid as error:
            raise self._unparsed(data, numbers, schema, error) from error
        if self.layout.is_answers:
            return self.layout.answers(self.name, table, numbers)
        return self.layout.vectors(table), numbers

    def _table(self, data: bytes, count: int, schema: Any) -> Any:
        """Parse lines that are to hold an object each."""
        table = read_json(self.name, data, schema)
        if len(table) != count:
            pa = pyarrow(self.name, "jsonl")
            raise pa.ArrowInvalid("several values of JSON in a line, and wanted is one object")
        return table

    def _unparsed(self, data: bytes, numbers: Any, schema: Any, error: Exception) -> BadDataError:
        """Return the error of the first line that cannot be parsed."""
        pa = pyarrow(self.name, "jsonl")
        rows = [line + b"\n" for line in data.split(b"\n")[:-1]]

        def parse(some: tuple[int, int]) -> None:
            first, count = some
            self._table(b"".join(rows[first : first + count]), count, schema)

        row = first_bad(len(rows), parse, pa)
        try:
            parse((row, 1))
        except pa.ArrowInvalid as found:
            error = found
        if is_cut(rows[row]):
            return BadDataError(self.name, f"line {numbers[row]} cannot be read: {CUT}")
        reason = re.sub(r"^JSON parse error: | in row \d+$", "", str(error))
        return BadDataError(self.name, f"line {numbers[row]} cannot be read: {reason}")


def times_of_lines(name: str, column: str, chunk: Chunk) -> NDArray[np.float64]:
    """Return the time of each line that is not blank, in seconds since 1970.

    Parameters
    ----------
    name
        Of the file or stream, for errors.
    column
        The key, with dots for keys within.
    chunk
        Whole lines, one at least that is not blank.

    Raises
    ------
    BadDataError
        A line without a time, or with something else under the key.
    """
    times, numbers = _beside(name, column, chunk, _TIME)
    return seconds_of(times, name, column, lambda row: f"line {numbers[row]}")


def labels_of_lines(name: str, column: str, chunk: Chunk) -> tuple[Any, NDArray[np.int64]]:
    """Return the label of each line that is not blank, as an Arrow array, and the lines' numbers.

    Parameters
    ----------
    name, column, chunk
        As of `times_of_lines`.

    Raises
    ------
    BadDataError
        The first line has no label, or one that is no text, whole number or boolean; another one
        has something else than the first.
    """
    return _beside(name, column, chunk, _LABEL)


class _Beside(NamedTuple):
    """What may stand beside the vectors: Arrow's type of it, by what Python reads it as."""

    what: str
    kinds: Mapping[type, str]
    wanted: str


_TIME = _Beside(
    "time", {str: "string", float: "float64", int: "float64"}, "seconds since 1970, or a text"
)
_LABEL = _Beside(
    "label", {str: "string", int: "int64", bool: "bool_"}, "a text, a whole number or a boolean"
)


def _beside(name: str, column: str, chunk: Chunk, beside: _Beside) -> tuple[Any, NDArray[np.int64]]:
    """Return what stands under another key of each line that is not blank, and the numbers."""
    pa, what = pyarrow(name, "jsonl"), beside.what
    data, numbers = without_blanks(chunk)
    path = tuple(column.split("."))
    first = data.split(b"\n", 1)[0]
    if is_cut(first):
        raise BadDataError(name, f"line {numbers[0]} cannot be read: {CUT}")
    try:
        found = json.loads(first)
        for key in path:
            found = found[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadDataError(name, f"line {numbers[0]} has no {what} under {column!r}") from None
    kind = beside.kinds.get(type(found))
    if kind is None:
        raise BadDataError(
            name,
            f"line {numbers[0]} has {json.dumps(found)[:40]} under {column!r}, its {what}; wanted: "
            f"{beside.wanted}",
        )
    schema = pa.schema([(path[0], nested(pa, path[1:], getattr(pa, kind)()))])
    try:
        table = read_json(name, data, schema)
    except pa.ArrowInvalid as error:
        for line, number in zip(data.split(b"\n"), numbers, strict=False):
            if is_cut(line):
                raise BadDataError(name, f"line {number} cannot be read: {CUT}") from error
        raise BadDataError(
            name, f"the {what}s of lines {numbers[0]} to {numbers[-1]}: {error}"
        ) from error
    return Layout(path, "json").vectors(table), numbers


def place_of(lines: NDArray[np.int64], row: int) -> str:
    """Say in which line a row stands."""
    return f"line {lines[row]}"


def without_blanks(chunk: Chunk) -> tuple[bytes, NDArray[np.int64]]:
    """Return the lines of a chunk that are not blank, and their numbers."""
    data = chunk.data
    if not data.endswith(b"\n"):
        data += b"\n"
    numbers = np.arange(chunk.line, chunk.line + data.count(b"\n"))
    if BLANK.search(data) is None:
        return data, numbers
    rows = data.split(b"\n")[:-1]
    there = [bool(row.strip()) for row in rows]
    kept = b"".join(row + b"\n" for row, is_there in zip(rows, there, strict=True) if is_there)
    return kept, numbers[np.array(there)]
