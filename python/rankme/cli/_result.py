"""One score of the command, with all that was assumed for it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._scoring.from_source import spectrum_of_source
from rankme._scoring.grouped_rows import GroupChoices, parts_of_source
from rankme.metrics._certainty import score_of
from rankme.metrics._estimate import Parts, estimate_of
from rankme.sources._reading import stored_as

if TYPE_CHECKING:
    from rankme import Accumulator, Estimate, Spectrum
    from rankme._scoring.meter import Meter
    from rankme.sources import RowSource

__all__ = ["Score", "ScoreOptions", "measured", "measured_sum", "scored"]


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What the user chose: keyword arguments of :func:`rankme.score`."""

    eps: float
    center: bool
    normalize: bool
    method: str
    rtol: float
    device: str = "cpu"
    precision: str = "float64"
    skip_nonfinite: bool = False
    rows: int | None = None
    seed: int | None = 0
    groups: int | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """RankMe of one set of rows, the ends of its interval, and what was assumed for it.

    ``paths`` are as the user gave them, and ``column`` is which matrix of a file, where each is
    scored. ``files`` are those that made up the set, by their full names, or None where nobody
    knows them any more. ``of_rows`` is how many rows these have, of which the options may choose
    some. ``warnings`` holds the text of every PrecisionWarning.
    """

    paths: tuple[str, ...]
    column: str | None
    files: frozenset[str] | None
    of_rows: int
    dtype: str | None
    options: ScoreOptions
    spectrum: Spectrum
    rankme: float
    low: float
    high: float
    warnings: tuple[str, ...]
    estimate: Estimate | None = None


def measured(source: RowSource, options: ScoreOptions, meter: Meter) -> Spectrum | Parts:
    """Take each row of a source once; errors as of `spectrum_of_source`."""
    if options.groups is not None:
        choices = GroupChoices(
            groups=options.groups,
            run_length=RUN_LENGTH,
            center=options.center,
            normalize=options.normalize,
            skip_nonfinite=options.skip_nonfinite,
        )
        return parts_of_source(source, choices, meter)
    return spectrum_of_source(
        source,
        eps=options.eps,
        center=options.center,
        normalize=options.normalize,
        method=options.method,
        rtol=options.rtol,
        device=options.device,
        precision=options.precision,
        skip_nonfinite=options.skip_nonfinite,
        meter=meter,
    )


def measured_sum(total: Accumulator, options: ScoreOptions) -> Spectrum | Parts:
    """Ask an accumulator, with and without its groups where it keeps any."""
    if total.groups is not None:
        return total._parts(center=options.center)  # noqa: SLF001
    return total.spectrum(center=options.center)


def scored(
    found: Spectrum | Parts,
    paths: tuple[str, ...],
    options: ScoreOptions,
    source: RowSource | None = None,
    files: frozenset[str] | None = None,
    *,
    column: str | None = None,
) -> Score:
    """Score the rows of a source, or of files that nobody opens any more."""
    result = found.whole if isinstance(found, Parts) else found
    dtype, of_rows = None, result.n_rows
    if source is not None:
        dtype = ",".join(sorted({stored_as(shard) for shard in source.shards}))
        of_rows = source.n_rows
        files = frozenset(shard.identity.name for shard in source.shards)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if isinstance(found, Parts):
            estimate = estimate_of(*found, options.eps, stacklevel=1)
            rankme = estimate.score
        else:
            estimate = None
            rankme = score_of(result, options.eps, stacklevel=1)
    low, high = result.rankme_bounds(eps=options.eps)
    return Score(
        paths=paths,
        column=column,
        files=files,
        of_rows=of_rows,
        dtype=dtype,
        options=options,
        spectrum=result,
        rankme=rankme,
        low=low,
        high=high,
        estimate=estimate,
        warnings=tuple(str(warning.message) for warning in caught),
    )
