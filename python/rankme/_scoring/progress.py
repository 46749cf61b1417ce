"""Whether the progress of a call is shown, and what it says: the one place that decides."""

from __future__ import annotations

import sys
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.status_line import State, in_notebook, line_on
from rankme._base.text import one_line
from rankme._scoring.meter import NoMeter
from rankme.sources import RowSource
from rankme.sources._block_stream import BlockStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rankme._base.status_line import Line
    from rankme._scoring.meter import Meter

__all__ = ["Progress", "as_progress", "meter_of", "shown", "told"]

# What the user wants; or the meter of a call that this one is a part of.
Progress: TypeAlias = "bool | Meter | None"

_QUIET = 1.5  # seconds that a call in a notebook lasts before it shows itself
_FEW = 10  # of something a second: below, a rate has a digit behind the point
_MARKS = 50  # showings over which the rate is taken


def as_progress(progress: object) -> bool | None:
    """Return the argument `progress`: None, True or False."""
    if progress is None:
        return None
    if not isinstance(progress, bool | np.bool_):
        raise TypeError(f"progress must be True, False or None, not {type_name(progress)}")
    return bool(progress)


@contextmanager
def meter_of(progress: Progress, rows: object) -> Iterator[Meter]:
    """Give the meter of rows that are read: of a source or an iterable; an array is one step."""
    if progress is False or not isinstance(rows, RowSource | BlockStream):
        yield NoMeter()
        return
    n_rows = rows.n_rows if isinstance(rows, RowSource) else None
    with shown(progress, rows.name.rstrip("/").rpartition("/")[2] or rows.name, n_rows) as meter:
        yield meter


@contextmanager
def shown(
    progress: Progress, label: str, n_rows: int | None, unit: str = "rows"
) -> Iterator[Meter]:
    """Give a meter that shows how far so many rows have come, or nothing.

    Parameters
    ----------
    progress
        True shows it: as a bar on a terminal or in a notebook, as lines of a log elsewhere. None
        does so in a notebook alone, once it has lasted. A meter is given as it is.
    label
        What is read; any text.
    n_rows
        How many rows there are, or None where nobody knows.
    unit
        What is counted where it is no rows.
    """
    if not isinstance(progress, bool) and progress is not None:
        yield progress
        return
    line = line_on(sys.stderr) if progress or (progress is None and in_notebook()) else None
    if line is None:
        yield NoMeter()
        return
    meter = _Shown(line, one_line(label), n_rows, unit, delay=0.0 if progress else _QUIET)
    try:
        yield meter
    except BaseException:
        meter.close(done=False)
        raise
    meter.close(done=True)


@contextmanager
def told(
    progress: bool | Callable[[int, int], None] | None,
    label: str,
    n_done: int,
    n_all: int,
    unit: str,
) -> Iterator[Callable[[int], None]]:
    """Give what is told how many more are done: what is shown, or a function of the user's."""
    if callable(progress):
        call = progress

        def more(count: int) -> None:
            nonlocal n_done
            n_done += count
            call(n_done, n_all)

        yield more
        return
    with shown(progress, label, n_all, unit) as meter:
        meter.skip(n_done)
        yield lambda count: meter.advance(count, 0)


class _Shown:
    """A meter that shows itself."""

    def __init__(
        self, line: Line, label: str, n_rows: int | None, unit: str, *, delay: float
    ) -> None:
        self._line: Line | None = line
        self._unit = unit
        self._label = label
        self._stage = ""
        self._n_rows = n_rows
        self._rows: float = 0
        self._bytes = 0
        self._skipped = 0
        self._begun = time.monotonic()
        self._delay = delay if line.is_live else line.every
        self._from = self._begun + self._delay  # of stages
        self._next = self._from  # of rows
        self._marks = deque([(self._begun, 0.0, 0)], maxlen=_MARKS)

    def advance(self, n_rows: float, n_bytes: int) -> None:
        """Count rows, and show them if it is time."""
        self._rows += n_rows
        self._bytes += n_bytes
        now = time.monotonic()
        if now >= self._next:
            self._show(now)

    def skip(self, n_rows: int) -> None:
        """Count rows that took no time: the rate does not know of them."""
        self._skipped += n_rows

    def stage(self, name: str) -> None:
        """Name what is done now, and show it at once, unless stages follow one another fast."""
        self._stage = one_line(name)
        now = time.monotonic()
        if self._line is not None and self._line.is_live and now >= self._from:
            self._from = now + self._line.every
            self._show(now)

    def restart(self, name: str) -> None:
        """Begin again with no rows."""
        self._rows, self._bytes, self._skipped = 0, 0, 0
        self._marks.clear()
        now = time.monotonic()
        self._marks.append((now, 0.0, 0))
        self._from = min(self._from, max(now, self._begun + self._delay))  # each pass is told
        self.stage(name)

    def clear(self) -> None:
        """Take away what stands in the way of other lines."""
        self._try(lambda line: line.clear())

    def close(self, *, done: bool) -> None:
        """Tell what was done in all."""
        seconds = time.monotonic() - self._begun
        words = f"{self._rows + self._skipped:,.0f} {self._unit} in {_duration(seconds)}"
        if not done:
            words = f"stopped after {words}"
        state = State(self._label, None, words)
        self._try(lambda line: line.close(state, done=done))

    def _show(self, now: float) -> None:
        """Show the state of this moment."""
        if self._line is None:
            return
        self._next = now + self._line.every
        label = f"{self._label}: {self._stage}" if self._stage else self._label
        share = None
        if self._n_rows is not None:
            share = min((self._rows + self._skipped) / self._n_rows, 1.0)
        amount = f"{self._n_rows or self._rows:,.0f} {self._unit}"
        state = State(label, share, amount, self._speed(now))
        self._try(lambda line: line.show(state))

    def _speed(self, now: float) -> str:
        """Write how fast it goes, and how long it will take."""
        then, rows, size = self._marks[0]
        self._marks.append((now, self._rows, self._bytes))
        taken = max(now - then, 1e-9)
        rate = (self._rows - rows) / taken
        left = 0 if self._n_rows is None else self._n_rows - self._skipped - self._rows
        words = []
        if rate > 0:
            words.append(f"{rate:,.{0 if rate >= _FEW else 1}f} {self._unit}/s")
        if self._bytes > size:
            words.append(f"{(self._bytes - size) / taken / 1e9:.2f} GB/s")
        if rate > 0 and left > 0:
            words.append(f"{_duration(left / rate)} left")
        return ", ".join(words)

    def _try(self, do: Callable[[Line], None]) -> None:
        """Let the line do something; one that fails is left alone, for the work goes on."""
        if self._line is None:
            return
        try:
            do(self._line)
        except Exception:  # noqa: BLE001 - a closed pipe, a front end that is gone, a full disk
            self._line = None


def _duration(seconds: float) -> str:
    """Write seconds as a clock does, or with a digit where they are few."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
