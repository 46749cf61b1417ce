"""What a monitor is asked, and how it is merged, saved and sent."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from rankme._accumulators.monoid import Monoid
from rankme._base.arguments import type_name
from rankme._base.atomic_file import write_pieces
from rankme._base.threads import require_budget
from rankme.integrations._monitor import held as files
from rankme.integrations._monitor.progress import Judge, Progress
from rankme.integrations._monitor.reference import standard_of
from rankme.integrations._monitor.shown import html_of
from rankme.integrations._monitor.told import report_of, require_alike, united
from rankme.sources._column_order import ColumnOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from typing_extensions import Self

    from rankme.integrations._monitor.held import Held

__all__ = ["AskedMonitor"]


class AskedMonitor(Monoid):
    """The answers of a monitor, and the bytes that it is saved and sent as."""

    _held: Held
    _judge: Judge

    @property
    def dim(self) -> int:
        """K, the length of a row."""
        return self._held.settings.dim

    @property
    def n_rows(self) -> int:
        """How many rows were taken in."""
        return self._held.counts.rows

    @property
    def alarm(self) -> bool:
        """Whether the last windows that were judged are outside the bands."""
        return self._held.alarm.on

    def merge(self, other: Self) -> None:
        """Take in what another monitor holds, which stays as it is; also ``self += other``.

        Its finished windows are told after this one's own, its alarm is this one's too, and the
        rows of the steps that are open are put together. Windows that are finished are not put
        together any more. Windows of rows: if both open steps have `step` rows or more together,
        that step ends; where a window has so grown by more than a tenth it is not judged.

        Parameters
        ----------
        other : Monitor
            Of the same settings and bands; of windows by time, at the same step.

        Raises
        ------
        TypeError
            If `other` is no monitor.
        ValueError
            If they differ in a setting, in the bands or in the step. Nothing has changed then.
        """
        if not isinstance(other, AskedMonitor):
            raise TypeError(f"other must be a rankme.Monitor, not {type_name(other)}")
        theirs = other.copy()._held  # noqa: SLF001
        with self._lock:
            require_alike(self._held, theirs)
            progress = self._progress()
            records = united(self._held, theirs, progress)
            self._held = self._held._replace(
                ring=progress.ring,
                counts=progress.counts,
                alarm=progress.alarm,
                records=records[-self._held.settings.history :],
            )

    def copy(self) -> Self:
        """Return an independent monitor in the same state.

        Returns
        -------
        Monitor
        """
        new = type(self).__new__(type(self))
        with self._lock:
            held = self._held
            ring = held.ring._replace(open=held.ring.open.copy())
            new._hold(held._replace(ring=ring), self._judge)  # noqa: SLF001
            new._columns.keep(self._columns.names)  # noqa: SLF001
        return new

    def report(self) -> dict[str, Any]:
        """Return all that is known, as plain numbers and texts for JSON.

        Returns
        -------
        dict
            ``schema`` (``"rankme.monitor/1"``); the settings; ``n_rows``, ``n_skipped``;
            ``pending_rows``, which are in no finished window yet; ``alarm``, and ``alarms``, each
            with the windows at which it was ``raised`` and ``cleared`` and the ``statistics`` that
            were outside; ``bands``, None where there are none; ``notes``: why there are none, that
            windows have fewer than ten rows a dimension, that the mean's angle is chance;
            ``reference``; and ``windows``, the last `history` ones: ``index, n_rows, rankme,
            std_error, low, high, metrics, drift, judged, outside, alarm``, of windows by time
            ``start`` and ``end``. ``drift`` has ``frechet, subspace, mean_angle`` (in degrees),
            ``mean_shift`` (in standard deviations) and ``norm_quantiles``. What is
            not defined is None; the angle is 0 where a mean is exactly 0.
        """
        with self._lock:
            return report_of(self._held)

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the windows: RankMe with its standard error, drift and metrics, with their bands.

        Parameters
        ----------
        axes : sequence of matplotlib.axes.Axes, optional
            Six of them, and one for each metric that was chosen. By default pyplot makes a figure.

        Returns
        -------
        sequence of matplotlib.axes.Axes
            What was drawn on: RankMe, Frechet distance, share of the subspace, angle and shift of
            the mean, quantiles of the norms, and the metrics.

        Raises
        ------
        ImportError
            If there is no Matplotlib: ``pip install "rankme[plot]"``.
        ValueError
            If no window is finished yet, or `axes` are another number.
        """
        from rankme.integrations._monitor.picture import draw  # noqa: PLC0415

        return draw(self.report(), axes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all.

        Parameters
        ----------
        path : str or os.PathLike
            An existing file is replaced and keeps its permissions.

        Raises
        ------
        OSError
            If it cannot be written, or if `path` is there and no regular file.
        """
        with self._lock:
            parts = list(files.pieces(self._held))
        write_pieces(path, parts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the monitor that `save` wrote; it goes on where that one was.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        Monitor

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no saved monitor, was written by a newer rankme, is truncated or was changed.
        """
        require_budget()
        name = os.fspath(path)
        with open(name, "rb") as file:  # noqa: PTH123
            found = files.read(file, name)
        new = cls.__new__(cls)
        new._hold(found)  # noqa: SLF001
        return new

    def __getstate__(self) -> bytes:
        with self._lock:
            return b"".join(files.pieces(self._held))

    def __setstate__(self, state: bytes) -> None:
        require_budget()
        self._hold(files.decode(state, "pickled rankme.Monitor"))

    def _become(self, other: Self) -> None:
        """Take over what a copy of this one has become."""
        with self._lock:
            self._held = other._held

    def _progress(self, *, in_place: bool = False) -> Progress:
        """Return what will become of the monitor."""
        held = self._held
        return Progress(
            held.settings, self._judge, held.ring, held.alarm, held.counts, in_place=in_place
        )

    def _hold(self, held: Held, judge: Judge | None = None) -> None:
        """Hold a state, which is this one's alone."""
        self._lock = threading.RLock()
        self._columns = ColumnOrder()
        self._held = held
        if judge is None:
            reference = held.reference
            standard = reference and standard_of(reference.acc, reference.components)
            judge = Judge(standard, reference and reference.bands)
        self._judge = judge

    def _repr_html_(self) -> str:
        """Show it in notebooks."""
        return html_of(self._held)

    def __repr__(self) -> str:
        held = self._held
        return (
            f"Monitor(dim={self.dim}, window={held.settings.window:g} {held.settings.unit}): "
            f"{self.n_rows} rows, {held.counts.windows} windows, alarm {self.alarm}"
        )
