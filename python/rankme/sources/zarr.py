"""Arrays in Zarr stores, formats 2 and 3, read chunk by chunk by the zarr package."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.optional import require
from rankme.sources._checks import check_dtype, check_shape, is_matrix, pick
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._shown import hidden_values, redacted, secrets_of
from rankme.sources._source import BLOCK_BYTES, Identity, RowSource, check_start
from rankme.sources._stored_tags import KEY, stored_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from rankme.sources._reading import Reading

__all__ = ["ZarrSource", "is_store", "open_zarr"]

METADATA = ("zarr.json", ".zarray", ".zgroup")


def is_store(names: Collection[str]) -> bool:
    """Whether a folder with files of these names is a Zarr store."""
    return any(name in names for name in METADATA)


def open_zarr(
    name: str, place: str, reading: Reading, identify: Callable[[str | None], Identity]
) -> ZarrSource:
    """Open one array of a store.

    Parameters
    ----------
    name
        Folder or URL of an array, or of a group, as it is shown.
    place
        The same, as it is opened.
    reading
        With the path of the array in the group, needed where several are 2-D and floating.
    identify
        Looks at the files of the store; called again to see whether they have changed.
    """
    with _parsing(name, place, reading.storage):
        return _open_array(name, place, reading, identify)


def _open_array(
    name: str, place: str, reading: Reading, identify: Callable[[str | None], Identity]
) -> ZarrSource:
    """Open one array of a store that is one or a group."""
    root = _open(name, place, reading.storage)
    arrays = {"": root} if hasattr(root, "chunks") else dict(_arrays(root, ""))
    found = {
        key: is_matrix(array.shape, reading.kind_of(array.dtype)) for key, array in arrays.items()
    }
    column = None if reading.column is None else reading.column.strip("/")
    key = pick(name, column, found, "array")
    array, label = arrays[key], f"{name}[{key}]" if key else name
    check_dtype(label, array.dtype, reading)
    n_rows, n_cols = check_shape(label, array.shape)
    _check_chunks(label, array)
    member = key if len(arrays) > 1 else None
    rows = array.chunks[0]  # of a shard too, which is read a chunk at a time
    step = max(1, BLOCK_BYTES // (n_cols * array.dtype.itemsize))
    # Whole chunks, lest they are decompressed several times.
    step = max(rows, step // rows * rows)
    identity = identify(member)
    source = ZarrSource(
        name, place, identity, n_rows, n_cols, array.dtype, key, step, identify, reading.storage
    )
    return source.tagged(stored_tags(name, array.attrs.get(KEY, root.attrs.get(KEY))))


def _open(name: str, place: str, storage: Mapping[str, Any]) -> Any:
    """Open a store by the zarr package."""
    zarr = require("zarr", extra="zarr", what=f"{name}: Zarr")
    with _parsing(name, place, storage):
        return zarr.open(place, mode="r", storage_options=dict(storage) or None)


@contextmanager
def _parsing(
    name: str, place: str, storage: Mapping[str, Any], cannot: str = "cannot"
) -> Iterator[None]:
    """Turn errors into those of a store, as `parsing` does, without its secrets."""
    secrets = (*secrets_of(place), *hidden_values(storage, name)) if "://" in place else ()
    try:
        with parsing(name, cannot):
            yield
    except BadDataError as error:
        # Other kinds have a text of ours alone.
        if not any(secrets) or type(error) is not BadDataError:
            raise
        raise BadDataError(error.name, redacted(error.problem, secrets)) from None
    except OSError as error:
        if not any(secrets):
            raise
        raise OSError(error.errno, redacted(error.strerror or str(error), secrets), name) from None


def _check_chunks(label: str, array: Any) -> None:
    """Refuse an array of which chunks are missing."""
    # A chunk that is not there would read as the fill value: rows of zeros where rows were lost, or
    # are not written yet.
    stored = getattr(array, "shards", None) or array.chunks
    files = math.prod(-(-side // part) for side, part in zip(array.shape, stored, strict=True))
    wanted = files * math.prod(stored) // math.prod(array.chunks)
    if array.nchunks_initialized != wanted:
        raise BadDataError(
            label, f"has {array.nchunks_initialized} of {wanted} chunks; wanted all of them"
        )


def _arrays(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a group and its groups, each with its path."""
    for key, array in sorted(group.arrays(), key=itemgetter(0)):
        yield f"{path}{key}", array
    for key, inner in sorted(group.groups(), key=itemgetter(0)):
        yield from _arrays(inner, f"{path}{key}/")


@dataclass(frozen=True)
class ZarrSource(RowSource):
    """A 2-D array of a Zarr store.

    A block takes whole chunks: about 16 MiB, or the rows of one chunk if that is more.
    """

    name: str
    place: str = field(repr=False)
    identity: Identity
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    key: str
    step: int
    identify: Callable[[str | None], Identity] = field(repr=False, compare=False)
    storage: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002 - blocks are fresh
        """Yield the rows from ``start`` on, whole chunks at a time."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, first: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from one on."""
        self.check_unchanged()
        root = _open(self.name, self.place, self.storage)
        array = root[self.key] if self.key else root
        while first < self.n_rows:
            # The first block may end a chunk that begins before it.
            last = min((first // self.step + 1) * self.step, self.n_rows)
            yield self._read(array, first, last)
            first = last
        # A chunk that was removed meanwhile was read as the fill value.
        self.check_unchanged()

    def _read(self, array: Any, first: int, last: int) -> NDArray[Any]:
        """Read some rows of an array."""
        cannot = f"rows {first} to {last - 1} cannot"
        with _parsing(self.name, self.place, self.storage, cannot):
            return np.asarray(array[first:last])

    def check_unchanged(self) -> None:
        """Compare the names, sizes and times of the files of the store."""
        if self.identify(self.identity.column) != self.identity:
            raise BadDataError(self.name, "changed since it was opened")
