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
        One a round; shorter than the others' if the worker ended on the way.
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
    score: float | None = None
    peak_mib: float | None = None
    failure: str | None = None
    installed: bool = True

    @property
    def median_seconds(self) -> float | None:
        """Median over the rounds."""
        return median(self.seconds) if self.seconds else None


@dataclass
class Group:
    """All competitors on one shape, ``rows`` x ``columns``; `reference` is the float64 score.

    Of a batch, `count` matrices have that shape, and scores are their means.
    """

    rows: int
    columns: int
    measured: list[Entry]
    reference: float | None = None
    count: int = 1

    @property
    def title(self) -> str:
        """N x K in words, of a batch B x N x K."""
        shape = f"{self.rows:,} x {self.columns:,}"
        return shape if self.count == 1 else f"{self.count:,} x {shape}"

    def entry(self, key: str) -> Entry:
        """Find the entry of one competitor."""
        return next(entry for entry in self.measured if entry.key == key)

    def ratio(self, key: str, to: str) -> float | None:
        """Median over the rounds of the seconds of `key` divided by those of `to`.

        A ratio within a round is free of what slowed the whole round down.
        """
        pairs = zip(self.entry(key).seconds, self.entry(to).seconds, strict=False)
        ratios = [mine / theirs for mine, theirs in pairs]
        return median(ratios) if ratios else None

    def error(self, entry: Entry) -> float | None:
        """Relative error of an entry's score against the reference."""
        if entry.score is None or self.reference is None:
            return None
        return abs(entry.score - self.reference) / abs(self.reference)


@dataclass
class Results:
    """A whole benchmark: the score tables, the Gram step, batches, and who took part."""

    scores: list[Group]
    gram: list[Group]
    repeats: int
    libraries: dict[str, str] = field(default_factory=dict)
    batches: list[Group] = field(default_factory=list)

    def score_group(self, rows: int, columns: int) -> Group | None:
        """Find the score table of a shape, if it was measured."""
        found = (g for g in self.scores if (g.rows, g.columns) == (rows, columns))
        return next(found, None)

    def batch_group(self, count: int, rows: int, columns: int) -> Group | None:
        """Find the table of a batch, if it was measured."""
        found = (g for g in self.batches if (g.count, g.rows, g.columns) == (count, rows, columns))
        return next(found, None)

    def gram_group(self, columns: int) -> Group | None:
        """Find the Gram step of a width, if it was measured."""
        return next((g for g in self.gram if g.columns == columns), None)
