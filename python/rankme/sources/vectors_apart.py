"""Vectors that lie apart: one in each file of a folder, or one under each key of a container.

Models that embed one thing at a time write so: a file for each image, a key for each protein. The
vectors are the rows of one set, files in natural order and keys in that of their container.
"""

from __future__ import annotations

import glob
import hashlib
import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._errors import BadDataError, NoRowsError
from rankme.sources._folders import LocalFolder, is_data
from rankme.sources._listing import in_order
from rankme.sources._shown import shown_url
from rankme.sources._single_vectors import FILES, KEYS, as_vector, keyed_by, vector_in
from rankme.sources._source import BLOCK_BYTES, Identity, RowSource, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rankme.sources._reading import Reading

__all__ = ["VectorsApart", "open_vectors"]


@dataclass(frozen=True)
class VectorsApart(RowSource):
    """Rows that lie apart.

    Parameters
    ----------
    name
        The folder, pattern or container.
    path
        The container; None where rows are files.
    places
        The paths of the files, or the keys, in the order of their rows.
    column
        Of files with dictionaries: the keys of the vector.
    identity, n_rows, n_cols, dtype
        As of every source.
    """

    name: str
    path: str | None
    places: tuple[str, ...]
    column: str | None
    identity: Identity
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield the rows from ``start`` on; blocks are copies."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield vectors that were read, some thousands at a time."""
        self.check_unchanged()
        step = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        vectors = self._vectors(start)
        while some := list(islice(vectors, step)):
            yield np.stack(some)
        self.check_unchanged()

    def _vectors(self, start: int) -> Iterator[NDArray[Any]]:
        """Read one vector after the other."""
        if self.path is None:
            for row, path in enumerate(self.places[start:], start):
                yield self._checked(row, vector_in(path, self.column))
            return
        with keyed_by(self.path) as held:
            for row, key in enumerate(self.places[start:], start):
                yield self._checked(row, as_vector(self._label(row), held.vector(key)))

    def _label(self, row: int) -> str:
        """Name the place of a row as errors do."""
        return self.places[row] if self.path is None else f"{self.path}[{self.places[row]}]"

    def _checked(self, row: int, vector: NDArray[Any]) -> NDArray[Any]:
        """Return a vector that is like the first one."""
        if vector.size != self.n_cols:
            raise BadDataError(
                self._label(row),
                f"holds {vector.size} numbers, and {self._label(0)} holds {self.n_cols}; all "
                f"vectors of a set have one length",
            )
        if vector.dtype != self.dtype:
            raise BadDataError(
                self._label(row), f"holds {vector.dtype}, and {self._label(0)} {self.dtype}"
            )
        return vector

    def check_unchanged(self) -> None:
        """Raise a BadDataError if files have changed, come or gone since they were opened."""
        files = self.places if self.path is None else (self.path,)
        if _identity(self.name, files, self.identity.column) != self.identity:
            raise BadDataError(self.name, "changed since it was opened")

    def where(self, row: int) -> str:
        """Say which file or key a row is."""
        return f"row {row}, {self.places[row]}"


def open_vectors(path: str, reading: Reading) -> VectorsApart:
    """Open vectors that lie apart.

    Parameters
    ----------
    path
        A folder or pattern of files; or a container of keys.
    reading
        With `rows_are`, and with the keys of the vector in files that have some.

    Raises
    ------
    BadDataError, MissingLibraryError, OSError
        As `rankme.open_source`.
    """
    if "://" in path:
        name = shown_url(path)
        raise BadDataError(name, "vectors that lie apart are read from disk: fetch them first")
    if reading.told is not None or reading.takes_bytes or reading.storage:
        raise BadDataError(
            path,
            "vectors that lie apart have a type of their own: leave out dtype, integers, "
            "unpack_bits and storage options",
        )
    if reading.rows_are == "files":
        places = _files(path)
        first = vector_in(places[0], reading.column)
        container = None
    else:
        if reading.column is not None:
            raise BadDataError(path, "each key is a row: leave out column, --column")
        places, first = _keys(path)
        container = path
    return VectorsApart(
        path,
        container,
        places,
        reading.column,
        _identity(path, places if container is None else (path,), reading.column),
        len(places),
        first.size,
        first.dtype,
    )


def _files(path: str) -> tuple[str, ...]:
    """List the files of a folder, its sub-folders too, or those that match a pattern."""
    if os.path.isdir(path):  # noqa: PTH112
        found = LocalFolder(path).names()
        found = [os.path.join(path, name) for name in found if is_data(name.split("/"))]  # noqa: PTH118
    else:
        found = [name for name in glob.glob(path, recursive=True) if os.path.isfile(name)]  # noqa: PTH113, PTH207
    kept = [name for name in found if name.lower().endswith(FILES)]
    if not kept:
        raise NoRowsError(path, f"has no files of single vectors; wanted {', '.join(FILES)}")
    suffixes = sorted({os.path.splitext(name)[1].lower() for name in kept})  # noqa: PTH122
    if len(suffixes) > 1 and set(suffixes) != {".pt", ".pth"}:
        raise BadDataError(
            path, f"holds files of several formats: {', '.join(suffixes)}; name some by a pattern"
        )
    return tuple(in_order(kept))


def _keys(path: str) -> tuple[tuple[str, ...], NDArray[Any]]:
    """List the keys of a container, and read its first vector."""
    if not path.lower().endswith(KEYS):
        raise BadDataError(path, f"is no container of keys; wanted {', '.join(KEYS)}")
    with keyed_by(path) as held:
        keys = tuple(held.keys)
        if not keys:
            raise NoRowsError(path, "has no keys")
        return keys, as_vector(f"{path}[{keys[0]}]", held.vector(keys[0]))


def _identity(name: str, files: Sequence[str], column: str | None) -> Identity:
    """Tell the files by their names, sizes and times."""
    digest, size = hashlib.sha256(), 0
    for file in files:
        status = os.stat(file)  # noqa: PTH116
        size += status.st_size
        digest.update(
            f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape")
        )
    return Identity(os.path.realpath(name), size, f"sha256:{digest.hexdigest()}", column)
