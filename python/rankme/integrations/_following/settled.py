"""Files that are written no more, and the blocks of their rows."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from rankme._base.tags import DIMENSIONS
from rankme.integrations._following.pieces import Block
from rankme.sources import open_source
from rankme.sources._converted import as_reading
from rankme.sources._errors import BadDataError
from rankme.sources._formats import open_file
from rankme.sources._sharded import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources import RowSource
    from rankme.sources._bytes.files import DataFile
    from rankme.sources._reading import StreamReading

__all__ = ["Settling", "Stamp", "blocks_of", "opened", "require_expected", "stamp_of"]


class Stamp(NamedTuple):
    """What tells a file from others, and from what it was before."""

    device: int
    inode: int
    size: int
    mtime_ns: int


def stamp_of(path: str) -> Stamp:
    """Look at a file."""
    status = os.stat(path)  # noqa: PTH116
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Settling:
    """Which files are written no more: they stayed as they are for some seconds.

    A file may be old when it is seen first; then its own time says so, and nobody waits.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._seen: dict[str, tuple[Stamp, float]] = {}

    def is_settled(self, path: str, stamp: Stamp) -> bool:
        """Look at a file once more."""
        now = time.monotonic()
        before = self._seen.get(path)
        if before is None or before[0] != stamp:
            before = self._seen[path] = (stamp, now)
        age = time.time() - stamp.mtime_ns / 1e9
        return now - before[1] >= self.seconds or age >= self.seconds

    def forget(self, path: str) -> None:
        """Look at a file no more."""
        self._seen.pop(path, None)


def opened(path: str, reading: StreamReading, file: DataFile | None = None) -> RowSource:
    """Open a file, or what a follower takes of it; one without rows is a NoRowsError."""
    if file is None:
        source = open_source(
            path, column=reading.column, dtype=reading.told, integers=reading.integers
        )
    else:
        source = open_file(file, as_reading(reading.column, reading.told, reading.integers, False))
    return source.with_nulls_as_nan() if reading.nulls else source


def require_expected(source: RowSource, expected: str | None) -> None:
    """Refuse a file whose dimensions are other columns than those of the reference."""
    found = tags_of(source).get(DIMENSIONS)
    if expected is not None and found is not None and found != expected:
        raise BadDataError(
            source.name,
            f"has the columns {found} as dimensions, and the reference {expected}: they would be "
            f"compared by their place; --column and --reference-column 'x_*' put them in "
            f"order, and an array as reference has no names",
        )


def blocks_of(
    source: RowSource, times: NDArray[np.float64] | None, start: int = 0
) -> Iterator[Block]:
    """Yield the rows of a source from one on, each block to outlive a step."""
    done = start
    for rows in source.blocks(start, hold=1):
        when = None if times is None else times[done : done + len(rows)]
        yield Block(rows, when, done)
        done += len(rows)
    if done != source.n_rows:
        raise BadDataError(source.name, f"gave {done} rows; it had announced {source.n_rows}")
