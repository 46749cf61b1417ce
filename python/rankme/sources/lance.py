"""Columns of vectors in Lance datasets, and so in tables of LanceDB, read by the lance package.

A dataset is read in the version that it had when it was opened: what is written meanwhile is
another version, and rows that were deleted are not among those that Lance gives.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rankme._base.optional import require
from rankme.sources._checks import check_table_shape
from rankme.sources._converted import converted
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._formats import require_told
from rankme.sources._grouped import TOLD, ways_in_memory
from rankme.sources._source import BLOCK_BYTES, Identity, RowSource, check_start
from rankme.sources._stored_tags import KEY, stored_tags
from rankme.sources._told import LOOKED_AT
from rankme.sources._vector_paths import VectorPath, find_path
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources._reading import Reading

__all__ = ["LanceSource", "lance_batches", "open_lance"]

# Lance reads ahead by batches; a few of these are nothing beside the rest.
BATCH_BYTES = BLOCK_BYTES // 4
AHEAD = 4
BUFFER_BYTES = 4 * BLOCK_BYTES


def open_lance(name: str, reading: Reading) -> RowSource:
    """Open a column of a dataset, in its newest version.

    Parameters
    ----------
    name
        Its folder, on disk.
    reading
        With the name of the column, needed where several hold vectors.

    Raises
    ------
    BadDataError
        It has no such column, or cannot be read.
    MissingLibraryError
        The package lance is not installed.
    """
    place = os.path.realpath(name)
    data = _opened(name, place)
    schema = data.schema
    path = find_path(
        name,
        schema,
        reading.column,
        reading.told,
        integers=reading.takes_bytes,
        advice=ways_in_memory(f"lance.dataset({name!r}).to_table()"),
    )
    column = path.column
    vectors = VectorColumn(name, path.field, told=reading.told, reading=reading)
    with parsing(name):
        n_rows = int(data.count_rows())
        if n_rows and (vectors.n_cols is None or vectors.told is not None):
            first = data.scanner(columns=path.columns, limit=LOOKED_AT)
            vectors.look(map(path.array, first.to_batches()))
        files = tuple(_files_of(data))
    n_cols = vectors.n_cols or 0
    check_table_shape(f"{name}[{column}]", n_rows, n_cols)
    source = LanceSource(
        name,
        place,
        column,
        files,
        _stamped(name, place, files),
        n_rows,
        n_cols,
        vectors.dtype,
        int(data.version),
        vectors.told,
        dimensions=path.dimensions,
    ).tagged(stored_tags(name, (schema.metadata or {}).get(KEY.encode())))
    require_told(source, reading.told)
    return converted(source, reading)


def _opened(name: str, place: str, version: int | None = None) -> Any:
    """Open a dataset by Lance."""
    lance = require("lance", extra="lance", what=f"{name}: a Lance dataset")
    with parsing(name):
        return lance.dataset(place, version=version)


def _files_of(data: Any) -> Iterator[str]:
    """Yield the files of a version, relative to the folder."""
    for part in data.get_fragments():
        for file in part.metadata.files:
            yield f"data/{file.path}"
        deleted = part.deletion_file()
        if deleted is not None:
            yield deleted


def _stamped(name: str, place: str, files: tuple[str, ...]) -> tuple[int, str]:
    """Return the size of some files, and a mark that changes with them."""
    found = []
    for file in files:
        try:
            status = os.stat(os.path.join(place, file))  # noqa: PTH116, PTH118
        except FileNotFoundError:
            raise BadDataError(name, f"changed since it was opened: {file} is gone") from None
        found.append((file, status.st_size, status.st_mtime_ns))
    digest = hashlib.sha256(repr(found).encode("utf-8", "surrogateescape")).hexdigest()
    return sum(size for _, size, _ in found), f"sha256:{digest}"


@dataclass(frozen=True)
class LanceSource(RowSource):
    """One column of a dataset in one version.

    Attributes
    ----------
    place : str
        Its absolute path.
    column : str
    files : tuple of str
        Those of the version, in the folder.
    stamp : tuple of int and str
        Their size and what tells them from others.
    version : int
    told : str or None
        What the bytes of a binary column are, or the integers of lists.
    """

    name: str
    place: str
    column: str
    files: tuple[str, ...]
    stamp: tuple[int, str]
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    version: int
    told: str | None = None
    nulls_as_nan: bool = False
    dimensions: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """Of the files of the version; bytes taken for another type are other rows."""
        size, version = self.stamp
        told = "" if self.told is None else f"{TOLD}{self.told}"
        return Identity(self.place, size, f"{version}{told}", self.column)

    def check_unchanged(self) -> None:
        """Compare the sizes and times of the files of the version."""
        if _stamped(self.name, self.place, self.files) != self.stamp:
            raise BadDataError(self.name, "changed since it was opened")

    def with_nulls_as_nan(self) -> LanceSource:
        """Return the source in which what is null is NaN."""
        return replace(self, nulls_as_nan=True).tagged(self.tags)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002 - blocks are fresh
        """Yield the rows from ``start`` on, in the order of the dataset."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from one on."""
        if start == self.n_rows:
            return
        self.check_unchanged()
        data = _opened(self.name, self.place, self.version)
        path = VectorPath(self.name, data.schema, self.column)
        read = self._reader(path)
        with parsing(self.name, f"rows {start} and on cannot"):
            batches = data.scanner(
                columns=path.columns,
                offset=start or None,
                batch_size=self._step(),
                batch_readahead=AHEAD,
                fragment_readahead=1,
                io_buffer_size=BUFFER_BYTES,
                scan_in_order=True,
            ).to_batches()
            for batch in batches:
                if batch.num_rows:
                    yield read(path.array(batch, start), start)
                    start += batch.num_rows
        if start != self.n_rows:
            raise BadDataError(self.name, f"gave {start} rows; it had announced {self.n_rows}")
        self.check_unchanged()

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield chosen rows, which Lance looks up."""
        data = _opened(self.name, self.place, self.version)
        path = VectorPath(self.name, data.schema, self.column)
        step = self._step()
        for first in range(0, len(rows), step):
            some = rows[first : first + step]
            with parsing(self.name, f"rows {some[0]} to {some[-1]} cannot"):
                table = data.take(some.tolist(), columns=path.columns).combine_chunks()
            (batch,) = table.to_batches()
            yield self._reader(path, some)(path.array(batch), 0)
        self.check_unchanged()

    def _step(self) -> int:
        """Count the rows of a batch."""
        return max(1, BATCH_BYTES // (self.n_cols * self.dtype.itemsize))

    def _reader(
        self, path: VectorPath, rows: NDArray[np.int64] | None = None
    ) -> Callable[[Any, int], NDArray[Any]]:
        """Return what makes a matrix of a chunk, whose first row is told, of all or some rows."""
        vectors = VectorColumn(self.name, path.field, self.n_cols, told=self.told)
        read = vectors.matrix_with_nan if self.nulls_as_nan else vectors.matrix

        def matrix(array: Any, first: int) -> NDArray[Any]:
            return read(
                array,
                lambda row: self.where(first + row if rows is None else int(rows[first + row])),
            )

        return matrix


def lance_batches(source: LanceSource, column: str) -> Iterator[Any]:
    """Yield the record batches of another column of the same version."""
    data = _opened(source.name, source.place, source.version)
    known = data.schema.get_field_index(column) >= 0
    with parsing(source.name):
        yield from data.scanner(
            columns=[column] if known else None, io_buffer_size=BUFFER_BYTES, scan_in_order=True
        ).to_batches()
    source.check_unchanged()
