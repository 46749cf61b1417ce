"""What was measured: plain records, and the statistics that the reports are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Entry:
    """One competitor on one shape.

    Attributes
    ----------
    key, title : str
        Which competitor.
    seconds : list of float
        Wall time, one a round; shorter than the others' if the worker ended on the way.
    processor : list of float
        Processor time of all threads, one a round.
    score : float or None
        RankMe as it found it.
    peak_mib : float or None
        Largest resident memory in a run over the memory before it, MiB; None where the system
        does not tell.
    failure : str or None
        Why it has no full set of rounds: not installed, out of memory, an exception.
    installed : bool
        Whether it was there to be run.
    """

    key: str
    title: str
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    score: float | None = None
    peak_mib: float | None = None
    failure: str | None = None
    installed: bool = True

    @property
    def median_seconds(self) -> float | None:
        """Median of the wall time over the rounds."""
        return self.median_of("seconds")

    def times(self, clock: str) -> list[float]:
        """One number a round, by the clock ``"seconds"`` or ``"processor"``."""
        return {"seconds": self.seconds, "processor": self.processor}[clock]

    def median_of(self, clock: str) -> float | None:
        """Median over the rounds by one of the two clocks."""
        times = self.times(clock)
        return median(times) if times else None


@dataclass
class Group:
    """All competitors on one shape, ``rows`` x ``columns``; `reference` is the float64 score.

    Of a batch or a stack of layers, `count` matrices have that shape, and scores are their means.
    Of eigenvalues, `count` is the number of calls that a time is for. `what` is the number that is
    computed where a shape has several.
    """

    rows: int
    columns: int
    measured: list[Entry]
    reference: float | None = None
    count: int = 1
    decay: float | None = None
    what: str = ""

    @property
    def title(self) -> str:
        """N x K in words, of a batch B x N x K."""
        shape = f"{self.rows:,} x {self.columns:,}"
        return shape if self.count == 1 else f"{self.count:,} x {shape}"

    def entry(self, key: str) -> Entry:
        """Find the entry of one competitor."""
        return next(entry for entry in self.measured if entry.key == key)

    def ratio(self, key: str, to: str, clock: str = "seconds") -> float | None:
        """Median over the rounds of the time of `key` divided by that of `to`.

        A ratio within a round is free of what slowed the whole round down.
        """
        pairs = zip(self.entry(key).times(clock), self.entry(to).times(clock), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs]
        return median(ratios) if ratios else None

    def error(self, entry: Entry) -> float | None:
        """Relative error of an entry's score against the reference."""
        if entry.score is None or self.reference is None:
            return None
        return abs(entry.score - self.reference) / abs(self.reference)


@dataclass
class Run:
    """All that was measured with one number of threads.

    Attributes
    ----------
    threads : int
        What every competitor was held to.
    libraries : dict of str
        Versions and BLAS libraries of those that took part.
    scores, fast, layers, batches, gram, eigenvalues, peers : list of Group
        A table or a line of one for each.
    """

    threads: int
    libraries: dict[str, str] = field(default_factory=dict)
    scores: list[Group] = field(default_factory=list)
    fast: list[Group] = field(default_factory=list)
    layers: list[Group] = field(default_factory=list)
    batches: list[Group] = field(default_factory=list)
    gram: list[Group] = field(default_factory=list)
    eigenvalues: list[Group] = field(default_factory=list)
    peers: list[Group] = field(default_factory=list)

    def groups(self) -> list[tuple[str, Group]]:
        """Every group with the name of its section, in the order of the report."""
        return [(section, group) for section in SECTIONS for group in getattr(self, section)]

    def find(self, section: str, *, columns: int, rows: int = 0, count: int = 0) -> Group | None:
        """Find a group of a section by its sizes, those of 0 left open; None if not measured."""
        groups: list[Group] = getattr(self, section)
        for group in groups:
            wanted = (rows or group.rows, columns, count or group.count)
            if (group.rows, group.columns, group.count) == wanted:
                return group
        return None


SECTIONS = ("scores", "fast", "layers", "batches", "gram", "eigenvalues", "peers")


@dataclass
class Results:
    """A whole benchmark: a run for each number of threads.

    `peer_limits` are the bytes and the seconds that each of the peers may use.
    """

    runs: list[Run]
    repeats: int
    peer_limits: tuple[int, float] | None = None

    @property
    def widest(self) -> Run:
        """The run with the most threads, which most goals are held against."""
        return max(self.runs, key=lambda run: run.threads)

    def with_threads(self, threads: int) -> Run | None:
        """Find the run with a number of threads."""
        return next((run for run in self.runs if run.threads == threads), None)
