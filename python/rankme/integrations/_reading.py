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

__all__ = ["Measures", "Reading", "key_of", "score_of_epoch"]

SCORE = "rankme"


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

    def of(self, acc: Accumulator) -> dict[str, float]:
        """Return score, interval, counts and further metrics of sums.

        All are NaN, beside the counts, where a row was left out: what the score would have been is
        not known then.
        """
        names = [SCORE, "low", "high", *(["std_error"] if acc.groups else []), *self.metrics]
        counts = {"n_rows": float(acc.n_rows), "n_skipped": float(acc.n_skipped)}
        if acc.n_skipped:
            return dict.fromkeys(names, math.nan) | counts
        with warnings.catch_warnings():
            # The interval is logged beside the score; and a filter that makes errors of warnings
            # must not end a run.
            warnings.simplefilter("ignore", PrecisionWarning)
            found = self._found(acc)
        return {name: found[name] for name in names} | counts

    def _found(self, acc: Accumulator) -> dict[str, float]:
        """Return what sums of finite rows give."""
        spectrum = acc.spectrum(center=self.center)
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
    """

    def __init__(
        self, name: str, sums: Mapping[str, Accumulator], table: Mapping[str, dict[str, float]]
    ) -> None:
        self.sums = dict(sums)
        self._name = name
        self._table = table

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
