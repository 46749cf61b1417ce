"""A bar for a terminal, which does not disturb what is measured."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console


@contextmanager
def progress_bar(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """Give ``tell(step)``, which moves a bar on a terminal and does nothing in a pipe.

    The bar is drawn between runs only: one that redraws itself would take time from them.
    """
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task("", total=total)

        def tell(step: str) -> None:
            progress.update(task, description=step, advance=1, refresh=True)

        yield tell
