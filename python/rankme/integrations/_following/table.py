"""A table in a file, to which rows are added."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from rankme.integrations._following.pieces import Block, Follower, Piece
from rankme.integrations._following.settled import (
    Settling,
    Stamp,
    blocks_of,
    opened,
    require_expected,
    stamp_of,
)
from rankme.integrations._following.text_table import TextTable, Whole, grows_by_lines
from rankme.sources._errors import BadDataError, NoRowsError
from rankme.sources._time_column import times_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources import RowSource
    from rankme.sources._reading import StreamReading

__all__ = ["TableFollower"]

_BETWEEN = 3.0  # from one look at text to the next, in times of what a look took


class TableFollower(Follower):
    """A file, which is read to its end; with a column of times, one to which rows are added.

    Each version of it must begin with the rows of the one before, told by their times, and of text
    by its bytes: rows are added at the end, and none is taken away. Text is read up to the end of
    its last line at each look, and need not settle.

    Parameters
    ----------
    path, reading, settle
        As of `FolderFollower`.
    """

    def __init__(self, path: str, reading: StreamReading, settle: float) -> None:
        self.name = path
        self._reading = reading
        self._settling = Settling(settle if reading.time_column is not None else 0.0)
        followed = reading.time_column is not None
        self._text = TextTable(path) if followed and grows_by_lines(path) else None
        self._whole: Whole | None = None  # what `look` saw of it
        self._was_read = False
        self._next_look = 0.0
        self._rows = 0
        self._digest = hashlib.sha256().hexdigest()
        self._stamp: Stamp | None = None  # of the version that was taken
        self._seen: Stamp | None = None

    def look(self, wait: float) -> Piece | None:
        """Return the rows that are new."""
        piece = self._look(wait)
        if piece is None:
            time.sleep(wait)
        return piece

    def _look(self, wait: float) -> Piece | None:
        """Return the rows that are new, without waiting for them."""
        begin = time.monotonic()
        stamp = stamp_of(self.name)
        if stamp == self._stamp or begin < self._next_look:
            return None
        whole = None if self._text is None else self._text.look()
        if whole is None:
            # Not text, or text that is written anew and will be whole when it stays as it is.
            if not self._settling.is_settled(self.name, stamp):
                return None
            if self._text is not None:
                raise self._not_grown()
        elif self._text is not None and whole.end == self._text.end:
            self._read(stamp)
            return None
        self._seen, self._whole = stamp, whole
        return self._piece(stamp, whole, begin, wait)

    def _read(self, stamp: Stamp) -> None:
        """Know that all of a version was taken."""
        self._stamp, self._was_read = stamp, True

    def _piece(self, stamp: Stamp, whole: Whole | None, begin: float, wait: float) -> Piece:
        """Return the rows behind those that were taken."""
        source: RowSource | None = None
        digest = self._digest

        def blocks() -> Iterator[Block]:
            nonlocal source, digest
            try:
                source = opened(self.name, self._reading, None if whole is None else whole.file)
            except NoRowsError:
                if self._rows:
                    raise
                return
            require_expected(source, self.expected)
            times = self._times(source)
            if times is not None:
                digest = _digest(times)
            if self._rows < source.n_rows:
                yield from blocks_of(source, times, self._rows)
            self._require_same(stamp, whole)

        def where(row: int) -> str:
            assert source is not None  # noqa: S101 - a row of it was read
            return source.where(row)

        def bad_entry(row: int, column: int, value: float) -> ValueError:
            assert source is not None  # noqa: S101 - a row of it was read
            return source.bad_entry(row, column, value)

        def taken(rows: int) -> None:
            self._rows += rows
            self._digest = digest
            self._read(stamp)
            if self._text is not None and whole is not None:
                self._text.take(whole)
                now = time.monotonic()
                self._next_look = now + max(wait, _BETWEEN * (now - begin))

        return Piece(self.name, blocks, where, bad_entry, stamp.mtime_ns / 1e9, taken)

    def _require_same(self, stamp: Stamp, whole: Whole | None) -> None:
        """Refuse a file that is another one than `look` saw; of text, if its records are."""
        if whole is not None:
            whole.file.check_unchanged()
        elif stamp_of(self.name) != stamp:
            raise BadDataError(self.name, "changed while it was read")

    def _times(self, source: RowSource) -> NDArray[np.float64] | None:
        """Return the times of rows; refuse a version that does not begin with those taken."""
        if self._reading.time_column is None:
            if self._stamp is not None:
                raise BadDataError(
                    self.name,
                    "changed after its rows were taken in; --time-column tells which rows are new",
                )
            return None
        times = times_of(source, self._reading.time_column)
        if len(times) < self._rows or _digest(times[: self._rows]) != self._digest:
            raise self._not_grown()
        return times

    def _not_grown(self) -> BadDataError:
        """Return the error of a version that does not begin with the rows that were taken."""
        return BadDataError(
            self.name,
            f"does not begin any more with the {self._rows} rows that were taken in; rows may be "
            f"added at its end only",
        )

    def has_changed(self) -> bool:
        """Whether the file is another one than `look` saw; of text, whether its records are."""
        if self._whole is None:
            return self._seen is not None and self._seen != stamp_of(self.name)
        # A log that grows all the time is not to hide that a line of it cannot be read.
        try:
            self._whole.file.check_unchanged()
        except BadDataError:
            return True
        return False

    @property
    def is_finite(self) -> bool:
        """Without a column of times it does not grow."""
        return self._reading.time_column is None

    @property
    def ended(self) -> bool:
        """Whether it was read as it is now; text that is written on, as it was at a look."""
        if self._text is not None and self._was_read:
            return True
        return self._stamp == stamp_of(self.name)

    def rest(self) -> str | None:
        """Say that a last line without an end was left."""
        if self._text is None or self._stamp is None:
            return None
        count = self._text.rest(self._stamp.size)
        if not count:
            return None
        return (
            f"the last line has no end, and was left until it has one: {count} bytes from byte "
            f"{self._text.end} on"
        )

    def position(self) -> dict[str, Any]:
        """Return how many rows were read, a digest of their times, and of which version."""
        stamp = None if self._stamp is None else list(self._stamp)
        found = {"rows": self._rows, "digest": self._digest, "stamp": stamp}
        found |= {} if self.expected is None else {"expected": self.expected}
        if self._text is not None:
            found |= {"bytes": self._text.end, "content": self._text.digest}
        return found

    def go_to(self, position: dict[str, Any]) -> None:
        """Know the rows that were read."""
        self._rows, self._digest = int(position["rows"]), str(position["digest"])
        stamp = position["stamp"]
        if "expected" in position:
            self.expected = str(position["expected"])
        self._stamp = None if stamp is None else Stamp(*map(int, stamp))
        # A run that rankme began earlier knows its rows by their times only.
        if self._text is not None and "bytes" in position:
            self._text.end, self._text.digest = int(position["bytes"]), str(position["content"])


def _digest(times: NDArray[np.float64]) -> str:
    """Return what tells the times of rows from others."""
    return hashlib.sha256(times.tobytes()).hexdigest()
