"""Windows of a reference: as many rows as a window has, drawn from it without replacement."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme import _core
from rankme._accumulators.skipped import finite_mask
from rankme._base.arrays import as_matrix
from rankme._base.devices import place_of
from rankme._base.errors import NonFiniteError
from rankme._scoring.opened import open_rows
from rankme.integrations._monitor.norms import NormCounts, norms_of
from rankme.integrations._monitor.windows import facts_of
from rankme.metrics._drift import Standard
from rankme.metrics._moments import Moments
from rankme.metrics._spectrum import Spectrum
from rankme.metrics._values import float64_blocks
from rankme.sources import RowSource, row_blocks
from rankme.sources._block_stream import BlockStream
from rankme.sources._not_finite import not_finite_in
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rankme._accumulators.accumulator import Accumulator
    from rankme.integrations._monitor.settings import Settings

__all__ = ["Reader", "Resampling", "records_of_groups", "records_of_rows", "sound_rows"]

_MOST_SUMS = 64  # of windows that are filled in one pass over the rows


def sound_rows(rows: NDArray[np.float64], *, skip: bool, before: int = 0) -> NDArray[np.float64]:
    """Return the rows that count: all of them, or with `skip` the finite ones.

    A NonFiniteError names the first that is not; `before` rows went before these.
    """
    finite = finite_mask(rows)
    if finite.all():
        return rows
    if skip:
        return rows[finite]
    row = int(np.argmin(finite))
    column = int(np.argmin(np.isfinite(rows[row])))
    raise NonFiniteError(before + row, column, float(rows[row, column]))


class Reader:
    """The rows of a reference, block by block, as often as they are asked for.

    Parameters
    ----------
    given
        What `rankme.score` takes and can read again.
    settings
        Of the monitor.
    """

    def __init__(self, given: Any, settings: Settings) -> None:
        self._settings = settings
        found = open_rows(given, nulls=settings.skip_nonfinite).rows
        if isinstance(found, BlockStream) and found.once:
            raise ValueError(
                "reference gives its rows once only, and bands take several passes: pass an array, "
                "a path, or a rankme.Accumulator made with groups"
            )
        if isinstance(found, RowSource):
            width = found.n_cols
            found.check_ordered()  # several passes have to meet the same rows in the same places
            if settings.skip_nonfinite:
                found = found.with_nulls_as_nan()
        elif isinstance(found, BlockStream):
            width = settings.dim
        else:
            found = as_rows(found, "reference", of=given)
            place_of(found.device, "cpu", "reference")
            width = found.shape[1]
        if width != settings.dim:
            raise ValueError(
                f"the reference has {width} columns, the monitor has dim {settings.dim}"
            )
        self._found = found

    def __call__(self) -> Iterator[NDArray[np.float64]]:
        """Yield the rows in float64, some at a time."""
        if isinstance(self._found, RowSource):
            yield from self._of_source(self._found)
            return
        views = self._found if isinstance(self._found, BlockStream) else (self._found,)
        for view in views:
            yield from self._sound(view, 0)

    def _of_source(self, source: RowSource) -> Iterator[NDArray[np.float64]]:
        """Yield the rows of a source; a bad entry is named by its file."""
        with closing(row_blocks((shard, 0) for shard in source.shards)) as blocks:
            for shard, first, rows in blocks:
                with not_finite_in(shard, first):
                    yield from self._sound(as_matrix(rows), 0)

    def _sound(self, view: _core.ArrayView, before: int) -> Iterator[NDArray[np.float64]]:
        """Yield the rows of a matrix that count."""
        for rows in float64_blocks(view):
            yield sound_rows(rows, skip=self._settings.skip_nonfinite, before=before)
            before += len(rows)


class _Deck:
    """Windows that no row is in twice: each row goes to one of them, or to none, at random."""

    def __init__(
        self, windows: int, size: int, n_rows: int, settings: Settings, rng: np.random.Generator
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._left = np.array([*[size] * windows, n_rows - windows * size], dtype=np.int64)
        self._sums = _core.GroupSums(settings.dim, windows, settings.normalize, 0)
        self._norms = [NormCounts() for _ in range(windows)]

    def deal(self, rows: NDArray[np.float64], norms: NDArray[np.float64]) -> None:
        """Deal the next rows."""
        # Every choice of rows is as likely, and no more is known beforehand than their number.
        drawn = self._rng.multivariate_hypergeometric(self._left, len(rows))
        self._left -= drawn
        labels = self._rng.permutation(np.repeat(np.arange(len(drawn)), drawn))
        chosen = np.flatnonzero(labels < len(self._norms))
        if not chosen.size:
            return
        self._sums.update(as_matrix(rows[chosen]), labels[chosen])
        for window, counts in enumerate(self._norms):
            own = norms[labels == window]
            if own.size:
                counts.add(own)

    def records(self, whole: Standard) -> Iterator[dict[str, Any]]:
        """Yield what is told of each window, held against the other rows of the reference."""
        if self._left.any():
            raise ValueError("the reference had fewer rows when it was read again")
        rows, values = self._sums.group_spectra(self._settings.center)
        for window, counts in enumerate(self._norms):
            moments = Moments.from_state(*self._sums.group_state(window))
            spectrum = _spectrum(int(rows[window]), values[window], self._settings)
            yield _record(spectrum, moments, counts, self._settings, whole)


class Resampling(NamedTuple):
    """How windows are drawn from a reference, which is `whole`."""

    settings: Settings
    whole: Standard
    windows: int
    seed: int


def records_of_rows(
    reader: Reader, n_rows: int, size: int, how: Resampling
) -> list[dict[str, Any]]:
    """Return what is told of windows of `size` of the `n_rows` rows."""
    settings, whole, count, seed = how
    rng = np.random.default_rng(seed)
    windows = min(n_rows // size, _MOST_SUMS, count)
    records: list[dict[str, Any]] = []
    while len(records) < count:
        wanted = math.ceil((count - len(records)) / windows)
        decks = [
            _Deck(windows, size, n_rows, settings, rng)
            for _ in range(min(wanted, max(1, _MOST_SUMS // windows)))
        ]
        for rows in reader():
            norms = norms_of(rows)
            for deck in decks:
                deck.deal(rows, norms)
        for deck in decks:
            records += deck.records(whole)
    return records[:count]


def records_of_groups(
    parts: Sequence[Accumulator], together: int, how: Resampling
) -> list[dict[str, Any]]:
    """Return what is told of windows of so many groups: of each group alone, or of random ones."""
    settings, whole, count, seed = how
    rng = np.random.default_rng(seed)
    if together == 1:
        choices = [[part] for part in parts]
    else:
        drawn = min(count, 4 * len(parts))  # more tell nothing that these do not
        picks = (rng.choice(len(parts), together, replace=False) for _ in range(drawn))
        choices = [[parts[i] for i in pick] for pick in picks]
    records = []
    for some in choices:
        acc = some[0].copy()
        for part in some[1:]:
            acc.merge(part)
        spectrum = acc.spectrum(center=settings.center)
        moments = Moments.from_state(*acc._covariance_state())  # noqa: SLF001
        records.append(_record(spectrum, moments, None, settings, whole))
    return records


def _spectrum(n_rows: int, values: Any, settings: Settings) -> Spectrum:
    """Return the spectrum that the core has found of a window."""
    return Spectrum(n_rows, settings.dim, settings.center, settings.normalize, "gram", *values)


def _record(
    spectrum: Spectrum,
    moments: Moments,
    norms: NormCounts | None,
    settings: Settings,
    whole: Standard,
) -> dict[str, Any]:
    """Return what is told of a window, held against the rest of the reference."""
    rest = Standard(whole.moments.without(moments), whole.k)
    found = facts_of(spectrum, moments, norms, settings, rest)
    return {"n_rows": spectrum.n_rows, "rankme": spectrum.rankme(eps=settings.eps), **found}
