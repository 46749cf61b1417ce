"""Windows of a stream of embeddings, held against a reference: the public face."""

from __future__ import annotations

import copy
import time as clock
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from rankme._accumulators.skipped import finite_mask
from rankme._base.arguments import MAX_SEED, as_index, as_share
from rankme._base.devices import place_of
from rankme._base.threads import require_budget
from rankme.integrations._monitor.asked import AskedMonitor
from rankme.integrations._monitor.held import Held
from rankme.integrations._monitor.norms import norms_of
from rankme.integrations._monitor.panes import (
    Pane,
    Ring,
    cuts_by_rows,
    cuts_by_time,
    number_of,
    start_of,
)
from rankme.integrations._monitor.progress import Counts
from rankme.integrations._monitor.reference import Learning, reference_of
from rankme.integrations._monitor.resampled import sound_rows
from rankme.integrations._monitor.settings import as_moments, as_seconds, settings_of
from rankme.integrations._monitor.windows import Alarm
from rankme.metrics._values import float64_blocks
from rankme.sources.memory import as_rows, names_of_dimensions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from rankme.integrations._monitor.progress import Progress

__all__ = ["Monitor"]


class Monitor(AskedMonitor):
    """Watches embeddings in production: windows, drift against a reference, alarms.

    Rows come in with `update` and are cut into windows. Of each window it tells RankMe with its
    standard error, metrics that were chosen, and how far the rows are from a reference: the Frechet
    distance, the share of their variance in the reference's first principal axes, how far the mean
    has turned and moved, and quantiles of the norms. From the reference's own windows it learns
    bands, and raises an alarm at a window that leaves them. A window that is not full is not told
    of, and raises none.

    Memory is constant: a sum for each step of a window and for the reference, and `history`
    records. Monitors with the same settings merge; one may be updated from several threads.

    Parameters
    ----------
    dim : int
        K, the length of a row.
    window : int or datetime.timedelta
        How many rows a window has, or how long it is. Windows by time begin at multiples of
        `step` after 1970.
    step : int or datetime.timedelta, optional
        After how many rows, or how long, the next window begins. It divides `window`; by default it
        is `window`, and windows stand side by side. Sliding windows share rows: one bad hour is in
        several.
    reference : optional
        What is normal. Rows, as an array, or a path or source of `rankme.open_source`: bands are
        learnt from windows of the same size, drawn without replacement. A `rankme.Accumulator` with
        groups, or a `rankme.GroupedAccumulator` whose groups are samples alike, such as days: bands
        by groups, if some groups, half of them at most, make a window. A `rankme.Accumulator`
        without groups: drift without bands, and no alarms. Any of these by the path where it is
        saved.
    metrics : sequence of str
        What else is told of each window: names of methods of `rankme.Spectrum`, such as
        ``"participation_ratio"``. Each has a band of its own.
    eps, center, normalize
        As in `rankme.score`.
    groups, run_length : int
        How the rows of a step are dealt for the standard error, as in `rankme.Accumulator`; by
        default `run_length` is 32, or less where a step has too few rows.
    skip_nonfinite : bool
        Leave out rows with NaN or infinity and count them. By default they are an error.
    quantiles : sequence of float
        Of the norms, between 0 and 1; each to half a per cent.
    components : int or float
        How many principal axes of the reference, or those with which share of its variance.
    false_alarms : float
        With which probability a window like the reference is outside the bands, over all that has
        one. Of independent rows; heavy tails leave them more often, at t with 5 degrees 3 times.
    resamples : int
        From how many windows bands are learnt; ``1 / false_alarms - 1`` or more. With as few as
        that the rate that is kept is itself quite uncertain.
    seed : int
        Which rows they have.
    expected_rows : (int, int), optional
        Of windows by time: the fewest and the most rows that are judged. Bands are learnt for sizes
        a factor of 2 apart, and a window between two of them is outside if it is outside both.
    clear_after : int
        After how many windows in a row inside the bands an alarm ends.
    history : int
        How many windows and alarms are kept.

    Raises
    ------
    TypeError
        If one of these is of another type, or `window` and `step` are of two.
    ValueError
        If one is out of range; if `step` does not divide `window`; if a reference differs in width
        or `normalize`, gives its rows once only, or has fewer rows than two windows.
    NonFiniteError, BadDataError, OSError, MemoryError
        As `rankme.score`, of the reference.

    Notes
    -----
    ``groups * 4 * dim**2`` bytes a step. To learn the bands takes ``resamples`` windows' worth of
    `rankme.score` and as many eigenproblems of order K; they are saved with the monitor.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> rng = np.random.default_rng(0)
    >>> monitor = rankme.Monitor(8, window=500, reference=rng.standard_normal((5000, 8)))
    >>> for batch in rng.standard_normal((20, 50, 8)):
    ...     finished = monitor.update(batch)
    >>> report = monitor.report()
    >>> len(report["windows"]), report["alarm"]
    (2, False)
    """

    def __init__(
        self,
        dim: SupportsIndex,
        *,
        window: SupportsIndex | timedelta,
        step: SupportsIndex | timedelta | None = None,
        reference: object = None,
        metrics: Sequence[str] = (),
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        groups: SupportsIndex = 16,
        run_length: SupportsIndex | None = None,
        skip_nonfinite: bool = False,
        quantiles: Sequence[float] = (0.05, 0.5, 0.95),
        components: SupportsIndex | float = 0.9,
        false_alarms: float = 0.01,
        resamples: SupportsIndex = 500,
        seed: SupportsIndex = 0,
        expected_rows: tuple[SupportsIndex, SupportsIndex] | None = None,
        clear_after: SupportsIndex = 2,
        history: SupportsIndex = 1000,
    ) -> None:
        require_budget()
        settings = settings_of(
            dim,
            window=window,
            step=step,
            groups=groups,
            run_length=run_length,
            eps=eps,
            metrics=metrics,
            quantiles=quantiles,
            clear_after=clear_after,
            history=history,
            center=center,
            normalize=normalize,
            skip_nonfinite=skip_nonfinite,
        )
        subspace: float = (
            as_share(components, "components")
            if isinstance(components, float)
            else as_index(components, "components", 1, settings.dim)
        )
        rate = as_share(false_alarms, "false_alarms")
        learning = Learning(
            _sizes(settings.window, expected_rows, timed=settings.timed),
            rate,
            as_index(resamples, "resamples", max(2, int(np.ceil(1 / rate - 1 - 1e-9)))),
            as_index(seed, "seed", 0, MAX_SEED),
        )
        found = None
        if reference is not None:
            found = reference_of(reference, settings, subspace, learning)
        self._hold(
            Held(
                settings,
                Ring(Pane.empty(settings), ()),
                Counts(),
                Alarm(settings.clear_after, settings.history),
                [],
                found,
            )
        )
        self._columns.keep(names_of_dimensions(reference, self.dim))

    def update(
        self,
        Z: object,  # noqa: N803
        *,
        time: float | datetime | NDArray[np.float64] | None = None,
    ) -> list[dict[str, Any]]:
        """Take in more rows, all of them or none.

        Parameters
        ----------
        Z : array, list, Series, table or column
            Shape (n, dim), in host memory; what `rankme.Accumulator.update` takes.
        time : float, datetime, or a sequence of these, optional
            Of windows by time: when the rows came, in seconds since 1970, as a datetime with a time
            zone, or for each row, ascending; by default now. An array without rows lets time go
            on, and so do rows that are left out.

        Returns
        -------
        list of dict
            What is told of the windows that the rows have finished, as in `report`.

        Raises
        ------
        TypeError, BufferError, ImportError, NonFiniteError
            As `rankme.Accumulator.update`; a TypeError also if time is a text, a datetime64 or
            of float32, which tells no seconds of this century apart.
        ValueError
            The same; if time goes back to a step that was finished, is outside the years 1 to 9999,
            as milliseconds are, or is given for windows of rows; if the columns of a table have
            another order than those before, or than those of the reference. Whatever is raised, the
            monitor is what it was before.
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`.
        """
        matrix = as_rows(Z, empty=True)
        place_of(matrix.device, "cpu", "Z")
        n_rows, width = matrix.shape
        if width != self.dim and (n_rows or width):
            raise ValueError(f"Z has {width} columns, the monitor has dim {self.dim}")
        with self._lock:
            names = self._columns.of(Z, width)
            held = self._held
            times = self._as_times(time, n_rows)
            progress = self._progress(in_place=self._ends_nothing(n_rows, times))
            if not n_rows and isinstance(times, float):
                progress.go_to(number_of(times, held.settings.step))
            done = 0
            for rows in float64_blocks(matrix) if n_rows else ():
                when = times[done : done + len(rows)] if isinstance(times, np.ndarray) else times
                self._take(progress, rows, when, done)
                done += len(rows)
            told = self._commit(progress)
            self._columns.keep(names)
            return told

    def _take(
        self,
        progress: Progress,
        rows: NDArray[np.float64],
        when: float | NDArray[np.float64] | None,
        before: int,
    ) -> None:
        """Take in a block of rows, before which so many of the same call went."""
        settings = self._held.settings
        sound = sound_rows(rows, skip=settings.skip_nonfinite, before=before)
        if len(sound) < len(rows):
            progress.skip(len(rows) - len(sound))
        norms = norms_of(sound)
        if when is None:
            pending = progress.ring.open.n_rows
            for begin, end, full in cuts_by_rows(len(sound), pending, int(settings.step)):
                progress.add(sound[begin:end], norms[begin:end])
                if full:
                    progress.close()
            return
        # Rows that are left out let time go on as others do.
        is_sound = finite_mask(rows) if len(sound) < len(rows) else np.ones(len(rows), dtype=bool)
        places = np.concatenate([[0], np.cumsum(is_sound)])
        for first, last, number in cuts_by_time(when, len(rows), settings.step):
            progress.go_to(number)
            begin, end = places[first], places[last]
            if end > begin:
                progress.add(sound[begin:end], norms[begin:end])

    def _ends_nothing(self, n_rows: int, times: float | NDArray[np.float64] | None) -> bool:
        """Whether rows are one block of the open step, and leave it open."""
        settings, ring = self._held.settings, self._held.ring
        if not 0 < n_rows * settings.dim <= _SMALL:
            return False
        if times is None:
            return ring.open.n_rows + n_rows < settings.step
        last = float(times[-1]) if isinstance(times, np.ndarray) else times
        return number_of(last, settings.step) == ring.number

    def _commit(self, progress: Progress) -> list[dict[str, Any]]:
        """Become what was made beside; return the new windows."""
        held = self._held
        records = [*held.records, *progress.records] if progress.records else held.records
        self._held = held._replace(
            ring=progress.ring,
            counts=progress.counts,
            alarm=progress.alarm,
            records=records[-held.settings.history :],
        )
        return copy.deepcopy(progress.records)

    def _as_times(self, time: Any, n_rows: int) -> float | NDArray[np.float64] | None:
        """Return when rows came, in seconds; None of windows of rows."""
        settings, number = self._held.settings, self._held.ring.number
        if not settings.timed:
            if time is not None:
                raise ValueError("time is of windows by time, and this monitor has those of rows")
            return None
        if time is None or np.ndim(time) == 0:
            first = as_seconds(clock.time() if time is None else time)
            times: float | NDArray[np.float64] = first
        else:
            times = as_moments(time, n_rows)
            if not n_rows:
                return None
            first = float(times[0])
        if number is not None and number_of(first, settings.step) < number:
            start = start_of(number, settings.step)
            raise ValueError(
                f"time goes back to {first:.15g}, and all before {start:.15g} is finished"
            )
        return times


_SMALL = 2**20  # entries that `float64_blocks` gives at a time


def _sizes(
    window: float, expected_rows: tuple[SupportsIndex, SupportsIndex] | None, *, timed: bool
) -> tuple[int, ...]:
    """Return the numbers of rows that bands are learnt for."""
    if not timed:
        if expected_rows is not None:
            raise ValueError("expected_rows is of windows by time; those of rows have `window`")
        return (int(window),)
    if expected_rows is None:
        return ()
    fewest, most = (as_index(rows, "expected_rows", 2) for rows in expected_rows)
    if most < fewest:
        raise ValueError(f"expected_rows must be (fewest, most), not ({fewest}, {most})")
    sizes = [fewest]
    while 2 * sizes[-1] < most:
        sizes.append(2 * sizes[-1])
    return (*sizes, most) if most > sizes[-1] else tuple(sizes)
