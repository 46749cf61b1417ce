"""Rows of a stream of bytes, a pipe: lines of JSON, or Arrow's stream format, block by block."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme.sources._errors import BadDataError, parsing
from rankme.sources._json_layout import is_null, layout_of
from rankme.sources._json_lines import Chunk, JsonLines, place_of, times_of_lines, without_blanks
from rankme.sources._text import TextColumn
from rankme.sources._times import seconds_of
from rankme.sources._vector_types import find_column, pyarrow
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rankme.sources._reading import StreamReading

__all__ = ["StreamBlock", "stream_blocks"]

_READ_BYTES = 2**20
_MOST_BYTES = 2**30  # of a line
_MOST_HELD = 2**26  # of lines without a vector, at the beginning
_LOOKED_AT = 64
_ARROW = b"\xff\xff\xff\xff"  # before each message of the format


class StreamBlock(NamedTuple):
    """Rows that came together.

    Attributes
    ----------
    rows : numpy.ndarray
        Shape (n, K), n >= 1.
    times : numpy.ndarray or None
        Shape (n,), in seconds since 1970, where a column of times was asked for.
    where : callable
        Says where a row of it stands.
    """

    rows: NDArray[Any]
    times: NDArray[np.float64] | None
    where: Callable[[int], str]


class _Headed(io.RawIOBase):
    """A stream of which the first bytes were read already."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give the first bytes, and then what comes, as soon as some has come."""
        found = self._head[: len(buffer)]
        if found:
            self._head = self._head[len(found) :]
        else:
            found = self._rest.read(len(buffer)) or b""
        buffer[: len(found)] = found
        return len(found)


def stream_blocks(raw: Any, name: str, reading: StreamReading) -> Iterator[StreamBlock]:
    """Yield the rows of a stream as they come.

    Parameters
    ----------
    raw
        Unbuffered: its `read` returns what is there.
    name
        What it is called, in errors.
    reading
        How.

    Raises
    ------
    BadDataError
        It is neither of the two formats; as of a file, of a line or a record batch.
    """
    head = b""
    while len(head) < len(_ARROW) and (more := raw.read(len(_ARROW) - len(head))):
        head += more
    if not head:
        return
    stream = _Headed(head, raw)
    if head == _ARROW:
        yield from _of_arrow(stream, name, reading)
    elif head.lstrip()[:1] in (b"{", b""):
        yield from _of_json(stream, name, reading)
    else:
        raise BadDataError(
            name,
            f"begins with {head!r}; wanted are lines of JSON, an object a line, or Arrow's stream "
            f"format",
        )


def _of_arrow(stream: io.RawIOBase, name: str, reading: StreamReading) -> Iterator[StreamBlock]:
    """Yield the rows of record batches."""
    pa = pyarrow(name, "arrow")
    ipc = pyarrow(name, "arrow", "pyarrow.ipc")
    vectors: VectorColumn | None = None
    # PyArrow takes fewer bytes than it asked for as the end.
    file = pa.PythonFile(io.BufferedReader(stream, _READ_BYTES), mode="r")
    with parsing(name), ipc.open_stream(file) as reader:
        label = find_column(
            name, reader.schema, reading.column, reading.told, integers=reading.integers
        )
        time_column = reading.time_column
        if time_column is not None and time_column not in reader.schema.names:
            raise BadDataError(
                name, f"has no column {time_column!r}; it has {reader.schema.names[:12]}"
            )
        for number, batch in enumerate(reader):
            if not batch.num_rows:
                continue
            place = partial(_row_of, number)
            array = batch.column(label)
            if vectors is None:
                field = reader.schema.field(label)
                vectors = VectorColumn(name, field, told=reading.told, reading=reading)
                vectors.look([array])
            read = vectors.matrix_with_nan if reading.nulls else vectors.matrix
            times = None
            if time_column is not None:
                times = seconds_of(batch.column(time_column), name, time_column, place)
            yield StreamBlock(read(array, place), times, place)


def _row_of(number: int, row: int) -> str:
    """Say in which record batch a row stands."""
    return f"record batch {number}, row {row}"


def _of_json(stream: io.RawIOBase, name: str, reading: StreamReading) -> Iterator[StreamBlock]:
    """Yield the rows of lines."""
    column, nulls, time_column = reading.column, reading.nulls, reading.time_column
    lines: JsonLines | None = None
    vectors: TextColumn | None = None
    chunks = _chunks(stream, name)
    for chunk in _from_vectors_on(chunks, column) if nulls else chunks:
        data, numbers = without_blanks(chunk)
        if not len(numbers):
            continue
        if lines is None:
            rows = data.split(b"\n")[:-1]
            begin = 0
            if nulls:
                begin = next((i for i, row in enumerate(rows) if not is_null(row, column)), 0)
            some = rows[begin : begin + _LOOKED_AT]
            lines = JsonLines(name, layout_of(name, some, numbers[begin:], reading))
        array, places = lines.parsed(chunk)
        place = partial(place_of, places)
        if vectors is None:
            vectors = _looked_at(lines, array, places, reading.told)
        times = None
        if time_column is not None:
            times = times_of_lines(name, time_column, chunk)
            times = times[np.searchsorted(numbers, places)]
        yield StreamBlock(vectors.matrix(array, place, nulls=nulls), times, place)


def _looked_at(
    lines: JsonLines, array: Any, places: NDArray[np.int64], told: str | None
) -> TextColumn:
    """Learn the length of the rows from the first that is there."""
    layout = lines.layout
    vectors = TextColumn(lines.name, layout.label, layout.kind, told=told)
    there = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    if not len(there):
        raise BadDataError(
            lines.name, f"the first lines have no vector under {layout.label!r}: all are null"
        )
    first = int(there[0])
    some = array.slice(first, 1 if vectors.told is None else _LOOKED_AT)
    vectors.look(some, partial(place_of, places[first:]))
    return TextColumn(lines.name, layout.label, layout.kind, vectors.n_cols, vectors.told)


def _from_vectors_on(chunks: Iterator[Chunk], column: str | None) -> Iterator[Chunk]:
    """Yield chunks, the first of them with a line that tells where the vectors are."""
    # How many lines come together is chance: a first chunk may be of nulls alone.
    held = b""
    for chunk in chunks:
        held += chunk.data
        lines = (line for line in chunk.data.split(b"\n") if line.strip())
        if len(held) > _MOST_HELD or not all(is_null(line, column) for line in lines):
            break
    if held:
        yield Chunk(1, held)
    yield from chunks


def _chunks(stream: io.RawIOBase, name: str) -> Iterator[Chunk]:
    """Cut what comes into whole lines, as soon as there is one."""
    line, left = 1, b""
    while data := stream.read(_READ_BYTES):
        left += data
        end = left.rfind(b"\n") + 1
        if end:
            yield Chunk(line, left[:end])
            line += left.count(b"\n", 0, end)
            left = left[end:]
        elif len(left) > _MOST_BYTES:
            raise BadDataError(name, f"line {line} is longer than a gigabyte")
    if left:
        yield Chunk(line, left)
