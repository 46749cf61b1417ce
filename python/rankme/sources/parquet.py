"""Columns of vectors in Parquet files, decoded by PyArrow, row groups side by side."""

from __future__ import annotations

import os
from bisect import bisect_left
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme.sources._buffers import Pool
from rankme.sources._bytes.read_ahead import read_in_parallel
from rankme.sources._checks import check_table_shape
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._grouped import GroupedSource, chosen_of, ways_in_memory
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._source import BLOCK_BYTES, check_start
from rankme.sources._stored_tags import KEY, stored_tags
from rankme.sources._told import LOOKED_AT
from rankme.sources._vector_paths import VectorPath, find_path
from rankme.sources._vector_types import pyarrow
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._grouped import Rows

__all__ = ["ParquetSource", "parquet_batches"]

# Row groups that are decoded at the same time, on many cores; each holds some blocks.
MAX_WORKERS = 4
# What is decoded at a time: in the cache of a core, and in three quarters of the time that a block
# at once takes.
BATCH_BYTES = 2 * 2**20
# What is read from the file at a time, lest a column of a row group is held compressed as a whole.
BUFFER_BYTES = 2**20


@dataclass(frozen=True)
class ParquetSource(GroupedSource):
    """One column of a Parquet file, in blocks of up to 16 MiB within a row group."""

    file: DataFile
    column: str
    n_cols: int
    dtype: np.dtype[Any]
    firsts: tuple[int, ...]
    noun: str = "row group"
    told: str | None = None
    nulls_as_nan: bool = False
    dimensions: tuple[str, ...] = ()

    @classmethod
    def open(cls, file: DataFile, reading: Reading = PLAIN) -> ParquetSource:
        """Read the footer of a file, and where the type does not tell the width, the first row.

        Parameters
        ----------
        file
            A Parquet file.
        reading
            With the name of a column, a path or a pattern, needed where several hold vectors.
        """
        with _opened(file) as reader:
            schema, metadata = reader.schema_arrow, reader.metadata
            advice = ways_in_memory(f"pyarrow.parquet.read_table({file.name!r})")
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
            if metadata.num_rows and (vectors.n_cols is None or vectors.told is not None):
                size = 1 if vectors.told is None else LOOKED_AT
                batches = reader.iter_batches(
                    batch_size=size, columns=path.columns, use_threads=False
                )
                vectors.look(map(path.array, batches))
        groups = range(metadata.num_row_groups)
        firsts = tuple(accumulate((metadata.row_group(i).num_rows for i in groups), initial=0))
        n_cols = vectors.n_cols or 0
        check_table_shape(f"{file.name}[{name}]", firsts[-1], n_cols)
        source = cls(
            file, name, n_cols, vectors.dtype, firsts,
            told=vectors.told, dimensions=path.dimensions,
        )  # fmt: skip
        return source.tagged(stored_tags(file.name, (schema.metadata or {}).get(KEY.encode())))

    @property
    def entries(self) -> tuple[int, ...]:
        """The first rows of the row groups."""
        return self.firsts[:-1]

    def with_nulls_as_nan(self) -> ParquetSource:
        """Return the source in which what is null is NaN."""
        return replace(self, nulls_as_nan=True)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on; several row groups are decoded at a time."""
        check_start(start, self.n_rows)
        return self._blocks(range(start, self.n_rows), hold)

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield chosen rows; row groups without any are not read."""
        return self._blocks(rows, hold)

    def _blocks(self, rows: Rows, hold: int) -> Iterator[NDArray[Any]]:
        """Yield some rows."""
        most = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        pool = Pool((min(most, self.n_rows), self.n_cols), self.dtype, hold)
        with _opened(self.file) as reader:
            # Of one file at a time: a footer may take megabytes, and there may be thousands.
            footer = reader.metadata
        jobs = (
            partial(self._group, footer, group, inside, pool)
            for group, inside in enumerate(self.by_group(rows))
            if len(inside)
        )
        with closing(read_in_parallel(jobs, _workers())) as blocks:
            yield from pool.lend(blocks)
        self.file.check_unchanged()

    def _group(
        self, footer: Any, group: int, wanted: Rows, pool: Pool
    ) -> Generator[NDArray[Any], None, None]:
        """Yield some rows of a group, in blocks."""
        block, used = None, 0
        for rows in self._batches(footer, group, wanted):
            if block is not None and used + len(rows) > len(block):
                yield block[:used]
                block, used = None, 0
            if block is None:
                block = pool.take()
            block[used : used + len(rows)] = rows
            used += len(rows)
        if block is not None:
            yield block[:used]

    def _batches(self, footer: Any, group: int, wanted: Rows) -> Iterator[NDArray[Any]]:
        """Yield some rows of a group, decoded a few at a time."""
        first, last = self.firsts[group : group + 2]
        size = max(1, BATCH_BYTES // (self.n_cols * self.dtype.itemsize))
        done = 0
        with _opened(self.file, footer) as reader:
            path = VectorPath(self.file.name, reader.schema_arrow, self.column)
            vectors = VectorColumn(self.file.name, path.field, self.n_cols, told=self.told)
            read = vectors.matrix_with_nan if self.nulls_as_nan else vectors.matrix
            batches = reader.iter_batches(
                batch_size=size, row_groups=[group], columns=path.columns, use_threads=False
            )
            for batch in batches:
                # A row group cannot be entered in the middle: rows that are not wanted are dropped,
                # before anything is said of them.
                begin, done = done, bisect_left(wanted, first + batch.num_rows)
                inside = wanted[begin:done]
                if len(inside):
                    array = chosen_of(path.array(batch, first), inside, first)
                    yield read(array, partial(self.where_of, group, inside))
                first += batch.num_rows
                if done == len(wanted) and wanted[-1] < last - 1:
                    return
        if first != last:
            raise BadDataError(
                self.file.name,
                f"row group {group} gave {first - self.firsts[group]} rows; its footer announces "
                f"{last - self.firsts[group]}",
            )


def _workers() -> int:
    """Return how many row groups are decoded at the same time."""
    # Decoding a column costs two thirds of what its Gram matrix of 256 columns does, so the budget
    # is for about as many threads of the one as of the other.
    return max(1, min(_core.num_threads() // 2, MAX_WORKERS))


@contextmanager
def _opened(file: DataFile, footer: Any = None) -> Iterator[Any]:
    """Open a file by PyArrow, with its footer where that has been read."""
    pq = pyarrow(f"{file.name}: Parquet", "parquet", "pyarrow.parquet")
    pa = pyarrow(file.name, "parquet")
    with parsing(file.name), file.open() as handle:
        # By its bytes: PyArrow takes only UTF-8 for a name, and one with a colon for a URL.
        local = None if file.local is None else pa.OSFile(os.fsencode(file.local))
        with (
            local or nullcontext(handle) as place,
            pq.ParquetFile(
                place, metadata=footer, buffer_size=BUFFER_BYTES, pre_buffer=False
            ) as reader,
        ):
            yield reader


def parquet_batches(source: ParquetSource, column: str) -> Iterator[Any]:
    """Yield the record batches of another column of the file; without it, of the whole table."""
    with _opened(source.file) as reader:
        known = column in reader.schema_arrow.names
        yield from reader.iter_batches(columns=[column] if known else None, use_threads=False)
    source.check_unchanged()
