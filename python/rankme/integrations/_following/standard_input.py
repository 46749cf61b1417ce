"""Standard input, read beside the loop so that a pipe that is silent holds nothing up."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from rankme.integrations._following.pieces import Block, Follower, Piece
from rankme.sources._errors import BadDataError
from rankme.sources._row_stream import stream_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rankme.sources._reading import StreamReading
    from rankme.sources._row_stream import StreamBlock

__all__ = ["StreamFollower"]

_AHEAD = 4  # blocks that wait to be taken in


class StreamFollower(Follower):
    """A stream of bytes, of which each block of rows counts by itself.

    Nothing tells whether a stream that is resumed begins anew. Rows that come are taken as new
    ones: whoever sends them again sends those behind `position`.

    Parameters
    ----------
    raw
        Unbuffered.
    name
        What it is called.
    reading
        How.
    """

    def __init__(self, raw: Any, name: str, reading: StreamReading) -> None:
        self.name = name
        self._raw, self._reading = raw, reading
        self._queue: queue.Queue[StreamBlock | BaseException | None] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._pump, daemon=True, name="rankme-stdin")
        self._next: StreamBlock | None = None
        self._ended = False
        self._rows = 0

    def _pump(self) -> None:
        """Read blocks, until the end or an error."""
        try:
            for block in stream_blocks(self._raw, self.name, self._reading):
                self._queue.put(block)
        except BaseException as error:  # noqa: BLE001 - it is raised where the rows are wanted
            self._queue.put(error)
        else:
            self._queue.put(None)

    def look(self, wait: float) -> Piece | None:
        """Return the rows that came next."""
        if self._next is None and not self._ended:
            self._fetch(wait)
        return None if self._next is None else self._piece(self._next)

    def _fetch(self, wait: float) -> None:
        """Take what comes out of the queue."""
        if self._thread.ident is None:
            self._thread.start()
        try:
            found = self._queue.get(timeout=wait)
        except queue.Empty:
            return
        if isinstance(found, BaseException):
            self._ended = True
            raise found
        self._next, self._ended = found, found is None

    def _piece(self, block: StreamBlock) -> Piece:
        """Return a block as a piece."""

        def blocks() -> Iterator[Block]:
            yield Block(block.rows, block.times, 0)

        def taken(rows: int) -> None:
            self._next = None
            self._rows += rows

        bad_entry = _bad_entry(self.name, block.where)
        return Piece(self.name, blocks, block.where, bad_entry, time.time(), taken)

    @property
    def is_finite(self) -> bool:
        """It ends when the other side closes it."""
        return True

    @property
    def ended(self) -> bool:
        """Whether it was closed and all was taken."""
        return self._ended and self._next is None

    def position(self) -> dict[str, Any]:
        """Return how many rows were read, over all runs."""
        return {"rows": self._rows}

    def go_to(self, position: dict[str, Any]) -> None:
        """Count on."""
        self._rows = int(position["rows"])


def _bad_entry(name: str, where: Callable[[int], str]) -> Callable[[int, int, float], BadDataError]:
    """Return what makes the error of an entry."""

    def error(row: int, column: int, value: float) -> BadDataError:
        return BadDataError(
            name,
            f"{where(row)}, column {column} (counted from 0) is {value}; every entry must be "
            f"finite",
        )

    return error
