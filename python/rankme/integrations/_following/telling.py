"""Where windows are told: a line each, a file for Prometheus, a command at an alarm."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from rankme.integrations._exposition import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rankme.integrations._following.alarm_command import AlarmCommand
    from rankme.integrations._monitor.monitor import Monitor

__all__ = ["Telling"]

_EVERY = 10.0  # seconds from one file for Prometheus to the next, where only counts change


class Telling:
    """Tells what a run finds.

    Parameters
    ----------
    show
        Takes the record of a window: prints it.
    warn
        Takes a text.
    source
        What is watched, for the command.
    prometheus
        The path of a file.
    command
        Run when an alarm comes or goes.
    """

    def __init__(
        self,
        show: Callable[[dict[str, Any]], None],
        warn: Callable[[str], None],
        source: str,
        *,
        prometheus: str | None = None,
        command: AlarmCommand | None = None,
    ) -> None:
        self._show, self._warn, self._source = show, warn, source
        self._prometheus, self._command = prometheus, command
        self._written: tuple[int, float] | None = None
        self._is_failing = False

    def tell(self, records: Sequence[dict[str, Any]], *, was_on: bool) -> None:
        """Tell of windows, before which there was an alarm or none."""
        for record in records:
            self._show(record)
            if record["alarm"] != was_on and self._command is not None:
                self._command.run(self._facts(record))
            was_on = record["alarm"]

    def _facts(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Return what the command finds in its environment."""
        return {
            "RANKME_EVENT": "raised" if record["alarm"] else "cleared",
            "RANKME_SOURCE": self._source,
            "RANKME_WINDOW": str(record["index"]),
            "RANKME_SCORE": str(record["rankme"]),
            "RANKME_OUTSIDE": ",".join(record["outside"]),
            "RANKME_RECORD": json.dumps(record, allow_nan=False),
        }

    def look(self) -> None:
        """See what became of commands."""
        if self._command is not None:
            self._command.look()

    def write(self, monitor: Monitor | None, updated: float | None, *, now: bool) -> None:
        """Write the file for Prometheus, now or when it is old; say once that it cannot be."""
        if self._prometheus is None or monitor is None:
            return
        clock = time.monotonic()
        state = monitor.n_rows
        if not now and self._written is not None:
            rows, then = self._written
            if rows == state or clock - then < _EVERY:
                return
        self._written = state, clock
        try:
            write_text(self._prometheus, monitor, updated=updated)
        except OSError as error:
            if not self._is_failing:
                self._warn(f"{self._prometheus} was not written: {error.strerror or error}")
            self._is_failing = True
        else:
            self._is_failing = False

    def close(self) -> None:
        """Wait for commands that run still."""
        if self._command is not None:
            self._command.close()
