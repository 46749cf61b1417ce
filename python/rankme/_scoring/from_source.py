"""From a source of rows to its spectrum, in constant memory."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rankme._base.arrays import as_matrix
from rankme._base.errors import NonFiniteError
from rankme._scoring.matrix import spectrum_of_matrix
from rankme._scoring.meter import NoMeter
from rankme._scoring.passes import first_certain, passes_of
from rankme._scoring.plan import Plan
from rankme.sources import BadDataError, row_blocks
from rankme.sources._source import source_bytes

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rankme._scoring.meter import Meter
    from rankme._scoring.passes import Pass
    from rankme._scoring.plan import Choices
    from rankme.metrics._spectrum import Spectrum
    from rankme.sources import RowSource

__all__ = ["spectrum_of_source"]

# Of a file with fewer rows than columns, this much of all rows is read at a time.
PANEL_BYTES = 16 * 2**20
# A C-order file is then read in one piece a row; a piece under a page would read each page several
# times.
MIN_PIECE_BYTES = 4096


def spectrum_of_source(
    source: RowSource,
    *,
    eps: float,
    method: str,
    rtol: float,
    device: str = "cpu",
    precision: str = "float64",
    meter: Meter | None = None,
    **choices: Unpack[Choices],
) -> Spectrum:
    """Find the spectrum of the rows of a source, each taken once.

    Parameters
    ----------
    source
        Where the rows come from.
    eps
        The eps of the RankMe that has to be certain, where there are several ways to it.
    method, rtol, device, precision
        As in `rankme.spectrum`.
    meter
        Told of the bytes that were taken in.
    center, normalize, skip_nonfinite
        As in `rankme.spectrum`.

    Raises
    ------
    BadDataError
        NaN or infinity, with where it stands; a file that changed while it was read.
    OSError, MemoryError, RuntimeError
        A file cannot be read; no room for the Gram matrix; LAPACK failed, or the Gram matrix
        disagrees with its probes.
    """
    meter = NoMeter() if meter is None else meter

    def find(one: Pass) -> Spectrum:
        return _find_by(source, Plan(by=one, device=device, **choices), meter)

    return first_certain(
        passes_of(method, precision),
        find,
        eps=eps,
        rtol=rtol,
        restart=meter.restart,
    )


def _find_by(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    # With fewer rows than columns an accumulator of rows would hold a K x K matrix that is larger
    # than all rows together; Z Z^T is the smaller one. Its accumulator takes columns, which cannot
    # tell the norm of a row and whose own means are not those of the columns.
    if source.n_rows >= source.n_cols:
        return _stream_rows(source, plan, meter)
    if plan.center or plan.normalize or plan.skip_nonfinite:
        return _spectrum_of_matrix(source, plan, meter)
    return _stream_columns(source, plan, meter)


def _stream_rows(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    accumulator = plan.accumulator(source.n_cols, normalize=plan.normalize)
    with closing(row_blocks((shard, 0) for shard in source.shards)) as blocks:
        for shard, first, rows in blocks:
            try:
                accumulator.update(rows)
            except NonFiniteError as error:
                raise shard.bad_entry(first + error.row, error.column, error.value) from error
            meter.advance(rows.nbytes)
    _check_count(source, accumulator.n_rows + accumulator.n_skipped)
    meter.stage("eigenvalues")
    return accumulator.spectrum(center=plan.center)


def _stream_columns(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    accumulator = plan.accumulator(source.n_rows, normalize=False)
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


def _spectrum_of_matrix(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    matrix = as_matrix(source.matrix())
    meter.stage("spectrum")
    try:
        result = spectrum_of_matrix(matrix, plan)
    except NonFiniteError as error:
        row = error.row
        for shard in source.shards:
            if row < shard.n_rows:
                raise shard.bad_entry(row, error.column, error.value) from error
            row -= shard.n_rows
        raise
    source.check_unchanged()  # its rows may have been mapped
    return result


def _check_count(source: RowSource, n_rows: int) -> None:
    # A source of somebody else's may break its word; a score of too few rows must not pass.
    if n_rows != source.n_rows:
        raise BadDataError(source.name, f"gave {n_rows} rows; it had announced {source.n_rows}")


def _first_not_finite(source: RowSource) -> ValueError:
    """Look for the first bad entry by rows, where the columns have shown that there is one."""
    for shard in source.shards:
        first = 0
        for block in shard.blocks():
            finite = np.isfinite(block)
            if not finite.all():
                row, column = (int(index) for index in np.argwhere(~finite)[0])
                return shard.bad_entry(first + row, column, float(block[row, column]))
            first += len(block)
    return BadDataError(source.name, "changed while it was read")
