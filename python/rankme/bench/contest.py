"""Competitors on one matrix, each in its own process, in rounds."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from rankme.bench.client import Worker, WorkerError
from rankme.bench.records import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rankme.bench.competitors import Competitor

# BLAS threads spin for some milliseconds after a call; the next run is to start without them.
REST_SECONDS = 0.15


class Contest:
    """Competitors on one matrix: opened one by one, then run in rounds.

    Parameters
    ----------
    competitors : sequence of Competitor
        Those not installed get an entry that says so.
    path : Path
        The ``.npy`` file that every worker maps.
    threads : int
        Cores and threads that each is held to.
    tell : callable
        Called with the name of a step before each.
    limits : (int, float), optional
        Bytes of memory and seconds of a run that each may take.
    """

    def __init__(
        self,
        competitors: Sequence[Competitor],
        path: Path,
        *,
        threads: int,
        tell: Callable[[str], None],
        limits: tuple[int, float] | None = None,
    ) -> None:
        self.entries = [Entry(one.key, one.title, installed=one.installed) for one in competitors]
        self.libraries: dict[str, str] = {}
        self._competitors = competitors
        self._path = path
        self._threads = threads
        self._memory = None if limits is None else limits[0]
        self._seconds = None if limits is None else limits[1]
        self._tell = tell
        self._workers: dict[str, Worker] = {}

    def run(self, repeats: int) -> None:
        """Warm everyone up once, then run `repeats` rounds; failures go into their entries."""
        with ExitStack() as stack:
            for competitor, entry in zip(self._competitors, self.entries, strict=True):
                if entry.installed:
                    worker = Worker(
                        entry.key,
                        threads=self._threads,
                        memory=self._memory,
                        seconds=self._seconds,
                    )
                    self._workers[entry.key] = stack.enter_context(worker)
                    self._attempt(entry, self._warm_up)
                else:
                    entry.failure = f"not installed ({competitor.package})"
            for turn in range(repeats):
                # Whoever follows a long run must not be the same one in every round.
                first = turn % len(self.entries)
                for entry in self.entries[first:] + self.entries[:first]:
                    self._attempt(entry, self._time)

    def _attempt(self, entry: Entry, step: Callable[[Entry], None]) -> None:
        """Run a step of a competitor, unless it has failed before."""
        if entry.failure is not None:
            return
        self._tell(entry.title)
        try:
            step(entry)
        except WorkerError as error:
            entry.failure = str(error)
        time.sleep(REST_SECONDS)

    def _warm_up(self, entry: Entry) -> None:
        """Open the matrix, and run once untimed."""
        worker = self._workers[entry.key]
        opened = worker.ask("open", path=str(self._path))
        self.libraries |= opened["libraries"]
        self._record(entry)

    def _time(self, entry: Entry) -> None:
        """Run once and keep the times."""
        told = self._record(entry)
        entry.seconds.append(told["seconds"])
        entry.processor.append(told["processor"])

    def _record(self, entry: Entry) -> dict[str, Any]:
        """Run once, keep score and memory, and return what the worker told."""
        told = self._workers[entry.key].ask("run")
        entry.score = told["score"]
        # The first run shows the most: later ones find memory that the library kept.
        if told["peak_mib"] is not None:
            entry.peak_mib = max(entry.peak_mib or 0.0, told["peak_mib"])
        return told
