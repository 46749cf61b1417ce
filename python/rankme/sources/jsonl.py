"""JSON lines: an object a row, or the answer of an embedding service with several.

Lines are cut into chunks here and parsed by PyArrow, so that what cannot be parsed has the number
of its line.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import check_table_shape
from rankme.sources._converted import bits_of_numbers
from rankme.sources._errors import BadDataError
from rankme.sources._grouped import GroupedSource
from rankme.sources._json_layout import Layout, layout_of
from rankme.sources._json_lines import Chunk, JsonLines, place_of, without_blanks
from rankme.sources._source import BLOCK_BYTES, check_start
from rankme.sources._text import TextColumn, is_compressed, opened_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._reading import Reading
    from rankme.sources._source import RowSource

__all__ = ["JsonlSource", "chunks_of"]

# Text that is parsed at a time: numbers of about as many bytes, or of four times as many at most.
CHUNK_BYTES = 8 * 2**20
# PyArrow counts the bytes of a block in 32 bits.
MOST_BYTES = 2**30
LOOKED_AT = 64


@dataclass(frozen=True)
class JsonlSource(GroupedSource):
    """The vectors under a key of each line, or those of the answers of an embedding service.

    Attributes
    ----------
    layout : Layout
        Where in a line the vectors are, and how they are written.
    starts : tuple of int
        The first byte of each chunk, after decompression, and that of the end.
    lines : tuple of int
        The number of its first line.
    """

    file: DataFile
    column: str
    layout: Layout
    n_cols: int
    dtype: np.dtype[Any]
    firsts: tuple[int, ...]
    starts: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    noun: str = "chunk"
    told: str | None = None
    nulls_as_nan: bool = False
    stored: str | None = None

    @classmethod
    def open(cls, file: DataFile, reading: Reading) -> RowSource:
        """Find the vectors by the first lines, and count the rows: a pass over the file.

        Parameters
        ----------
        file
            Lines of JSON, perhaps compressed.
        reading
            With the key, with dots for keys within; with what base64 is, and whether whole numbers
            are meant.
        """
        counts: list[int] = []
        starts, lines = [0], [1]
        found: JsonlSource | None = None
        vectors: TextColumn | None = None
        for chunk in chunks_of(file):
            counts.append(0)
            starts.append(starts[-1] + len(chunk.data))
            lines.append(chunk.line + chunk.data.count(b"\n"))
            data, numbers = without_blanks(chunk)
            if not len(numbers):
                continue
            if found is None or vectors is None:
                first_lines = data.split(b"\n", LOOKED_AT)[:LOOKED_AT]
                layout = layout_of(file.name, first_lines, numbers, reading)
                vectors = TextColumn(file.name, layout.label, layout.kind, told=reading.told)
                found = cls(file, layout.label, layout, 0, vectors.dtype, (0,), told=vectors.told)
            counts[-1] = len(found._parsed(chunk)[0]) if found.layout.is_answers else len(numbers)
            if vectors.n_cols is None:
                found._look(vectors, chunk)
        firsts = tuple(accumulate(counts, initial=0))
        if found is None or vectors is None:
            check_table_shape(file.name, 0, 0)
            raise AssertionError
        check_table_shape(f"{file.name}[{found.column}]", firsts[-1], vectors.n_cols or 0)
        source = replace(
            found,
            n_cols=vectors.n_cols or 0,
            firsts=firsts,
            starts=tuple(starts),
            lines=tuple(lines),
            stored="whole numbers" if found.layout.is_whole else None,
        )
        return bits_of_numbers(source, reading) if found.layout.is_whole else source

    def _look(self, vectors: TextColumn, chunk: Chunk) -> None:
        """Learn the length of the rows from the first that is there."""
        array, places = self._parsed(chunk)
        there = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        if len(there):
            first = int(there[0])
            some = array.slice(first, 1 if vectors.told is None else LOOKED_AT)
            vectors.look(some, partial(place_of, places[first:]))

    @property
    def entries(self) -> tuple[int, ...]:
        """The first rows of the chunks; a compressed file is read from its beginning."""
        return (0,) if is_compressed(self.name) else self.firsts[:-1]

    def where(self, row: int) -> str:
        """Say in which line a row stands."""
        group = self.group_of(row)
        with closing(self._chunks_from(group)) as chunks:
            places = self._parsed(next(chunks))[1]
        return f"line {places[row - self.firsts[group]]}"

    def with_nulls_as_nan(self) -> JsonlSource:
        """Return the source in which what is null is NaN."""
        return replace(self, nulls_as_nan=True)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield the rows from ``start`` on, those of a chunk in a block of its own."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from `start` on."""
        if start == self.n_rows:
            return
        group = self.group_of(start)
        vectors = TextColumn(self.name, self.column, self.layout.kind, self.n_cols, self.told)
        step = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        for chunk in self._chunks_from(group):
            array, places = self._parsed(chunk)
            if len(array) != self.firsts[group + 1] - self.firsts[group]:
                raise BadDataError(self.name, "changed since it was opened")
            for first in range(max(0, start - self.firsts[group]), len(array), step):
                some = partial(place_of, places[first:])
                yield vectors.matrix(array.slice(first, step), some, nulls=self.nulls_as_nan)
            group += 1
        self.file.check_unchanged()

    def _chunks_from(self, group: int) -> Generator[Chunk, None, None]:
        """Yield the chunks from one on, as they were when the file was opened."""
        with opened_text(self.file, "jsonl") as stream:
            if is_compressed(self.name):
                for first, last in pairwise(self.starts[: group + 1]):
                    self._read(stream, last - first)
            else:
                stream.seek(self.starts[group])
            for line, (first, last) in list(zip(self.lines, pairwise(self.starts), strict=False))[
                group:
            ]:
                yield Chunk(line, self._read(stream, last - first))
            if stream.read(1):
                raise BadDataError(self.name, "changed since it was opened")

    def _read(self, stream: Any, count: int) -> bytes:
        """Read so many bytes."""
        found = bytes(stream.read(count))
        while len(found) < count:
            more = stream.read(count - len(found))
            if not more:
                raise BadDataError(self.name, "changed since it was opened")
            found += more
        return found

    def _parsed(self, chunk: Chunk) -> tuple[Any, NDArray[np.int64]]:
        """Parse a chunk: its vectors, and the number of the line of each."""
        return JsonLines(self.name, self.layout).parsed(chunk)


def chunks_of(file: DataFile) -> Iterator[Chunk]:
    """Cut a file into chunks of whole lines."""
    line, left = 1, b""
    with opened_text(file, "jsonl") as stream:
        while data := stream.read(CHUNK_BYTES):
            left += data
            end = left.rfind(b"\n") + 1
            if end:
                yield Chunk(line, left[:end])
                line += left.count(b"\n", 0, end)
                left = left[end:]
            elif len(left) > MOST_BYTES:
                raise BadDataError(file.name, f"line {line} is longer than a gigabyte")
    if left:
        yield Chunk(line, left)
