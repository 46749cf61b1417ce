"""From a source of rows to its spectrum, in constant memory."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rankme._accumulator import Accumulator
from rankme._errors import NonFiniteError
from rankme._placement import ways_of
from rankme.sources import BadDataError, row_blocks

if TYPE_CHECKING:
    from rankme._spectrum import Spectrum
    from rankme.sources import RowSource

__all__ = ["Meter", "NoMeter", "not_finite", "source_bytes", "spectrum_of_source"]

# Of a file with fewer rows than columns, this much of all rows is read at a time.
PANEL_BYTES = 16 * 2**20
# A C-order file is then read in one piece a row; a piece under a page would read each page several
# times.
MIN_PIECE_BYTES = 4096


class Meter(Protocol):
    """Told how far the work has come."""

    def advance(self, n_bytes: int) -> None:
        """Count bytes whose rows have been taken in."""

    def stage(self, name: str) -> None:
        """Name what is done after the rows."""

    def restart(self, name: str) -> None:
        """Start from nothing again, for a second pass over the rows."""


class NoMeter:
    """A meter that nobody reads."""

    def advance(self, n_bytes: int) -> None:
        """Do nothing."""

    def stage(self, name: str) -> None:
        """Do nothing."""

    def restart(self, name: str) -> None:
        """Do nothing."""


def source_bytes(source: RowSource) -> int:
    """Count the bytes of all rows."""
    return sum(part.n_rows * part.n_cols * part.dtype.itemsize for part in source.shards)


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How one pass over the rows computes."""

    method: str
    precision: str
    device: str
    center: bool
    normalize: bool

    def accumulator(self, dim: int, *, normalize: bool) -> Accumulator:
        return Accumulator(
            dim,
            normalize=normalize,
            method=self.method,
            device=self.device,
            precision=self.precision,
        )


def spectrum_of_source(
    source: RowSource,
    *,
    eps: float,
    center: bool,
    normalize: bool,
    method: str,
    rtol: float,
    device: str = "cpu",
    precision: str = "float64",
    meter: Meter | None = None,
) -> Spectrum:
    """Find the spectrum of the rows of a source, each taken once.

    Parameters
    ----------
    source
        Where the rows come from.
    eps
        The eps of the RankMe that has to be certain, where there are several ways to it.
    center, normalize, method, rtol, device, precision
        As in `rankme.spectrum`.
    meter
        Told of the bytes that were taken in.

    Raises
    ------
    BadDataError
        NaN or infinity, with where it stands; a file that changed while it was read.
    OSError, MemoryError, RuntimeError
        A file cannot be read; no room for the Gram matrix; LAPACK failed, or the Gram matrix
        disagrees with its probes.
    """
    meter = NoMeter() if meter is None else meter
    ways = [
        _Way(method=by, precision=arithmetic, device=device, center=center, normalize=normalize)
        for by, arithmetic in ways_of(method, precision)
    ]
    for way in ways[:-1]:
        result = _find_by(source, way, meter)
        low, high = result.rankme_bounds(eps=eps)
        if high - low <= rtol * result.rankme(eps=eps):
            return result
        meter.restart("float64" if way.precision == "fast" else "qr")
    return _find_by(source, ways[-1], meter)


def _find_by(source: RowSource, way: _Way, meter: Meter) -> Spectrum:
    # With fewer rows than columns an accumulator of rows would hold a K x K matrix that is larger
    # than all rows together; Z Z^T is the smaller one. Its accumulator takes columns, which cannot
    # tell the norm of a row and whose own means are not those of the columns.
    if source.n_rows >= source.n_cols:
        return _stream_rows(source, way, meter)
    if way.center or way.normalize:
        return _spectrum_of_matrix(source, way, meter)
    return _stream_columns(source, way, meter)


def _stream_rows(source: RowSource, way: _Way, meter: Meter) -> Spectrum:
    accumulator = way.accumulator(source.n_cols, normalize=way.normalize)
    with closing(row_blocks((shard, 0) for shard in source.shards)) as blocks:
        for shard, first, rows in blocks:
            try:
                accumulator.update(rows)
            except NonFiniteError as error:
                raise not_finite(shard, first + error.row, error.column, error.value) from error
            meter.advance(rows.nbytes)
    _check_count(source, accumulator.n_rows)
    meter.stage("eigenvalues")
    return accumulator.spectrum(center=way.center)


def _stream_columns(source: RowSource, way: _Way, meter: Meter) -> Spectrum:
    accumulator = way.accumulator(source.n_rows, normalize=False)
    size = max(shard.dtype.itemsize for shard in source.shards)
    width = max(PANEL_BYTES // (source.n_rows * size), MIN_PIECE_BYTES // size)
    total = source_bytes(source)
    for panel in source.panels(width):
        try:
            accumulator.update(panel.T)
        except NonFiniteError as error:
            raise _first_not_finite(source) from error
        meter.advance(total * panel.shape[1] // source.n_cols)
    meter.stage("eigenvalues")
    result = accumulator.spectrum()
    return replace(result, n_rows=result.n_cols, n_cols=result.n_rows)


def _spectrum_of_matrix(source: RowSource, way: _Way, meter: Meter) -> Spectrum:
    from rankme._score import spectrum  # noqa: PLC0415 - which imports this module

    rows = source.matrix()
    meter.stage("spectrum")
    try:
        result = spectrum(
            rows,
            center=way.center,
            normalize=way.normalize,
            method=way.method,
            device=way.device,
            precision=way.precision,
        )
    except NonFiniteError as error:
        row = error.row
        for shard in source.shards:
            if row < shard.n_rows:
                raise not_finite(shard, row, error.column, error.value) from error
            row -= shard.n_rows
        raise
    source.check_unchanged()  # its rows may have been mapped
    return result


def _check_count(source: RowSource, n_rows: int) -> None:
    # A source of somebody else's may break its word; a score of too few rows must not pass.
    if n_rows != source.n_rows:
        raise BadDataError(source.name, f"gave {n_rows} rows; it had announced {source.n_rows}")


def _first_not_finite(source: RowSource) -> BadDataError:
    """Look for the first bad entry by rows, where the columns have shown that there is one."""
    for shard in source.shards:
        first = 0
        for block in shard.blocks():
            finite = np.isfinite(block)
            if not finite.all():
                row, column = (int(index) for index in np.argwhere(~finite)[0])
                return not_finite(shard, first + row, column, float(block[row, column]))
            first += len(block)
    return BadDataError(source.name, "changed while it was read")


def not_finite(shard: RowSource, row: int, column: int, value: float) -> BadDataError:
    """Return the error that says where in a shard NaN or infinity stands."""
    return BadDataError(
        shard.name,
        f"{shard.where(row)}, column {column} (counted from 0) is {value}; every entry must be "
        f"finite",
    )
