"""What becomes of a monitor while rows come in: made beside it, and then put in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rankme.integrations._monitor.panes import Pane, Ring, merged, start_of
from rankme.integrations._monitor.windows import record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rankme.integrations._monitor.bands import Bands
    from rankme.integrations._monitor.settings import Settings
    from rankme.integrations._monitor.windows import Alarm
    from rankme.metrics._drift import Standard

__all__ = ["Counts", "Judge", "Progress"]


class Counts(NamedTuple):
    """What a monitor counts.

    Attributes
    ----------
    rows, skipped : int
        Taken in and left out.
    windows : int
        Finished.
    first : int or None
        The number of the first step, of windows by time: it began before the monitor did.
    """

    rows: int = 0
    skipped: int = 0
    windows: int = 0
    first: int | None = None


class Judge(NamedTuple):
    """What a finished window is held against."""

    standard: Standard | None
    bands: Bands | None


class Progress:
    """A monitor's rows, records and alarm as they will be; what it was made of stays as it is.

    With `in_place` the open step itself takes in rows: for a single block that ends no step, since
    a sum takes in a block or leaves it.
    """

    def __init__(
        self,
        settings: Settings,
        judge: Judge,
        ring: Ring,
        alarm: Alarm,
        counts: Counts,
        *,
        in_place: bool = False,
    ) -> None:
        self._settings = settings
        self._judge = judge
        self._owned = in_place  # whether the open step may change
        self.ring = ring
        self.alarm = alarm.copy()
        self.counts = counts
        self.records: list[dict[str, Any]] = []

    def add(self, rows: NDArray[np.float64], norms: NDArray[np.float64]) -> None:
        """Take in rows of the open step."""
        self._own()
        self.ring.open.update(rows, norms)
        self.counts = self.counts._replace(rows=self.counts.rows + len(rows))

    def skip(self, rows: int) -> None:
        """Count rows that are left out."""
        self.counts = self.counts._replace(skipped=self.counts.skipped + rows)

    def join(self, pane: Pane) -> None:
        """Take in the rows of another step, of which the total knows already."""
        self._own()
        self.ring.open.merge(pane)

    def insert(self, pane: Pane) -> None:
        """Put a whole step before the open one."""
        held, owned = self.ring, self._owned
        self.ring = held._replace(open=pane)
        self.close()
        self.ring = held._replace(closed=self.ring.closed)
        self._owned = owned

    def close(self) -> None:
        """End the open step, and with it the window that it is the last of."""
        panes = (*self.ring.closed, self.ring.open)
        number = self.ring.number
        if len(panes) == self._settings.panes:
            self._finish(panes, number)
            panes = panes[1:]
        following = None if number is None else number + 1
        self.ring = Ring(Pane.empty(self._settings), panes, following)
        self._owned = True

    def go_to(self, number: int) -> None:
        """End the steps before one, of windows by time."""
        if self.ring.number is None:
            self.ring = self.ring._replace(number=number)
            self.counts = self.counts._replace(first=number)
        for _ in range(self._settings.panes):
            if self.ring.number == number:
                return
            self.close()
        # Nothing is left of what was before.
        if self.ring.number != number:
            self.ring = Ring(self.ring.open, self.ring.closed, number)

    def _own(self) -> None:
        """Make the open step a copy."""
        if not self._owned:
            self.ring = self.ring._replace(open=self.ring.open.copy())
            self._owned = True

    def _finish(self, panes: Sequence[Pane], number: int | None) -> None:
        """Tell of a window, unless it has no rows."""
        if not any(pane.n_rows for pane in panes):
            return
        standard, bands = self._judge
        record: dict[str, Any] = {"index": self.counts.windows, **self._times(number)}
        record |= record_of(merged(panes), self._settings, standard)
        outside = None
        if bands is not None and self._is_whole(number):
            outside = bands.outside(record)
        if outside is not None:
            self.alarm.see(record["index"], outside)
        record |= {
            "judged": outside is not None,
            "outside": outside or [],
            "alarm": self.alarm.on,
        }
        self.records.append(record)
        self.counts = self.counts._replace(windows=self.counts.windows + 1)

    def _is_whole(self, number: int | None) -> bool:
        """Whether the monitor was there when the window began."""
        if number is None or self.counts.first is None:
            return True
        return number - self._settings.panes + 1 > self.counts.first

    def _times(self, number: int | None) -> dict[str, float]:
        """Return when a window began and ended, in seconds since 1970."""
        if number is None:
            return {}
        step, end = self._settings.step, number + 1
        return {"start": start_of(end - self._settings.panes, step), "end": start_of(end, step)}
