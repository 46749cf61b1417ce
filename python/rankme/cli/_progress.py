"""The progress bar: on a terminal only, on standard error."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rankme._scoring.meter import NoMeter
from rankme.cli._text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, Task

    from rankme._scoring.meter import Meter

__all__ = ["progress_bar"]


class _BarMeter:
    """A meter that moves a progress bar."""

    def __init__(self, bar: Progress, label: str, n_rows: int, n_bytes: int) -> None:
        self._bar = bar
        self._label = label
        self._task = bar.add_task(label, total=n_bytes, bytes_per_row=n_bytes / n_rows)

    def advance(self, n_bytes: int) -> None:
        """Move the bar on."""
        self._bar.advance(self._task, n_bytes)

    def stage(self, name: str) -> None:
        """Write the stage beside the bar."""
        self._bar.update(self._task, description=f"{self._label}: {name}")

    def restart(self, name: str) -> None:
        """Move the bar back to its start."""
        self._bar.reset(self._task, description=f"{self._label}: {name}")


@contextmanager
def progress_bar(label: str, *, n_rows: int, n_bytes: int) -> Iterator[Meter]:
    """Show a bar with rows/s, GB/s (1e9 bytes) and the time left, and remove it at the end.

    Nothing is shown where standard error is no terminal.
    """
    if not sys.stderr.isatty():
        yield NoMeter()
        return
    with _make_bar() as bar:
        yield _BarMeter(bar, one_line(label), n_rows, n_bytes)


def _make_bar() -> Progress:
    """Make the bar with its columns."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            if task.speed is None:
                return Text("- rows/s  - GB/s")
            rows = task.speed / task.fields["bytes_per_row"]
            return Text(f"{rows:,.0f} rows/s  {task.speed / 1e9:.2f} GB/s")

    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        RateColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=Console(stderr=True),
        transient=True,
        expand=True,
    )
