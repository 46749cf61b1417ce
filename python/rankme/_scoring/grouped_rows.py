"""From anything that has rows to the spectra with and without each group of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme import _core
from rankme._accumulators.dealt import Deal
from rankme._accumulators.skipped import finite_mask
from rankme._base.arrays import as_matrix
from rankme._base.errors import NonFiniteError
from rankme._scoring.from_blocks import StreamedRows, size_of
from rankme._scoring.from_source import whole_matrix
from rankme._scoring.meter import NoMeter
from rankme._scoring.passes import Pass
from rankme.metrics._estimate import Dealt, Parts, require_filled
from rankme.metrics._spectrum import Spectrum
from rankme.sources import row_blocks
from rankme.sources._not_finite import not_finite_in
from rankme.sources._source import check_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rankme._scoring.meter import Meter
    from rankme.sources import RowSource
    from rankme.sources._block_stream import BlockStream

__all__ = ["GroupChoices", "parts_of_blocks", "parts_of_matrix", "parts_of_source"]

_BY = Pass("gram", "float64")  # the arithmetic that groups have been built for


class GroupChoices(NamedTuple):
    """How many groups there are, and what is done to the rows, as in `rankme.estimate`."""

    groups: int
    run_length: int
    center: bool
    normalize: bool
    skip_nonfinite: bool


def parts_of_matrix(matrix: _core.ArrayView, choices: GroupChoices) -> Parts:
    """Cut a matrix into runs of N // B rows or one more, and leave out each of them."""
    if matrix.device != "cpu":
        raise ValueError(
            f"Z lies on {matrix.device}, and groups have been built for the CPU alone: pass Z.cpu()"
        )
    n_rows = matrix.shape[0]
    return _leave_out(matrix, _equal_runs(n_rows, choices.groups, 0, n_rows), choices)


def parts_of_source(source: RowSource, choices: GroupChoices, meter: Meter | None = None) -> Parts:
    """Do the same with a source, whatever its shards; errors as of `spectrum_of_source`."""
    meter = NoMeter() if meter is None else meter
    if choices.skip_nonfinite:
        source = source.with_nulls_as_nan()
    n_rows, n_cols = source.n_rows, source.n_cols
    if n_rows < n_cols:
        with whole_matrix(source) as rows:
            meter.stage("eigenvalues")
            return parts_of_matrix(as_matrix(rows), choices)
    sums = _Sums(n_cols, choices)
    done = 0
    with closing(row_blocks((shard, 0) for shard in source.shards)) as blocks:
        for shard, first, rows in blocks:
            labels = _equal_runs(n_rows, choices.groups, done, done + len(rows))
            with not_finite_in(shard, first):
                sums.add(as_matrix(rows), labels)
            done += len(rows)
            meter.advance(len(rows), rows.nbytes)
    check_count(source, done)
    meter.stage("eigenvalues")
    return sums.parts()


def parts_of_blocks(
    stream: BlockStream, choices: GroupChoices, meter: Meter | None = None
) -> Parts:
    """Deal the rows of an iterable to groups, as an accumulator does, and leave out each."""
    meter = NoMeter() if meter is None else meter
    rows = StreamedRows(
        stream.name,
        _BY,
        None,
        {
            "center": choices.center,
            "normalize": choices.normalize,
            "skip_nonfinite": choices.skip_nonfinite,
        },
        {"groups": choices.groups, "run_length": choices.run_length},
    )
    for block in stream:
        rows.add(block)
        meter.advance(*size_of(block))
    found = rows.all()
    meter.stage("eigenvalues")
    if not isinstance(found, np.ndarray):
        return found._parts(center=choices.center)  # noqa: SLF001
    finite = finite_mask(found)
    if choices.skip_nonfinite:
        found = found[finite]
    labels = Deal(choices.groups, choices.run_length).labels(len(found))
    require_filled(np.bincount(labels, minlength=choices.groups), choices.run_length)
    parts = _leave_out(as_matrix(found, stream.name), labels, choices)
    skipped = int(np.count_nonzero(~finite))
    whole = replace(parts.whole, n_skipped=skipped)
    return parts._replace(whole=whole, dealt=Dealt(choices.run_length))


def _equal_runs(n_rows: int, groups: int, first: int, stop: int) -> NDArray[np.int64]:
    """Return the groups of rows `first` to `stop` of so many."""
    starts = np.arange(1, groups) * n_rows // groups
    return np.searchsorted(starts, np.arange(first, stop), side="right")


def _leave_out(matrix: _core.ArrayView, labels: NDArray[np.int64], choices: GroupChoices) -> Parts:
    """Find the spectra with and without each group of a whole matrix, from its smaller side."""
    n_rows, n_cols = matrix.shape
    if n_rows >= n_cols:
        sums = _Sums(n_cols, choices)
        sums.add(matrix, labels)
        return sums.parts()
    try:
        require_filled(np.bincount(labels, minlength=choices.groups))
        values, rows, left_out = _core.leave_out_of_wide(
            matrix, labels, choices.groups, choices.center, choices.normalize
        )
    except NonFiniteError:
        if not choices.skip_nonfinite:
            raise
        kept, finite = _finite(matrix)
        parts = _leave_out(as_matrix(kept), labels[finite], choices)
        return parts._replace(whole=replace(parts.whole, n_skipped=n_rows - len(kept)))
    return Parts(_spectrum((n_rows, n_cols), values, choices), rows, left_out)


def _finite(matrix: _core.ArrayView) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the rows without NaN and infinity, and which they are."""
    rows = _core.widened(matrix, 0, matrix.shape[0])
    finite = finite_mask(rows)
    return rows[finite], finite


def _spectrum(
    shape: tuple[int, int], values: Any, choices: GroupChoices, n_skipped: int = 0
) -> Spectrum:
    """Return the spectrum of all rows that counted."""
    return Spectrum(
        *shape,
        choices.center,
        choices.normalize,
        _BY.method,
        *values,
        precision=_BY.precision,
        n_skipped=n_skipped,
    )


class _Sums:
    """A sum for each group, and the rows that it leaves out."""

    def __init__(self, dim: int, choices: GroupChoices) -> None:
        self._core = _core.GroupSums(dim, choices.groups, choices.normalize, 0)
        self._choices = choices
        self._skipped = 0

    def add(self, rows: _core.ArrayView, labels: NDArray[np.int64]) -> None:
        """Take in rows of some groups."""
        try:
            self._core.update(rows, labels)
        except NonFiniteError:
            if not self._choices.skip_nonfinite:
                raise
            kept, finite = _finite(rows)
            self._skipped += int(np.count_nonzero(~finite))
            if len(kept):
                self._core.update(as_matrix(kept), labels[finite])

    def parts(self) -> Parts:
        """Find the spectra with and without each group."""
        require_filled(self._core.group_rows)
        values, rows, left_out = self._core.leave_out_spectra(self._choices.center)
        shape = (int(rows.sum()), self._core.dim)
        return Parts(_spectrum(shape, values, self._choices, self._skipped), rows, left_out)
