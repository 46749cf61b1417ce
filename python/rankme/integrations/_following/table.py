"""A table in a file, to which rows are added."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from rankme.integrations._following.pieces import Block, Follower, Piece, Reading
from rankme.integrations._following.settled import Settling, Stamp, blocks_of, opened, stamp_of
from rankme.sources._errors import BadDataError, NoRowsError
from rankme.sources._time_column import times_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources import RowSource

__all__ = ["TableFollower"]


class TableFollower(Follower):
    """A file, which is read to its end; with a column of times, one to which rows are added.

    Each version of it must begin with the rows of the one before, told by their times: rows are
    added at the end, and none is taken away.

    Parameters
    ----------
    path, reading, settle
        As of `FolderFollower`.
    """

    def __init__(self, path: str, reading: Reading, settle: float) -> None:
        self.name = path
        self._reading = reading
        self._settling = Settling(settle if reading.time_column is not None else 0.0)
        self._rows = 0
        self._digest = hashlib.sha256().hexdigest()
        self._stamp: Stamp | None = None  # of the version that was taken
        self._seen: Stamp | None = None

    def look(self, wait: float) -> Piece | None:
        """Return the rows that are new."""
        stamp = stamp_of(self.name)
        if stamp == self._stamp or not self._settling.is_settled(self.name, stamp):
            time.sleep(wait)
            return None
        self._seen = stamp
        return self._piece(stamp)

    def _piece(self, stamp: Stamp) -> Piece:
        """Return the rows behind those that were taken."""
        source: RowSource | None = None
        digest = self._digest

        def blocks() -> Iterator[Block]:
            nonlocal source, digest
            try:
                source = opened(self.name, self._reading)
            except NoRowsError:
                if self._rows:
                    raise
                return
            times = None
            if self._reading.time_column is not None:
                times = times_of(source, self._reading.time_column)
                self._require_grown(times)
                digest = _digest(times)
            elif self._stamp is not None:
                raise BadDataError(
                    self.name,
                    "changed after its rows were taken in; --time-column tells which rows are new",
                )
            if self._rows < source.n_rows:
                yield from blocks_of(source, times, self._rows)
            if stamp_of(self.name) != stamp:
                raise BadDataError(self.name, "changed while it was read")

        def bad_entry(row: int, column: int, value: float) -> ValueError:
            assert source is not None  # noqa: S101 - a row of it was read
            return source.bad_entry(row, column, value)

        def taken(rows: int) -> None:
            self._rows += rows
            self._digest, self._stamp = digest, stamp

        return Piece(self.name, blocks, bad_entry, stamp.mtime_ns / 1e9, taken)

    def _require_grown(self, times: NDArray[np.float64]) -> None:
        """Refuse a version that does not begin with the rows that were taken."""
        if len(times) < self._rows or _digest(times[: self._rows]) != self._digest:
            raise BadDataError(
                self.name,
                f"does not begin any more with the {self._rows} rows that were taken in; rows may "
                f"be added at its end only",
            )

    def has_changed(self) -> bool:
        """Whether the file is another one than `look` saw."""
        return self._seen is not None and self._seen != stamp_of(self.name)

    @property
    def is_finite(self) -> bool:
        """Without a column of times it does not grow."""
        return self._reading.time_column is None

    @property
    def ended(self) -> bool:
        """Whether it was read as it is now."""
        return self._stamp == stamp_of(self.name)

    def position(self) -> dict[str, Any]:
        """Return how many rows were read, a digest of their times, and of which version."""
        stamp = None if self._stamp is None else list(self._stamp)
        return {"rows": self._rows, "digest": self._digest, "stamp": stamp}

    def go_to(self, position: dict[str, Any]) -> None:
        """Know the rows that were read."""
        self._rows, self._digest = int(position["rows"]), str(position["digest"])
        stamp = position["stamp"]
        self._stamp = None if stamp is None else Stamp(*map(int, stamp))


def _digest(times: NDArray[np.float64]) -> str:
    """Return what tells the times of rows from others."""
    return hashlib.sha256(times.tobytes()).hexdigest()
