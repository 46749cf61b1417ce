"""A `rankme.Monitor` on the page that Prometheus reads.

In a service that has such a page already::

    from prometheus_client import REGISTRY
    from rankme.integrations.prometheus import MonitorCollector

    REGISTRY.register(MonitorCollector(monitor))
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import type_name
from rankme._base.optional import require
from rankme.integrations._exposition import KINDS, NAMES, families_of, labels_checked
from rankme.integrations._monitor.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.integrations._exposition import Family

__all__ = ["MonitorCollector"]

_metrics = require(
    "prometheus_client.core", extra="prometheus", what="rankme.integrations.prometheus"
)


class MonitorCollector:
    """A collector of ``prometheus_client``: what a monitor tells, whenever it is asked.

    It computes nothing. ``rankme_score``, ``rankme_score_low``, ``rankme_score_high``,
    ``rankme_score_std_error``, ``rankme_window_rows``, ``rankme_collapsed`` (1 below 2 dimensions),
    ``rankme_drift{statistic}``, ``rankme_norm{quantile}``, ``rankme_metric{metric}`` and
    ``rankme_outside`` are those of the last window that was finished, and are not there before;
    ``rankme_alarm``, ``rankme_pending_rows``, ``rankme_rows_total``, ``rankme_skipped_rows_total``,
    ``rankme_windows_total``, ``rankme_last_update_timestamp_seconds`` (to the time between two
    questions) and ``rankme_info`` are those of the monitor.

    Parameters
    ----------
    monitor : rankme.Monitor, or mapping of str to rankme.Monitor
        It goes on being updated. The names of several become the label ``set``: a registry has one
        collector.
    labels : mapping of str to str, optional
        Of every sample, such as ``{"model": "minilm"}``.

    Raises
    ------
    TypeError
        If `monitor` is neither.
    ValueError
        If a label has a name that Prometheus does not take or that is used already.

    Notes
    -----
    The multiprocess mode of ``prometheus_client`` knows no collectors. Where several processes
    serve, let each save its monitor, and one load, merge and show them.

    Examples
    --------
    >>> import rankme
    >>> from prometheus_client import CollectorRegistry, generate_latest
    >>> from rankme.integrations.prometheus import MonitorCollector
    >>> registry = CollectorRegistry()
    >>> registry.register(MonitorCollector(rankme.Monitor(8, window=100), {"model": "minilm"}))
    >>> b'rankme_rows_total{model="minilm"} 0.0' in generate_latest(registry)
    True
    """

    def __init__(
        self,
        monitor: Monitor | Mapping[str, Monitor],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        several = not isinstance(monitor, Monitor)
        monitors = dict(monitor) if isinstance(monitor, Mapping) else {"": monitor}
        for one in monitors.values():
            if not isinstance(one, Monitor):
                raise TypeError(f"monitor must be a rankme.Monitor, not {type_name(one)}")
        common = labels_checked(labels)
        self._shown = [
            _Shown(one, labels_checked({**common, "set": name}) if several else common)
            for name, one in monitors.items()
        ]

    def collect(self) -> Iterator[Any]:
        """Yield the families of metrics; called by the registry.

        Yields
        ------
        prometheus_client.core.Metric
        """
        told: dict[str, list[Family]] = {name: [] for name in NAMES}
        for shown in self._shown:
            for family in shown.families():
                told[family.name].append(family)
        for name, families in told.items():
            if not families:
                continue
            metric = _metrics.Metric(
                name.removesuffix("_total"), families[0].help, families[0].kind
            )
            for labels, value in (sample for family in families for sample in family.samples):
                metric.add_sample(name, labels, value)
            yield metric

    def describe(self) -> list[Any]:
        """Return the names, so that a registry refuses a second collector.

        Returns
        -------
        list of prometheus_client.core.Metric
        """
        return [
            _metrics.Metric(name.removesuffix("_total"), "", kind) for name, kind in KINDS.items()
        ]


class _Shown:
    """A monitor, its labels, and when it was seen to have more rows."""

    def __init__(self, monitor: Monitor, labels: dict[str, str]) -> None:
        self._monitor, self._labels = monitor, labels
        self._lock = threading.Lock()
        self._rows = 0
        self._updated: float | None = None

    def families(self) -> list[Family]:
        """Return what is told of it now."""
        rows = self._monitor.n_rows
        with self._lock:
            if rows != self._rows:
                self._rows, self._updated = rows, time.time()
            updated = self._updated
        return families_of(self._monitor, self._labels, updated=updated)
