"""Columns of vectors in Arrow IPC files and streams, also those of Hugging Face datasets.

Where the entries lie in the file uncompressed they are read like a raw matrix: PyArrow only tells
where. A memory map of the rows themselves would count as resident, and would kill the process where
the file shrinks.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._buffers import Ring
from rankme.sources._bytes.ipc_headers import MAGIC, batch_lengths
from rankme.sources._bytes.scattered import fill_rows
from rankme.sources._checks import check_table_shape
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._grouped import GroupedSource, chosen_of, ways_in_memory
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._source import BLOCK_BYTES, check_start
from rankme.sources._stored_tags import KEY, stored_tags
from rankme.sources._vector_paths import VectorPath, find_path
from rankme.sources._vector_types import pyarrow
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile

__all__ = ["ArrowSource", "arrow_batches", "opened_ipc"]


@dataclass(frozen=True)
class ArrowSource(GroupedSource):
    """One column of an Arrow IPC file or stream.

    Attributes
    ----------
    offsets : tuple of int or None
        Where the entries of each record batch begin in the file; None where PyArrow has to read
        them, because they are compressed or remote.
    """

    file: DataFile
    column: str
    n_cols: int
    dtype: np.dtype[Any]
    firsts: tuple[int, ...]
    offsets: tuple[int, ...] | None
    noun: str = "record batch"
    told: str | None = None
    nulls_as_nan: bool = False
    dimensions: tuple[str, ...] = ()

    @classmethod
    def open(cls, file: DataFile, reading: Reading = PLAIN) -> ArrowSource:
        """Walk the headers of the record batches; of a local file, check the lengths of rows.

        Parameters
        ----------
        file
            An Arrow IPC file or stream.
        reading
            With the name of a column, needed where several hold vectors.
        """
        with file.open() as handle:
            lengths = batch_lengths(file, handle)
        firsts = tuple(accumulate(lengths, initial=0))
        with opened_ipc(file, mapped=True) as (reader, base):
            schema = reader.schema
            kind = "file" if hasattr(reader, "num_record_batches") else "stream"
            table = f"pyarrow.ipc.open_{kind}(pyarrow.OSFile({file.name!r})).read_all()"
            advice = ways_in_memory(table)
            path = find_path(
                file.name,
                schema,
                reading.column,
                reading.told,
                integers=reading.takes_bytes,
                advice=advice,
            )
            name = path.column
            vectors = VectorColumn(file.name, path.field, told=reading.told, reading=reading)
            source = cls(file, name, 0, vectors.dtype, firsts, None)
            offsets = None
            if base is not None:
                offsets = source._find_entries(reader, vectors, base)
            else:
                source._look(reader, vectors)
        if base is not None and offsets is None:
            with opened_ipc(file, mapped=False, column=name) as (reader, _):  # of a stream, anew
                source._look(reader, vectors)
        n_cols = vectors.n_cols or 0
        check_table_shape(f"{file.name}[{name}]", firsts[-1], n_cols)
        source = cls(
            file, name, n_cols, vectors.dtype, firsts, offsets,
            told=vectors.told, dimensions=path.dimensions,
        )  # fmt: skip
        return source.tagged(stored_tags(file.name, (schema.metadata or {}).get(KEY.encode())))

    def _look(self, reader: Any, vectors: VectorColumn) -> None:
        """Look at the first rows, where the type of the column does not tell enough."""
        if self.n_rows and (vectors.n_cols is None or vectors.told is not None):
            batches = _batches(reader, self.group_of(0))
            path = VectorPath(self.file.name, reader.schema, self.column)
            vectors.look(map(path.array, batches))

    def _find_entries(
        self, reader: Any, vectors: VectorColumn, base: int
    ) -> tuple[int, ...] | None:
        """Return where the entries of each batch begin; None if PyArrow has to read them."""
        offsets: list[int] = []
        path = VectorPath(self.file.name, reader.schema, self.column)
        for group, batch in enumerate(_batches(reader, 0)):
            self._check_length(group, batch.num_rows)
            if batch.num_rows == 0:
                offsets.append(0)
                continue
            array = path.array(batch, self.firsts[group])
            if vectors.has_nulls(array):
                return None  # an error when they are read, or left out then
            if vectors.told is not None and not any(offsets):
                vectors.look([array])
            entries = vectors.entries(array, partial(self._place, group))
            first = int(entries.ctypes.data) - base
            if not (vectors.is_stored and 0 <= first <= self.file.size - entries.nbytes):
                return None  # decompressed into other memory, or integers
            offsets.append(first)
        self._check_count(len(offsets))
        return tuple(offsets)

    # The headers were read by other code than the batches: the two must agree.
    def _check_length(self, group: int, n_rows: int) -> None:
        """Refuse a batch that has not the rows of its header."""
        if self.firsts[group + 1 : group + 2] != (self.firsts[group] + n_rows,):
            raise BadDataError(
                self.file.name, f"record batch {group} has {n_rows} rows; its header says otherwise"
            )

    def _check_count(self, groups: int) -> None:
        """Refuse another number of batches than the headers have."""
        wanted = len(self.firsts) - 1
        if groups != wanted:
            raise BadDataError(self.file.name, f"gave {groups} of {wanted} record batches")

    def with_nulls_as_nan(self) -> ArrowSource:
        """Return the source in which what is null is NaN."""
        return replace(self, nulls_as_nan=True)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on in blocks of up to 16 MiB."""
        check_start(start, self.n_rows)
        step = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        if self.offsets is None:
            return self._decoded(start, step)
        return self._raw(self.offsets, start, step, hold)

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield chosen rows; of a local file that is not compressed little more is read."""
        if self.offsets is None:
            return self._taken(rows)
        return self._scattered(self.offsets, rows, hold)

    def _scattered(
        self, offsets: Sequence[int], rows: NDArray[np.int64], hold: int
    ) -> Iterator[NDArray[Any]]:
        """Yield rows from where they lie in the file."""
        row_bytes = self.n_cols * self.dtype.itemsize
        step = max(1, min(BLOCK_BYTES // row_bytes, len(rows)))
        ring = Ring(step * self.n_cols, self.dtype, hold)
        starts = np.array(offsets) - np.array(self.firsts[:-1]) * row_bytes
        with self.file.open() as handle:
            for first in range(0, len(rows), step):
                some = rows[first : first + step]
                block = ring.next()[: len(some) * self.n_cols].reshape(-1, self.n_cols)
                groups = np.searchsorted(self.firsts, some, side="right") - 1
                positions = starts[groups] + some * row_bytes
                fill_rows(self.file, handle, positions, block, self.file.size)
                yield block
            self.file.check_unchanged(handle)

    def _taken(self, rows: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        """Yield rows that PyArrow reads, a record batch at a time."""
        wanted = {group: some for group, some in enumerate(self.by_group(rows)) if len(some)}
        with opened_ipc(self.file, mapped=False, column=self.column) as (reader, _):
            path = VectorPath(self.file.name, reader.schema, self.column)
            vectors = VectorColumn(self.file.name, path.field, self.n_cols, told=self.told)
            read = vectors.matrix_with_nan if self.nulls_as_nan else vectors.matrix
            for group, batch in _chosen_batches(reader, wanted):
                self._check_length(group, batch.num_rows)
                some = wanted[group]
                array = chosen_of(path.array(batch, self.firsts[group]), some, self.firsts[group])
                yield read(array, partial(self.where_of, group, some))
            self.file.check_unchanged()

    def _raw(
        self, offsets: Sequence[int], start: int, step: int, hold: int
    ) -> Iterator[NDArray[Any]]:
        """Yield blocks from where the entries lie in the file."""
        ring = Ring(min(step, self.n_rows) * self.n_cols, self.dtype, hold)
        row_bytes = self.n_cols * self.dtype.itemsize
        with self.file.open() as handle:
            for first in range(start, self.n_rows, step):
                last = min(first + step, self.n_rows)
                rows = ring.next()[: (last - first) * self.n_cols].reshape(-1, self.n_cols)
                done = first
                # A block spans several record batches where these are small.
                for group in range(self.group_of(first), len(offsets)):
                    if done >= last:
                        break
                    begin, end = done, min(last, self.firsts[group + 1])
                    position = offsets[group] + (begin - self.firsts[group]) * row_bytes
                    part = rows[begin - first : end - first]
                    self.file.fill(handle, position, part, self.file.size)
                    done = end
                if done != last:
                    raise BadDataError(self.file.name, f"{self.where(done)} was not found")
                yield rows
            self.file.check_unchanged(handle)

    def _decoded(self, start: int, step: int) -> Iterator[NDArray[Any]]:
        """Yield blocks that PyArrow reads."""
        if start == self.n_rows:
            return
        group = self.group_of(start)
        with opened_ipc(self.file, mapped=False, column=self.column) as (reader, _):
            path = VectorPath(self.file.name, reader.schema, self.column)
            vectors = VectorColumn(self.file.name, path.field, self.n_cols, told=self.told)
            read = vectors.matrix_with_nan if self.nulls_as_nan else vectors.matrix
            for batch in _batches(reader, group):
                self._check_length(group, batch.num_rows)
                rows = read(path.array(batch, self.firsts[group]), partial(self._place, group))
                for begin in range(max(start - self.firsts[group], 0), len(rows), step):
                    yield rows[begin : begin + step]
                group += 1
            self._check_count(group)
            self.file.check_unchanged()

    def _place(self, group: int, row: int) -> str:
        """Say where a row of a batch stands."""
        return self.where_in(group, self.firsts[group] + row)


def _batches(reader: Any, group: int) -> Iterator[Any]:
    """Yield the record batches from a number on, of an IPC file or stream."""
    if hasattr(reader, "num_record_batches"):
        for number in range(group, reader.num_record_batches):
            yield reader.get_batch(number)
        return
    for number, batch in enumerate(reader):
        if number >= group:
            yield batch


def _chosen_batches(reader: Any, wanted: Mapping[int, Any]) -> Iterator[tuple[int, Any]]:
    """Yield the record batches of some numbers, of an IPC file or stream."""
    if hasattr(reader, "num_record_batches"):
        for number in wanted:
            yield number, reader.get_batch(number)
        return
    for number, batch in zip(range(max(wanted) + 1), reader, strict=False):
        if number in wanted:
            yield number, batch


@contextmanager
def opened_ipc(
    file: DataFile, *, mapped: bool, column: str | None = None
) -> Iterator[tuple[Any, int | None]]:
    """Open a reader, and tell the address of the first byte of a mapped file."""
    pa = pyarrow(f"{file.name}: Arrow", "arrow")
    ipc = pyarrow(file.name, "arrow", "pyarrow.ipc")
    base = None
    with parsing(file.name), file.open() as handle:
        is_file = handle.read(len(MAGIC)) == MAGIC
        handle.seek(0)
        if file.local is None:
            raw = pa.PythonFile(handle, mode="r")
        elif mapped:
            raw = pa.memory_map(os.fsencode(file.local))
            base = raw.read_buffer(1).address
            raw.seek(0)
        else:
            raw = pa.OSFile(os.fsencode(file.local))
        open_reader = ipc.open_file if is_file else ipc.open_stream
        with raw:
            options = None
            if column is not None:
                with open_reader(raw) as reader:
                    tops = VectorPath(file.name, reader.schema, column).tops
                    some = [reader.schema.get_field_index(one) for one in tops]
                options = ipc.IpcReadOptions(included_fields=some, use_threads=False)
                raw.seek(0)
            with open_reader(raw, options=options) as reader:
                yield reader, base


def arrow_batches(source: ArrowSource, column: str) -> Iterator[Any]:
    """Yield the record batches of another column of the file; without it, of the whole table."""
    with opened_ipc(source.file, mapped=False) as (reader, _):
        known = reader.schema.get_field_index(column) >= 0
    with opened_ipc(source.file, mapped=False, column=column if known else None) as (reader, _):
        yield from _batches(reader, 0)
    source.check_unchanged()
