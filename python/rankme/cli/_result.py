"""One score of the command, with all that was assumed for it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._scoring.from_source import spectrum_of_source
from rankme._scoring.grouped_rows import GroupChoices, parts_of_source
from rankme.metrics._certainty import score_of
from rankme.metrics._estimate import estimate_of

if TYPE_CHECKING:
    from rankme import Accumulator, Estimate, Spectrum
    from rankme._scoring.meter import Meter
    from rankme.metrics._estimate import Parts
    from rankme.sources import RowSource

__all__ = ["Score", "ScoreOptions", "score_parts", "score_source", "score_spectrum", "score_sum"]


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What the user chose: keyword arguments of :func:`rankme.score`."""

    eps: float
    center: bool
    normalize: bool
    method: str
    rtol: float
    device: str = "cpu"
    skip_nonfinite: bool = False
    groups: int | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """RankMe of one set of rows, the ends of its interval, and what was assumed for it.

    ``paths`` are as the user gave them. ``files`` are those that made up the set, by their full
    names, or None where nobody knows them any more. ``warnings`` holds the text of every
    PrecisionWarning.
    """

    paths: tuple[str, ...]
    files: frozenset[str] | None
    dtype: str | None
    options: ScoreOptions
    spectrum: Spectrum
    rankme: float
    low: float
    high: float
    warnings: tuple[str, ...]
    estimate: Estimate | None = None


def score_source(
    source: RowSource, paths: tuple[str, ...], options: ScoreOptions, meter: Meter
) -> Score:
    """Score the rows of a source as one set, each row once; errors as of `spectrum_of_source`."""
    if options.groups is not None:
        choices = GroupChoices(
            groups=options.groups,
            run_length=RUN_LENGTH,
            center=options.center,
            normalize=options.normalize,
            skip_nonfinite=options.skip_nonfinite,
        )
        return score_parts(parts_of_source(source, choices, meter), paths, options, source)
    result = spectrum_of_source(
        source,
        eps=options.eps,
        center=options.center,
        normalize=options.normalize,
        method=options.method,
        rtol=options.rtol,
        device=options.device,
        skip_nonfinite=options.skip_nonfinite,
        meter=meter,
    )
    return score_spectrum(result, paths, options, source)


def score_sum(
    total: Accumulator,
    paths: tuple[str, ...],
    options: ScoreOptions,
    source: RowSource | None = None,
    files: frozenset[str] | None = None,
) -> Score:
    """Score what an accumulator holds, with its sampling error where it keeps groups."""
    if total.groups is not None:
        parts = total._parts(center=options.center)  # noqa: SLF001
        return score_parts(parts, paths, options, source, files)
    return score_spectrum(total.spectrum(center=options.center), paths, options, source, files)


def score_parts(
    parts: Parts,
    paths: tuple[str, ...],
    options: ScoreOptions,
    source: RowSource | None = None,
    files: frozenset[str] | None = None,
) -> Score:
    """Score all rows, with their sampling error by the groups of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimate = estimate_of(*parts, options.eps, stacklevel=1)
    score = score_spectrum(parts.whole, paths, options, source, files)
    return replace(
        score, estimate=estimate, warnings=tuple(str(warning.message) for warning in caught)
    )


def score_spectrum(
    result: Spectrum,
    paths: tuple[str, ...],
    options: ScoreOptions,
    source: RowSource | None = None,
    files: frozenset[str] | None = None,
) -> Score:
    """Score a spectrum of the rows of a source, or of files that nobody opens any more."""
    dtype = None
    if source is not None:
        dtype = ",".join(sorted({shard.dtype.name for shard in source.shards}))
        files = frozenset(shard.identity.name for shard in source.shards)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rankme = score_of(result, options.eps, stacklevel=1)
    low, high = result.rankme_bounds(eps=options.eps)
    return Score(
        paths=paths,
        files=files,
        dtype=dtype,
        options=options,
        spectrum=result,
        rankme=rankme,
        low=low,
        high=high,
        warnings=tuple(str(warning.message) for warning in caught),
    )
