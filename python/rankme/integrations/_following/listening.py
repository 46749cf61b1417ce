"""A page for Prometheus, served beside the loop."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rankme._base.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rankme.integrations._monitor.monitor import Monitor

__all__ = ["served"]


@contextmanager
def served(host: str, port: int) -> Iterator[Callable[[Monitor], None]]:
    """Serve a page within the ``with``; what it yields takes the monitor, once there is one.

    Parameters
    ----------
    host, port
        Where; an OSError where that cannot be had.
    """
    client = require("prometheus_client", extra="prometheus", what="--listen")
    from rankme.integrations.prometheus import MonitorCollector  # noqa: PLC0415

    registry = client.CollectorRegistry()
    try:
        server, thread = client.start_http_server(port, host, registry)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from error
    try:
        yield lambda monitor: registry.register(MonitorCollector(monitor))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
