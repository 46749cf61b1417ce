"""Columns of vectors in Parquet files, decoded by PyArrow, row groups side by side."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme.sources._bytes.read_ahead import read_in_parallel
from rankme.sources._checks import check_table_shape
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._grouped import GroupedSource
from rankme.sources._source import BLOCK_BYTES, Pool, check_start
from rankme.sources._told import LOOKED_AT
from rankme.sources._vectors import VectorColumn, find_column, pyarrow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile

__all__ = ["ParquetSource"]

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

    @classmethod
    def open(cls, file: DataFile, column: str | None, told: str | None = None) -> ParquetSource:
        """Read the footer of a file, and where the type does not tell the width, the first row.

        Parameters
        ----------
        file
            A Parquet file.
        column
            Name of a top-level column, needed where several hold vectors.
        told
            What the bytes of a binary column are.
        """
        with _opened(file) as reader:
            schema, metadata = reader.schema_arrow, reader.metadata
            name = find_column(file.name, schema, column, told)
            vectors = VectorColumn(file.name, schema.field(name), told=told)
            if metadata.num_rows and (vectors.n_cols is None or vectors.told is not None):
                size = 1 if vectors.told is None else LOOKED_AT
                first = next(
                    reader.iter_batches(batch_size=size, columns=[name], use_threads=False)
                )
                vectors.look(first.column(name))
        groups = range(metadata.num_row_groups)
        firsts = tuple(accumulate((metadata.row_group(i).num_rows for i in groups), initial=0))
        n_cols = vectors.n_cols or 0
        check_table_shape(f"{file.name}[{name}]", firsts[-1], n_cols)
        return cls(file, name, n_cols, vectors.dtype, firsts, told=vectors.told)

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
        return self._blocks(start, hold)

    def _blocks(self, start: int, hold: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from one on."""
        most = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        pool = Pool((min(most, self.n_rows), self.n_cols), self.dtype, hold)
        groups = range(self.group_of(start), len(self.firsts) - 1)
        with _opened(self.file) as reader:
            # Of one file at a time: a footer may take megabytes, and there may be thousands.
            footer = reader.metadata
        jobs = (partial(self._group, footer, group, start, pool) for group in groups)
        with closing(read_in_parallel(jobs, _workers())) as blocks:
            yield from pool.lend(blocks)
        self.file.check_unchanged()

    def _group(
        self, footer: Any, group: int, start: int, pool: Pool
    ) -> Generator[NDArray[Any], None, None]:
        """Yield the rows of a group from ``start`` on, in blocks."""
        block, used = None, 0
        for rows in self._batches(footer, group, start):
            if block is not None and used + len(rows) > len(block):
                yield block[:used]
                block, used = None, 0
            if block is None:
                block = pool.take()
            block[used : used + len(rows)] = rows
            used += len(rows)
        if block is not None:
            yield block[:used]

    def _batches(self, footer: Any, group: int, start: int) -> Iterator[NDArray[Any]]:
        """Yield the rows of a group from one on, decoded a few at a time."""
        first, last = self.firsts[group : group + 2]
        size = max(1, BATCH_BYTES // (self.n_cols * self.dtype.itemsize))
        with _opened(self.file, footer) as reader:
            field_ = reader.schema_arrow.field(self.column)
            vectors = VectorColumn(self.file.name, field_, self.n_cols, told=self.told)
            batches = reader.iter_batches(
                batch_size=size, row_groups=[group], columns=[self.column], use_threads=False
            )
            for batch in batches:
                # A row group cannot be entered in the middle: rows before the start are dropped.
                array = batch.column(self.column)
                array = array.slice(min(max(start - first, 0), batch.num_rows))
                end = first + batch.num_rows
                read = vectors.matrix_with_nan if self.nulls_as_nan else vectors.matrix
                if len(array):
                    yield read(array, partial(self._place, group, end - len(array)))
                first = end
        if first != last:
            raise BadDataError(
                self.file.name,
                f"row group {group} gave {first - self.firsts[group]} rows; its footer announces "
                f"{last - self.firsts[group]}",
            )

    def _place(self, group: int, first: int, row: int) -> str:
        """Say where a row of a group stands."""
        return self.where_in(group, first + row)


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
