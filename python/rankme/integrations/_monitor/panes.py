"""The rows of a window: a ring of sums, one a step, of which only the last one grows."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme.integrations._monitor.norms import NormCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rankme.integrations._monitor.settings import Settings

__all__ = ["Pane", "Ring", "cuts_by_rows", "cuts_by_time", "merged", "number_of", "start_of"]

# Microseconds: steps have whole ones, and of moments of today float64 has no finer ones.
_TICKS = 10**6


class Pane(NamedTuple):
    """The rows of one step: their sum, in groups, and the counts of their norms."""

    acc: Accumulator
    norms: NormCounts

    @classmethod
    def empty(cls, settings: Settings) -> Pane:
        """Make one without rows."""
        acc = Accumulator(
            settings.dim,
            normalize=settings.normalize,
            groups=settings.groups,
            run_length=settings.run_length,
        )
        return cls(acc, NormCounts())

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return self.acc.n_rows

    def copy(self) -> Pane:
        """Return an independent one."""
        return Pane(self.acc.copy(), self.norms.copy())

    def update(self, rows: object, norms: NDArray[np.float64]) -> None:
        """Take in rows, which are known to be sound, and their norms."""
        self.acc.update(rows)
        self.norms.add(norms)

    def merge(self, other: Pane) -> None:
        """Take in the rows of another one."""
        self.acc.merge(other.acc)
        self.norms.merge(other.norms)


class Ring(NamedTuple):
    """The steps of a window that has not come to its end.

    Attributes
    ----------
    open : Pane
        The step that takes in rows.
    closed : tuple of Pane
        Those before it, at most one less than a window has; they do not change any more.
    number : int or None
        Of the open step: how many steps after 1970 it begins. None where windows are in rows, or
        before the first row.
    """

    open: Pane
    closed: tuple[Pane, ...]
    number: int | None = None

    @property
    def n_rows(self) -> int:
        """How many rows it holds."""
        return self.open.n_rows + sum(pane.n_rows for pane in self.closed)


def merged(panes: Sequence[Pane]) -> Pane:
    """Return the rows of several steps as those of one; a copy, unless there is one alone."""
    if len(panes) == 1:
        return panes[0]
    total = panes[0].copy()
    for pane in panes[1:]:
        total.merge(pane)
    return total


def cuts_by_rows(n_rows: int, pending: int, step: int) -> Iterator[tuple[int, int, bool]]:
    """Cut rows where steps end: begin, end, and whether the step then ends."""
    begin = 0
    while begin < n_rows:
        room = step - pending
        end = min(n_rows, begin + room)
        full = end - begin == room
        yield begin, end, full
        begin, pending = end, 0


def number_of(time: float, step: float) -> int:
    """Return how many steps after 1970 the one of a moment begins.

    Counted in microseconds: a quotient of seconds may be short of a whole number at the very moment
    that a step of a tenth of a second begins.
    """
    return round(time * _TICKS) // round(step * _TICKS)


def start_of(number: int, step: float) -> float:
    """Return when a step begins, in seconds since 1970."""
    return number * round(step * _TICKS) / _TICKS


def cuts_by_time(
    times: float | NDArray[np.float64], n_rows: int, step: float
) -> list[tuple[int, int, int]]:
    """Cut rows, of which time goes on, by their steps: begin, end, and the number of the step."""
    if not isinstance(times, np.ndarray):
        return [(0, n_rows, number_of(times, step))]
    numbers = np.rint(times * _TICKS).astype(np.int64) // round(step * _TICKS)
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), n_rows]
    return [(begin, end, int(numbers[begin])) for begin, end in itertools.pairwise(starts)]
