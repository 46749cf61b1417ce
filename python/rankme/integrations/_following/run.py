"""A monitor and a source that grows, kept together: a row is in both or in neither."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.atomic_file import remove_strays
from rankme._base.errors import NonFiniteError
from rankme.integrations._following.run_state import (
    RunState,
    checkpoint_of,
    read_state,
    write_state,
)
from rankme.integrations._monitor.reached import is_timed, time_reached
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rankme._scoring.signals import Stops
    from rankme.integrations._following.pieces import Block, Follower, Piece
    from rankme.integrations._monitor.monitor import Monitor

__all__ = ["Run"]


class Run:
    """What `rankme watch` holds.

    Parameters
    ----------
    follower
        Where rows come from.
    make
        Makes the monitor for rows of a width, and learns its bands.
    told
        What the run is begun with, for JSON. A file of another run is refused by it.
    path
        Of the file, if there is one: resumed where it is there.
    page
        Shows the monitor, once there is one.

    Raises
    ------
    OSError
        The file cannot be read or written.
    ValueError
        It is no run, or one that was begun with something else.
    """

    def __init__(
        self,
        follower: Follower,
        make: Callable[[int], Monitor],
        told: Mapping[str, Any],
        path: str | None,
        page: Callable[[Monitor], None] | None = None,
    ) -> None:
        self.follower = follower
        self.monitor: Monitor | None = None
        self.updated: float | None = None
        self._make, self._told, self._path = make, dict(told), path
        self._page = page
        self._checkpoint: str | None = None
        self.is_saved = True
        if path is not None:
            self._resume(path)

    def _resume(self, path: str) -> None:
        """Go on from the file."""
        try:
            state = read_state(path)
        except FileNotFoundError:
            return
        for name, value in self._told.items():
            then = state.run.get(name)
            if then != value:
                raise BadDataError(
                    path,
                    f"the run in it was begun with {name} {then}, and not {value}; go on as it "
                    f"began, or begin another one with another file",
                )
        try:
            self.follower.go_to(state.position)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise BadDataError(path, "the position in it cannot be read") from None
        remove_strays(path)
        self._checkpoint = state.checkpoint
        self._hold(state.monitor)

    def _hold(self, monitor: Monitor) -> Monitor:
        """Take a monitor for this run's own."""
        self.monitor = monitor
        if self._page is not None:
            self._page(monitor)
        return monitor

    def prepare(self, dim: int) -> Monitor:
        """Make the monitor, if it is not there."""
        return self._hold(self._make(dim)) if self.monitor is None else self.monitor

    def take(self, piece: Piece, stops: Stops) -> list[dict[str, Any]]:
        """Take in a piece, all of it or nothing, and return the windows that it finished.

        A signal that comes meanwhile raises between two blocks, and nothing was taken in then.
        """
        done, rows, records = None, 0, []
        with closing(piece.blocks()) as blocks:  # type: ignore[type-var]
            with stops.allowed():
                block, following = next(blocks, None), next(blocks, None)
                if block is not None:
                    monitor = self.prepare(block.rows.shape[1])
                    # An update is whole by itself; several of them are made beside the monitor.
                    done = monitor if following is None else monitor.copy()
            while block is not None and done is not None:
                records += self._update(done, block, piece)
                rows += len(block.rows)
                block = following
                with stops.allowed():
                    following = next(blocks, None)
        if done is not None and self.monitor is not None and done is not self.monitor:
            self.monitor._become(done)  # noqa: SLF001
        piece.taken(rows)
        self.is_saved = False
        if rows:
            self.updated = time.time()
        return records

    def _update(self, monitor: Monitor, block: Block, piece: Piece) -> list[dict[str, Any]]:
        """Give a block to a monitor; an error says in which piece and row."""
        when: Any = block.times
        if when is not None:
            _require_order(block, piece, time_reached(monitor))
        elif is_timed(monitor):
            when = max(piece.came, time_reached(monitor))
        try:
            return monitor.update(block.rows, time=when)
        except NonFiniteError as error:
            raise piece.bad_entry(block.first + error.row, error.column, error.value) from error
        except BadDataError:
            raise
        except ValueError as error:
            raise BadDataError(piece.name, str(error)) from error

    def tick(self) -> list[dict[str, Any]]:
        """Let time go on where nothing comes; return the windows that it finished."""
        monitor = self.monitor
        has_times = self._told.get("--time-column") is not None
        if monitor is None or has_times or not is_timed(monitor):
            return []
        now = max(time.time(), time_reached(monitor))
        records = monitor.update(np.empty((0, monitor.dim)), time=now)
        self.is_saved = self.is_saved and not records
        return records

    def save(self) -> None:
        """Write the file, unless another run wrote it meanwhile."""
        if self._path is None or self.monitor is None:
            return
        there = checkpoint_of(self._path)
        if there is not None and there != self._checkpoint:
            raise BadDataError(
                self._path,
                "was written by another run meanwhile; two runs cannot share a file, and this one "
                "stops",
            )
        name = secrets.token_hex(8)
        write_state(self._path, RunState(self._told, self.follower.position(), name, self.monitor))
        self._checkpoint = name
        self.is_saved = True


def _require_order(block: Block, piece: Piece, reached: float) -> None:
    """Refuse rows that come before those above them, or before windows that were told."""
    times = block.times
    if times is None or not len(times):
        return
    earliest = reached - 1e-6  # a monitor rounds to microseconds
    before = np.maximum.accumulate(np.concatenate([[earliest], times[:-1]]))
    late = times < before
    if late.any():
        row = int(late.argmax())
        follows = row > 0 and before[row] > earliest
        what = "the row before has" if follows else "all was told before"
        then = _moment(before[row] if follows else reached)
        raise BadDataError(
            piece.name,
            f"{piece.where(block.first + row)} has the time {_moment(times[row])}, and {what} "
            f"{then}; rows must come in the order of their times",
        )


def _moment(seconds: float) -> str:
    """Write a time in UTC."""
    when = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
