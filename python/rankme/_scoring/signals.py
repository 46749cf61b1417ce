"""Signals that ask a process to end, kept until it has saved what it has."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stops", "stops_kept"]


class Stops:
    """SIGINT and SIGTERM raise where that is allowed, and are kept until then elsewhere.

    A second one does not wait: whoever presses Ctrl-C again wants the process to end.
    """

    def __init__(self) -> None:
        self._allowed = False
        self._came: list[int] = []

    def handle(self, number: int, _frame: object) -> None:
        """Keep a signal, or act on it where that is allowed."""
        self._came.append(number)
        if self._allowed or len(self._came) > 1:
            self._stop()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let a signal raise at once within the ``with``, one that has come before too."""
        self._allowed = True
        try:
            self.check()
            yield
        finally:
            self._allowed = False

    def check(self) -> None:
        """Raise if a signal has come."""
        if self._came:
            self._stop()

    def _stop(self) -> None:
        """Raise what the first signal asks for."""
        if self._came[0] == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self._came[0])  # what a shell says of a process that was terminated


# Each with the default handler of a process.
_HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@contextmanager
def stops_kept() -> Iterator[Stops]:
    """Keep SIGINT and SIGTERM within the ``with``, and put the handlers back after it."""
    stops = Stops()
    ours = {}
    # Only the main thread can take signals, and the handlers of other code are left alone.
    if threading.current_thread() is threading.main_thread():
        ours = {
            number: handler
            for number, handler in _HANDLERS.items()
            if signal.getsignal(number) is handler
        }
    for number in ours:
        signal.signal(number, stops.handle)
    try:
        yield stops
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
