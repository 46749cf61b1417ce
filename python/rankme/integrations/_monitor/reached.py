"""How far time has gone on in a monitor of windows by time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rankme.integrations._monitor.panes import start_of

if TYPE_CHECKING:
    from rankme.integrations._monitor.monitor import Monitor

__all__ = ["is_timed", "time_reached"]


def is_timed(monitor: Monitor) -> bool:
    """Whether a monitor has windows by time."""
    return monitor._held.settings.timed  # noqa: SLF001


def time_reached(monitor: Monitor) -> float:
    """Return when the open step began, in seconds since 1970: no row may be older."""
    held = monitor._held  # noqa: SLF001
    number = held.ring.number
    return -math.inf if number is None else start_of(number, held.settings.step)
