"""One score of the command, with all that was assumed for it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rankme._scoring.from_source import spectrum_of_source
from rankme.metrics._certainty import score_of

if TYPE_CHECKING:
    from rankme import Spectrum
    from rankme._scoring.meter import Meter
    from rankme.sources import RowSource

__all__ = ["Score", "ScoreOptions", "score_spectrum", "spectrum_of"]


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
    rows: int | None = None
    seed: int | None = 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """RankMe of one set of rows, the ends of its interval, and what was assumed for it.

    ``paths`` are as the user gave them. ``files`` are those that made up the set, by their full
    names, or None where nobody knows them any more. ``of_rows`` is how many rows these have, of
    which the options may choose some. ``warnings`` holds the text of every PrecisionWarning.
    """

    paths: tuple[str, ...]
    files: frozenset[str] | None
    of_rows: int
    dtype: str | None
    options: ScoreOptions
    spectrum: Spectrum
    rankme: float
    low: float
    high: float
    warnings: tuple[str, ...]


def spectrum_of(source: RowSource, options: ScoreOptions, meter: Meter) -> Spectrum:
    """Find the spectrum of a source, each row taken once; errors as of `spectrum_of_source`."""
    return spectrum_of_source(
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


def score_spectrum(
    result: Spectrum,
    paths: tuple[str, ...],
    options: ScoreOptions,
    source: RowSource | None = None,
    files: frozenset[str] | None = None,
) -> Score:
    """Score a spectrum of rows of a source, or of files that nobody opens any more."""
    dtype, of_rows = None, result.n_rows
    if source is not None:
        dtype = ",".join(sorted({shard.dtype.name for shard in source.shards}))
        of_rows = source.n_rows
        files = frozenset(shard.identity.name for shard in source.shards)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rankme = score_of(result, options.eps, stacklevel=1)
    low, high = result.rankme_bounds(eps=options.eps)
    return Score(
        paths=paths,
        files=files,
        of_rows=of_rows,
        dtype=dtype,
        options=options,
        spectrum=result,
        rankme=rankme,
        low=low,
        high=high,
        warnings=tuple(str(warning.message) for warning in caught),
    )
