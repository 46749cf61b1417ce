"""Rounds over competitors, each in its own process."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rankme.bench.client import Worker, WorkerError
from rankme.bench.competitors import BATCH, BATCH_REFERENCE, GRAM, REFERENCE, SCORE, Competitor
from rankme.bench.matrices import write_gaussian, write_gaussian_batch, write_power_law
from rankme.bench.records import Entry, Group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# BLAS threads spin for some milliseconds after a call; the next run is to start without them.
REST_SECONDS = 0.15
GRAM_RUN_SECONDS = 0.5
GRAM_OPERAND_BYTES = 2**30
GRAM_ROUNDING = 1024


class Contest:
    """Competitors on one matrix: opened one by one, then run in rounds.

    Parameters
    ----------
    competitors : sequence of Competitor
        Those not installed get an entry that says so.
    path : Path
        The ``.npy`` file that every worker maps.
    tell : callable
        Called with the name of a step before each.
    """

    def __init__(
        self, competitors: Sequence[Competitor], path: Path, *, tell: Callable[[str], None]
    ) -> None:
        self.entries = [Entry(one.key, one.title, installed=one.installed) for one in competitors]
        self.libraries: dict[str, str] = {}
        self._competitors = competitors
        self._path = path
        self._tell = tell
        self._workers: dict[str, Worker] = {}

    def run(self, repeats: int) -> None:
        """Warm everyone up once, then run `repeats` rounds; failures go into their entries."""
        with ExitStack() as stack:
            for competitor, entry in zip(self._competitors, self.entries, strict=True):
                if entry.installed:
                    self._workers[entry.key] = stack.enter_context(Worker(entry.key))
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
        """Run once and keep the seconds."""
        entry.seconds.append(self._record(entry))

    def _record(self, entry: Entry) -> float:
        """Run once, keep score and memory, and return the seconds."""
        told = self._workers[entry.key].ask("run")
        entry.score = told["score"]
        # The first run shows the most: later ones find memory that the library kept.
        if told["peak_mib"] is not None:
            entry.peak_mib = max(entry.peak_mib or 0.0, told["peak_mib"])
        return float(told["seconds"])


def measure_scores(
    rows: int, columns: int, *, repeats: int, tell: Callable[[str], None]
) -> tuple[Group, dict[str, str]]:
    """Score one shape with every competitor.

    Parameters
    ----------
    rows, columns : int
        N and K of a float32 matrix with a power-law spectrum.
    repeats : int
        Rounds after the warm-up.
    tell : callable
        Called with the name of a step before each.

    Returns
    -------
    group : Group
        Entries in the order of ``competitors.SCORE``.
    libraries : dict of str
        What the workers loaded.
    """
    competitors = SCORE if rows >= columns else tuple(smaller_side(one) for one in SCORE)
    with tempfile.TemporaryDirectory(prefix="rankme-bench-") as folder:
        path = Path(folder) / "z.npy"
        tell(f"writing {rows:,} x {columns:,}")
        write_power_law(path, rows=rows, columns=columns)
        reference = Contest([REFERENCE], path, tell=tell)
        reference.run(0)
        contest = Contest(competitors, path, tell=tell)
        contest.run(repeats)
    return Group(rows, columns, contest.entries, reference.entries[0].score), contest.libraries


def smaller_side(competitor: Competitor) -> Competitor:
    """Name the product that the Gram shortcuts form where N < K."""
    return replace(competitor, title=competitor.title.replace("Z.T @ Z", "Z @ Z.T"))


def measure_gram(
    columns: int, *, rows: int, repeats: int, tell: Callable[[str], None]
) -> tuple[Group, dict[str, str]]:
    """Time the Gram step of one width: ours, one dgemm, oneDAL.

    Parameters and results are those of `measure_scores`; the scores are None.
    """
    with tempfile.TemporaryDirectory(prefix="rankme-bench-") as folder:
        path = Path(folder) / "z.npy"
        tell(f"writing {rows:,} x {columns:,}")
        write_gaussian(path, rows=rows, columns=columns)
        contest = Contest(GRAM, path, tell=tell)
        contest.run(repeats)
    return Group(rows, columns, contest.entries), contest.libraries


def measure_batch(
    count: int, rows: int, columns: int, *, repeats: int, tell: Callable[[str], None]
) -> tuple[Group, dict[str, str]]:
    """Score a batch of `count` float32 matrices with every competitor.

    The other parameters and the results are those of `measure_scores`; a score is the mean over
    the batch.
    """
    with tempfile.TemporaryDirectory(prefix="rankme-bench-") as folder:
        path = Path(folder) / "zs.npy"
        tell(f"writing {count:,} x {rows:,} x {columns:,}")
        write_gaussian_batch(path, (count, rows, columns))
        reference = Contest([BATCH_REFERENCE], path, tell=tell)
        reference.run(0)
        contest = Contest(BATCH, path, tell=tell)
        contest.run(repeats)
    score = reference.entries[0].score
    return Group(rows, columns, contest.entries, score, count), contest.libraries


def gram_rows(columns: int, *, rate: float) -> int:
    """Rows for which a dgemm at `rate` flop/s takes about half a second and fits into 1 GiB."""
    wanted = GRAM_RUN_SECONDS * rate / (2 * columns**2)
    room = GRAM_OPERAND_BYTES / (8 * columns)
    return max(1, int(min(wanted, room) / GRAM_ROUNDING)) * GRAM_ROUNDING


def measure_rate() -> float:
    """Flop/s of this machine's dgemm in NumPy."""
    with Worker("dgemm") as worker:
        return float(worker.ask("rate")["rate"])
