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

__all__ = ["Score", "Settings", "score_source", "score_spectrum"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user chose: keyword arguments of :func:`rankme.score`."""

    eps: float
    center: bool
    normalize: bool
    method: str
    rtol: float
    device: str = "cpu"
    skip_nonfinite: bool = False


@dataclass(frozen=True, kw_only=True)
class Score:
    """RankMe of one set of rows, the ends of its interval, and what was assumed for it.

    ``paths`` are as the user gave them. ``warnings`` holds the text of every PrecisionWarning.
    """

    paths: tuple[str, ...]
    dtype: str | None
    settings: Settings
    spectrum: Spectrum
    rankme: float
    low: float
    high: float
    warnings: tuple[str, ...]


def score_source(
    source: RowSource, paths: tuple[str, ...], settings: Settings, meter: Meter
) -> Score:
    """Score the rows of a source as one set, each row once.

    Parameters
    ----------
    source
        Where the rows come from.
    paths
        What the user called it.
    settings
        Options of the score.
    meter
        Told of the bytes that were taken in.

    Raises
    ------
    BadDataError, OSError, MemoryError, RuntimeError
        As `spectrum_of_source`.
    """
    result = spectrum_of_source(
        source,
        eps=settings.eps,
        center=settings.center,
        normalize=settings.normalize,
        method=settings.method,
        rtol=settings.rtol,
        device=settings.device,
        skip_nonfinite=settings.skip_nonfinite,
        meter=meter,
    )
    dtype = ",".join(sorted({shard.dtype.name for shard in source.shards}))
    return score_spectrum(result, paths, settings, dtype)


def score_spectrum(
    result: Spectrum, paths: tuple[str, ...], settings: Settings, dtype: str | None
) -> Score:
    """Score a spectrum; ``dtype`` is that of its rows, or None where nobody knows it any more."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rankme = score_of(result, settings.eps, stacklevel=1)
    low, high = result.rankme_bounds(eps=settings.eps)
    return Score(
        paths=paths,
        dtype=dtype,
        settings=settings,
        spectrum=result,
        rankme=rankme,
        low=low,
        high=high,
        warnings=tuple(str(warning.message) for warning in caught),
    )
