"""From row sources to a score, in constant memory."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme import Accumulator, NonFiniteError, Spectrum, spectrum
from rankme._spectrum import score_of
from rankme.sources import BadDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rankme.cli._progress import Meter
    from rankme.sources import RowSource

__all__ = ["Score", "Settings", "score_sources", "set_bytes", "set_rows"]


# Of a file with fewer rows than columns, this much of all rows is read at a time.
PANEL_BYTES = 16 * 2**20
# A C-order file is then read in one piece a row; a piece under a page would read each page several
# times.
MIN_PIECE_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user chose: keyword arguments of :func:`rankme.score`."""

    eps: float
    center: bool
    normalize: bool
    method: str
    rtol: float
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Score:
    """RankMe of one set of rows, the ends of its interval, and what was assumed for it.

    ``warnings`` holds the text of every PrecisionWarning.
    """

    paths: tuple[Path, ...]
    dtype: str
    settings: Settings
    spectrum: Spectrum
    rankme: float
    low: float
    high: float
    warnings: tuple[str, ...]


def set_rows(sources: Sequence[RowSource]) -> int:
    """Count the rows of all sources."""
    return sum(source.n_rows for source in sources)


def set_bytes(sources: Sequence[RowSource]) -> int:
    """Count the bytes of all rows of all sources."""
    return sum(source.n_rows * source.n_cols * source.dtype.itemsize for source in sources)


def score_sources(sources: Sequence[RowSource], settings: Settings, meter: Meter) -> Score:
    """Score the rows of all sources as one set, each row once.

    Parameters
    ----------
    sources
        At least one.
    settings
        Options of the score.
    meter
        Told of the bytes that were taken in.

    Returns
    -------
    Score

    Raises
    ------
    BadDataError
        A width that differs from the first file's; NaN or infinity, with row and column in the
        file; a file that changed while it was read.
    OSError, MemoryError, RuntimeError
        A file cannot be read; no room for the Gram matrix; LAPACK failed, or the Gram matrix
        disagrees with its probes.
    """
    _check_widths(sources)
    result = _find_spectrum(sources, settings, meter)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rankme = score_of(result, settings.eps, stacklevel=1)
    low, high = result.rankme_bounds(eps=settings.eps)
    return Score(
        paths=tuple(source.path for source in sources),
        dtype=",".join(sorted({source.dtype.name for source in sources})),
        settings=settings,
        spectrum=result,
        rankme=rankme,
        low=low,
        high=high,
        warnings=tuple(str(warning.message) for warning in caught),
    )


def _check_widths(sources: Sequence[RowSource]) -> None:
    first = sources[0]
    for source in sources:
        if source.n_cols != first.n_cols:
            raise BadDataError(
                source.path,
                f"has {source.n_cols} columns; wanted {first.n_cols}, as in {first.path}",
            )


def _find_spectrum(sources: Sequence[RowSource], settings: Settings, meter: Meter) -> Spectrum:
    if settings.method != "auto":
        return _find_by(settings.method, sources, settings, meter)
    result = _find_by("gram", sources, settings, meter)
    low, high = result.rankme_bounds(eps=settings.eps)
    if high - low <= settings.rtol * result.rankme(eps=settings.eps):
        return result
    meter.restart("qr")
    return _find_by("qr", sources, settings, meter)


def _find_by(
    method: str, sources: Sequence[RowSource], settings: Settings, meter: Meter
) -> Spectrum:
    # With fewer rows than columns an accumulator of rows would hold a K x K matrix that is larger
    # than all rows together; Z Z^T is the smaller one. Its accumulator takes columns, which cannot
    # tell the norm of a row and whose own means are not those of the columns.
    if set_rows(sources) >= sources[0].n_cols:
        return _stream_rows(method, sources, settings, meter)
    if settings.center or settings.normalize:
        return _spectrum_of_matrix(method, sources, settings, meter)
    return _stream_columns(method, sources, settings, meter)


def _stream_rows(
    method: str, sources: Sequence[RowSource], settings: Settings, meter: Meter
) -> Spectrum:
    accumulator = Accumulator(
        sources[0].n_cols, normalize=settings.normalize, method=method, device=settings.device
    )
    for source in sources:
        first = 0
        for block in source.blocks():
            try:
                accumulator.update(block)
            except NonFiniteError as error:
                raise _not_finite(source, first + error.row, error.column, error.value) from error
            first += len(block)
            meter.advance(block.nbytes)
    meter.stage("eigenvalues")
    return accumulator.spectrum(center=settings.center)


def _stream_columns(
    method: str, sources: Sequence[RowSource], settings: Settings, meter: Meter
) -> Spectrum:
    n_rows = set_rows(sources)
    accumulator = Accumulator(n_rows, method=method, device=settings.device)
    size = max(source.dtype.itemsize for source in sources)
    width = max(PANEL_BYTES // (n_rows * size), MIN_PIECE_BYTES // size)
    for parts in zip(*(source.panels(width) for source in sources), strict=True):
        panel = parts[0] if len(parts) == 1 else np.concatenate(parts)
        try:
            accumulator.update(panel.T)
        except NonFiniteError as error:
            raise _first_not_finite(sources) from error
        meter.advance(sum(part.nbytes for part in parts))
    meter.stage("eigenvalues")
    result = accumulator.spectrum()
    return replace(result, n_rows=result.n_cols, n_cols=result.n_rows)


def _spectrum_of_matrix(
    method: str, sources: Sequence[RowSource], settings: Settings, meter: Meter
) -> Spectrum:
    rows = sources[0].matrix() if len(sources) == 1 else _gather(sources, meter)
    meter.stage("spectrum")
    try:
        return spectrum(
            rows,
            center=settings.center,
            normalize=settings.normalize,
            method=method,
            device=settings.device,
        )
    except NonFiniteError as error:
        row = error.row
        for source in sources:
            if row < source.n_rows:
                raise _not_finite(source, row, error.column, error.value) from error
            row -= source.n_rows
        raise


def _gather(sources: Sequence[RowSource], meter: Meter) -> NDArray[Any]:
    # The widest of the types holds the entries of all of them exactly.
    dtype = np.result_type(*(source.dtype for source in sources))
    rows = np.empty((set_rows(sources), sources[0].n_cols), dtype=dtype)
    first = 0
    for source in sources:
        for block in source.blocks():
            rows[first : first + len(block)] = block
            first += len(block)
            meter.advance(block.nbytes)
    return rows


def _first_not_finite(sources: Sequence[RowSource]) -> BadDataError:
    """Look for the first bad entry by rows, where the columns have shown that there is one."""
    for source in sources:
        first = 0
        for block in source.blocks():
            finite = np.isfinite(block)
            if not finite.all():
                row, column = (int(index) for index in np.argwhere(~finite)[0])
                return _not_finite(source, first + row, column, float(block[row, column]))
            first += len(block)
    return BadDataError(sources[0].path, "changed while it was read")


def _not_finite(source: RowSource, row: int, column: int, value: float) -> BadDataError:
    return BadDataError(
        source.path,
        f"row {row}, column {column} (counted from 0) is {value}; every entry must be finite",
    )
