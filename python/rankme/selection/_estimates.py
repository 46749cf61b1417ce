"""Each set of each run estimated on as many rows as all have, by one definition."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.errors import PrecisionWarning
from rankme._scoring.estimate import estimated
from rankme._scoring.meter import Part
from rankme.metrics._estimate import Estimate
from rankme.selection._sets import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from rankme._scoring.meter import Meter
    from rankme.selection._sets import Sample

__all__ = ["Definition", "Measured", "definition_of", "estimate_runs"]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What is computed of every set; as in `rankme.estimate`."""

    eps: float
    center: bool
    normalize: bool
    groups: int
    seed: int | None


@dataclass(frozen=True)
class Measured:
    """A run with the estimate of each of its repeats."""

    name: str
    samples: Sequence[Sample]
    estimates: Sequence[Estimate]

    @property
    def score(self) -> float:
        """The mean over the repeats."""
        return float(np.mean([one.score for one in self.estimates]))

    @property
    def low(self) -> float:
        """The mean of the lower ends of the intervals of rounding."""
        return float(np.mean([one.low for one in self.estimates]))

    @property
    def high(self) -> float:
        """The mean of the upper ends."""
        return float(np.mean([one.high for one in self.estimates]))


def estimate_runs(
    runs: Mapping[str, Sequence[Sample]],
    count: int,
    definition: Definition,
    allow: Collection[str],
    failed: Callable[[str, Exception], None] | None,
    *,
    meter: Meter,
) -> tuple[list[Measured], list[str]]:
    """Estimate all runs; also return what was warned of meanwhile."""
    measured: list[Measured] = []
    told: list[str] = []

    def failed_below(name: str, error: Exception) -> None:
        assert failed is not None  # noqa: S101
        meter.clear()
        failed(name, error)

    for name, samples in runs.items():
        with naming(name, None if failed is None else failed_below):
            estimates = []
            for sample in samples:
                part = Part(meter, name, count)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    estimates.append(_estimate_of(sample, count, definition, part))
                part.finish()
                told += [f"{name}: {text}" for text in _precision_texts(caught)]
                _refuse_another(estimates[-1], definition, allow)
            measured.append(Measured(name, samples, estimates))
    return measured, told


def _precision_texts(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Return what is said of scores; other warnings are handed on."""
    texts = []
    for one in caught:
        if issubclass(one.category, PrecisionWarning):
            texts.append(str(one.message))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return texts


def _estimate_of(sample: Sample, count: int, definition: Definition, meter: Meter) -> Estimate:
    """Estimate one set."""
    if isinstance(sample.held, Estimate):
        return sample.held
    if isinstance(sample.held, Accumulator):
        return sample.held.estimate(eps=definition.eps, center=definition.center)
    return estimated(
        sample.held,
        meter,
        groups=definition.groups,
        eps=definition.eps,
        center=definition.center,
        normalize=definition.normalize,
        rows=None if count == sample.n_rows else count,
        seed=definition.seed,
    )


def definition_of(one: Estimate) -> str:
    """Write by what definition a score was computed."""
    return f"RankMe(eps={one.eps:g}, center={one.center}, normalize={one.normalize})"


def _refuse_another(one: Estimate, wanted: Definition, allow: Collection[str]) -> None:
    """Refuse an estimate, or sums, of another definition than the one that was asked for."""
    for key in ("eps", "center", "normalize"):
        found, asked = getattr(one, key), getattr(wanted, key)
        if found != asked and key not in allow:
            raise ValueError(
                f"it was computed with {key}={found!r}, and {key}={asked!r} was asked for: such "
                f"scores are no scores of one scale. {key}={found!r} compares all by that; "
                f"allow={key!r} insists on comparing them as they are"
            )
