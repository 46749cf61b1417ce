"""What an observer read in one pass: numbers by target, and the flat dict that loggers take."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.errors import PrecisionWarning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rankme.metrics._spectrum import Spectrum

__all__ = ["Measures", "Reading", "Sight", "key_of", "score_of_epoch"]

SCORE = "rankme"


class Sight(NamedTuple):
    """What tells of a collapse: the score, the largest that it could be, and the spread.

    The spread is the part of the energy of the rows, ``sum |z_i|^2``, that is off their main
    direction, the mean not taken off: 0 if all rows are on one line through the origin. Where rows
    have norm 1 and lie close together it is about the square of the check of SimSiam's authors,
    sqrt(K) times `rankme.metrics.unit_std`.
    """

    score: float
    limit: int
    spread: float


class Measures(NamedTuple):
    """What is computed of the sums of a target."""

    metrics: tuple[str, ...]
    eps: float
    center: bool

    @classmethod
    def checked(cls, metrics: str | Sequence[str], *, eps: float, center: bool) -> Measures:
        """Refuse names that no spectrum has."""
        tiny = Accumulator(2)
        tiny.update(np.eye(2))
        known = tiny.spectrum().metrics(eps=eps)
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        for name in names:
            if name not in known:
                raise ValueError(f"there is no metric {name!r}; metrics= takes {', '.join(known)}")
        return cls(tuple(name for name in names if name != SCORE), eps, center)

    def of(self, acc: Accumulator) -> tuple[dict[str, float], Sight]:
        """Return score, interval, counts and further metrics of sums; and what tells of a collapse.

        All are NaN, beside the counts, where a row was left out: what the score would have been is
        not known then.
        """
        limit = min(acc.n_rows - self.center, acc.dim)
        names = [SCORE, "low", "high", *(["std_error"] if acc.groups else []), *self.metrics]
        counts = {"n_rows": float(acc.n_rows), "n_skipped": float(acc.n_skipped)}
        if acc.n_skipped:
            return dict.fromkeys(names, math.nan) | counts, Sight(math.nan, limit, math.nan)
        with warnings.catch_warnings():
            # The interval is logged beside the score; and a filter that makes errors of warnings
            # must not end a run.
            warnings.simplefilter("ignore", PrecisionWarning)
            spectrum = acc.spectrum(center=self.center)
            found = self._found(acc, spectrum)
            whole = acc.spectrum() if self.center else spectrum
        sight = Sight(found[SCORE], limit, _spread(whole.singular_values))
        return {name: found[name] for name in names} | counts, sight

    def _found(self, acc: Accumulator, spectrum: Spectrum) -> dict[str, float]:
        """Return what sums of finite rows give."""
        low, high = spectrum.rankme_bounds(eps=self.eps)
        found = {SCORE: spectrum.rankme(eps=self.eps), "low": low, "high": high}
        if acc.groups:
            found["std_error"] = self._std_error(acc)
        if self.metrics:
            every = spectrum.metrics(eps=self.eps)
            found |= {name: _number(every[name]) for name in self.metrics}
        return found

    def _std_error(self, acc: Accumulator) -> float:
        """Return the standard error; NaN of rows that are too few for one, which are no failure."""
        try:
            return acc.estimate(eps=self.eps, center=self.center).std_error
        except ValueError as error:
            warnings.warn(f"there is no standard error: {error}", UserWarning, stacklevel=2)
            return math.nan


def _spread(values: NDArray[np.float64]) -> float:
    """Return which part of the energy is off the first direction, of singular values in order."""
    if not values[0]:
        return 0.0
    squares = (values / values[0]) ** 2  # those of 1e200 have no float64
    return float(squares[1:].sum() / squares.sum())


def score_of_epoch(acc: Accumulator, *, eps: float, center: bool, skip_nonfinite: bool) -> float:
    """Return the score of sums; NaN where rows were left out unasked, or all of them.

    What the score would have been with those rows is not known, and a monitor ends no run.
    """
    if acc.n_skipped and not (skip_nonfinite and acc.n_rows):
        return math.nan
    return acc.score(eps=eps, center=center)


def _number(value: float | None) -> float:
    """Return what is not defined as NaN, which loggers take."""
    return math.nan if value is None else float(value)


def key_of(name: str, target: str, *, only: bool) -> str:
    """Return the key of a target's score in logs: of one alone, or the model, it is the name."""
    return name if only or not target else f"{name}/{target}"


class Reading:
    """What an observer read in one pass, over all ranks; it stays as it is.

    Attributes
    ----------
    sums : dict of str to Accumulator
        By target: all rows of all ranks. What can be saved, plotted and compared.
    sights : dict of str to Sight
        By target: what tells of a collapse.
    """

    def __init__(
        self,
        name: str,
        sums: Mapping[str, Accumulator],
        found: Mapping[str, tuple[dict[str, float], Sight]],
    ) -> None:
        self.sums = dict(sums)
        self.sights = {target: sight for target, (_, sight) in found.items()}
        self._name = name
        self._table = {target: row for target, (row, _) in found.items()}

    def scores(self) -> dict[str, float]:
        """Return RankMe by target."""
        return {target: row[SCORE] for target, row in self._table.items()}

    def metrics(self) -> dict[str, dict[str, float]]:
        """Return all that is logged, by target: ``rankme``, ``low``, ``high``, ``n_rows``, ..."""
        return {target: dict(row) for target, row in self._table.items()}

    def values(self, separator: str = "/") -> dict[str, float]:
        """Return all of it under the keys of logs: ``rankme``, ``rankme/low``, and so on."""
        flat = {}
        for target, row in self._table.items():
            key = key_of(self._name, target, only=len(self._table) == 1)
            for what, value in row.items():
                flat[key if what == SCORE else f"{key}{separator}{what}"] = value
        return flat

    @property
    def counts(self) -> dict[str, int]:
        """How many rows came of each target, those that were left out among them."""
        return {target: acc.n_rows + acc.n_skipped for target, acc in self.sums.items()}
