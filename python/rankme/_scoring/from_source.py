"""From a source of rows to its spectrum, in constant memory."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arrays import as_matrix
from rankme._base.errors import NonFiniteError
from rankme._scoring.matrix import spectrum_of_matrix
from rankme._scoring.meter import NoMeter
from rankme._scoring.passes import first_certain, passes_of
from rankme.sources import BadDataError, row_blocks
from rankme.sources._not_finite import not_finite_in
from rankme.sources._source import check_count, source_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from rankme._scoring.meter import Meter
    from rankme._scoring.passes import Choices, Pass
    from rankme.metrics._spectrum import Spectrum
    from rankme.sources import RowSource

__all__ = ["Dealing", "Plan", "spectrum_of_source", "whole_matrix"]

# Of a file with fewer rows than columns, this much of all rows is read at a time.
PANEL_BYTES = 16 * 2**20
# A panel of a C-order file takes one read a row; reads of less than a page would fetch each page
# several times.
MIN_READ_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one pass over the rows computes, how and where."""

    by: Pass
    rtol: float  # the width of RankMe's interval that is accepted, in parts of it
    device: str
    center: bool
    normalize: bool
    skip_nonfinite: bool
    dealt: Dealing | None = None

    def accumulator(self, dim: int, *, normalize: bool) -> Accumulator:
        """Make the empty sum that the rows go to."""
        return Accumulator(
            dim,
            normalize=normalize,
            method=self.by.method,
            device=self.device,
            precision=self.by.precision,
            skip_nonfinite=self.skip_nonfinite,
            **(self.dealt or {}),
        )


class Dealing(TypedDict, total=False):
    """How rows are dealt to groups, if they are, as in `rankme.Accumulator`."""

    groups: int
    run_length: int


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
        The eps of the RankMe that has to be certain, where there are several passes.
    method, rtol, device, precision
        As in `rankme.spectrum`.
    meter
        Told of the rows that were taken in.
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
    if choices["skip_nonfinite"]:
        source = source.with_nulls_as_nan()

    def find(one: Pass) -> Spectrum:
        return _by_pass(source, Plan(by=one, rtol=rtol, device=device, **choices), meter)

    return first_certain(
        passes_of(method, precision),
        find,
        eps=eps,
        rtol=rtol,
        restart=meter.restart,
    )


def _by_pass(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    """Return the spectrum of a source by one pass over its rows."""
    # With fewer rows than columns an accumulator of rows would hold a K x K matrix that is larger
    # than all rows together; Z Z^T is the smaller one. Its accumulator takes columns, which cannot
    # tell the norm of a row and whose own means are not those of the columns.
    if source.n_rows >= source.n_cols:
        return _sum_rows(source, plan, meter)
    if plan.center or plan.normalize or plan.skip_nonfinite:
        return _spectrum_of_matrix(source, plan, meter)
    return _sum_columns(source, plan, meter)


def _sum_rows(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    """Return the spectrum from the Gram matrix of the rows, K x K."""
    accumulator = plan.accumulator(source.n_cols, normalize=plan.normalize)
    with closing(row_blocks((shard, 0) for shard in source.shards)) as blocks:
        for shard, first, rows in blocks:
            with not_finite_in(shard, first):
                accumulator.update(rows)
            meter.advance(len(rows), rows.nbytes)
    check_count(source, accumulator.n_rows + accumulator.n_skipped)
    meter.stage("eigenvalues")
    return accumulator.spectrum(center=plan.center)


def _sum_columns(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    """Return the spectrum from the Gram matrix of the columns, N x N."""
    accumulator = plan.accumulator(source.n_rows, normalize=False)
    size = max(shard.dtype.itemsize for shard in source.shards)
    width = max(PANEL_BYTES // (source.n_rows * size), MIN_READ_BYTES // size)
    total = source_bytes(source)
    for panel in source.panels(width):
        try:
            accumulator.update(panel.T)
        except NonFiniteError as error:
            raise _first_not_finite(source) from error
        share = panel.shape[1] / source.n_cols
        meter.advance(source.n_rows * share, round(total * share))
    meter.stage("eigenvalues")
    result = accumulator.spectrum()
    # What the sum says of centred columns is of the other axis.
    return replace(result, n_rows=result.n_cols, n_cols=result.n_rows, _other=None)


def _spectrum_of_matrix(source: RowSource, plan: Plan, meter: Meter) -> Spectrum:
    """Return the spectrum of all rows at once, mapped or in memory."""
    with whole_matrix(source) as rows:
        meter.stage("spectrum")
        return spectrum_of_matrix(as_matrix(rows), plan)


@contextmanager
def whole_matrix(source: RowSource) -> Iterator[NDArray[Any]]:
    """Give all rows at once; a bad entry that is met in them is named by its file."""
    try:
        yield source.matrix()
    except NonFiniteError as error:
        row = error.row
        for shard in source.shards:
            if row < shard.n_rows:
                raise shard.bad_entry(row, error.column, error.value) from error
            row -= shard.n_rows
        raise
    source.check_unchanged()  # its rows may have been mapped


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
