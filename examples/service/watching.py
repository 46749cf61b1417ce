"""A monitor beside a service: its rows are taken in by a thread, and no answer waits for that."""

import logging
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily

import rankme

log = logging.getLogger("examples.service")
WAITING = 256  # requests whose rows may wait


class Watching:
    """Takes rows into a monitor, tells of its windows in the log, and keeps it in a file.

    Parameters
    ----------
    monitor
        As it is before the first row, or as it was saved.
    path
        Where it is saved at each window and at the end, if anywhere.
    """

    def __init__(self, monitor: rankme.Monitor, path: Path | None = None) -> None:
        self.monitor = monitor
        self._path = path
        self._queue: queue.Queue[NDArray[Any] | None] = queue.Queue(WAITING)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="monitor")
        self._thread.start()

    def put(self, rows: NDArray[Any]) -> None:
        """Hand rows over; where too many wait already they are lost, and counted."""
        try:
            self._queue.put_nowait(rows)
        except queue.Full:
            self._lost += len(rows)

    def close(self) -> None:
        """Take in what waits, save, and end."""
        self._queue.put(None)
        self._thread.join()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what the monitor cannot know; called by the registry."""
        yield CounterMetricFamily(
            "embedding_rows_unwatched", "Rows that the monitor did not get.", self._lost
        )

    def _run(self) -> None:
        """Take in rows until the end."""
        while (rows := self._queue.get()) is not None:
            self._take(rows)
        self._save()

    def _take(self, rows: NDArray[Any]) -> None:
        """Take in the rows of a request; an error is told, and the service goes on."""
        try:
            for window in self.monitor.update(rows):
                self._tell(window)
        except Exception:
            self._lost += len(rows)
            log.exception("rows were not watched")

    def _tell(self, window: dict[str, Any]) -> None:
        """Write a window to the log, and save."""
        level = logging.WARNING if window["outside"] else logging.INFO
        log.log(
            level,
            "window %d: RankMe %.1f, outside: %s, alarm: %s",
            window["index"],
            window["rankme"],
            ", ".join(window["outside"]) or "nothing",
            window["alarm"],
        )
        self._save()

    def _save(self) -> None:
        """Save the monitor; a full disk does not stop the service."""
        if self._path is None:
            return
        try:
            self.monitor.save(self._path)
        except OSError:
            log.exception("the monitor was not saved")


def monitor_for(
    dim: int, path: Path | None, *, window: int, reference: Path | None, **options: Any
) -> rankme.Monitor:
    """Go on with a saved monitor, or make one and learn its bands."""
    if path is not None and path.exists():
        monitor = rankme.Monitor.load(path)
        report = monitor.report()
        if (report["dim"], report["window"]) != (dim, window):
            raise SystemExit(
                f"{path} has dim {report['dim']} and window {report['window']}; wanted are {dim} "
                f"and {window}: name another file"
            )
        return monitor
    known = None if reference is None else np.load(reference)
    return rankme.Monitor(dim, window=window, reference=known, **options)
