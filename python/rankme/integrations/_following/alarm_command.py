"""A command that is run when an alarm comes or goes, beside the loop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["AlarmCommand"]

LIMIT = 60.0  # seconds that it may take
_MOST = 8  # at the same time
_LAST = 5.0  # seconds that are waited for it at the end


class _Running(NamedTuple):
    """A process, and when it is ended."""

    process: subprocess.Popen[bytes]
    until: float


class AlarmCommand:
    """Runs a command of the shell, and says what became of it; never waits but at the end.

    Parameters
    ----------
    command
        For ``/bin/sh``. Its output goes to standard error, so that ours stays clean.
    warn
        Told in a text of what failed.
    limit
        After how many seconds it is ended, with all that it began.
    """

    def __init__(self, command: str, warn: Callable[[str], None], limit: float = LIMIT) -> None:
        self._command, self._warn, self._limit = command, warn, limit
        self._running: list[_Running] = []

    def run(self, facts: Mapping[str, str]) -> None:
        """Begin it, with facts in its environment."""
        if len(self._running) >= _MOST:
            self._warn(f"the alarm command was not run: {_MOST} of them run still")
            return
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                env={**os.environ, **facts},
                stdin=subprocess.DEVNULL,
                stdout=2,
                start_new_session=True,
            )
        except OSError as error:
            self._warn(f"the alarm command was not run: {error.strerror or error}")
            return
        self._running.append(_Running(process, time.monotonic() + self._limit))

    def look(self) -> None:
        """Say of each that has ended whether it failed; end those that take too long."""
        for one in list(self._running):
            status = one.process.poll()
            if status is None:
                if time.monotonic() < one.until:
                    continue
                self._end(one)
                self._warn(f"the alarm command was ended: it took more than {self._limit:g} s")
            elif status:
                how = f"status {status}" if status > 0 else f"signal {-status}"
                self._warn(f"the alarm command failed with {how}")
            self._running.remove(one)

    def close(self) -> None:
        """Wait for those that run still, for some seconds."""
        until = time.monotonic() + min(_LAST, self._limit)
        for one in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, until - time.monotonic()))
        self.look()
        for one in self._running:
            self._end(one)
            self._warn("the alarm command was ended: it ran still when the watch ended")
        self._running.clear()

    def _end(self, one: _Running) -> None:
        """End a process and what it began, which is a group by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
