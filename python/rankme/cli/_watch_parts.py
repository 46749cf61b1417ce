"""What ``rankme watch`` is put together from."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from rankme.cli._text import one_line, print_warning
from rankme.cli._watch_words import print_window, print_window_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rankme import Monitor
    from rankme.integrations._following.pieces import Follower
    from rankme.integrations._following.run import Run
    from rankme.integrations._following.telling import Telling
    from rankme.sources._reading import StreamReading

__all__ = [
    "check_options",
    "follower_of",
    "hidden",
    "is_url",
    "monitor_of",
    "page_at",
    "place_of",
    "prepare",
    "telling_of",
    "warn_of_rest",
]


def check_options(options: dict[str, Any], time_column: str | None) -> None:
    """Take options that no monitor is made with for wrong usage, before any work."""
    import rankme  # noqa: PLC0415

    if time_column is not None and isinstance(options["window"], int):
        raise typer.BadParameter(
            "times are of windows by time, such as --window 1h", param_hint="'--time-column'"
        )
    try:
        rankme.Monitor(1, **options)
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(str(error)) from error


def follower_of(source: str, reading: StreamReading, settle: float) -> Follower:
    """Return what follows a source; what is not there is wrong usage."""
    from rankme.integrations._following.folder import FolderFollower  # noqa: PLC0415
    from rankme.integrations._following.standard_input import StreamFollower  # noqa: PLC0415
    from rankme.integrations._following.table import TableFollower  # noqa: PLC0415

    if source == "-":
        return StreamFollower(_stdin(), "standard input", reading)
    hint = "'SOURCE'"
    if is_url(source):
        raise typer.BadParameter(
            f"{_shown(source)} is a URL: wanted is a folder or a file on disk, or - for standard "
            f"input",
            param_hint=hint,
        )
    if os.path.isdir(source):  # noqa: PTH112
        return FolderFollower(source, reading, settle, print_warning)
    if not os.path.lexists(source):
        raise typer.BadParameter(f"{source} does not exist", param_hint=hint)
    return TableFollower(source, reading, settle)


def place_of(reference: str) -> str:
    """Return by which name a run knows its reference; a database is wrong usage."""
    from rankme.sources._database_url import is_database  # noqa: PLC0415

    if is_database(reference):
        raise typer.BadParameter(
            f"{_shown(reference)} is a database, of which a query selects the rows; in Python: "
            f"rankme.Monitor(..., reference=rankme.open_source(url, query=...))",
            param_hint="'--reference'",
        )
    return _shown(reference) if is_url(reference) else os.path.realpath(reference)


def _shown(url: str) -> str:
    """Return a URL as it may be shown."""
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    return shown_url(url)


def is_url(text: str) -> bool:
    """Tell whether an argument is a URL, and no path on disk."""
    from rankme.sources._database_url import is_database  # noqa: PLC0415

    return "://" in text or is_database(text)


def hidden(text: str, reference: str | None) -> str:
    """Return the text of an error in which the URL of the reference is as it may be shown."""
    if reference is None or not is_url(reference):
        return text
    return text.replace(reference, _shown(reference))


def _stdin() -> Any:
    """Return standard input, unbuffered: what it has is given when it comes."""
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)


def telling_of(
    source: str, prometheus: Path | None, command: str | None, *, as_json: bool
) -> Telling:
    """Return what tells of windows."""
    from rankme.integrations._following.alarm_command import AlarmCommand  # noqa: PLC0415
    from rankme.integrations._following.telling import Telling  # noqa: PLC0415

    return Telling(
        partial(print_window_json, source) if as_json else print_window,
        print_warning,
        source,
        prometheus=None if prometheus is None else str(prometheus),
        command=None if command is None else AlarmCommand(command, print_warning),
    )


def monitor_of(
    options: dict[str, Any], reference: str | None, column: str | None, dim: int
) -> Monitor:
    """Make the monitor of rows of a width, and learn its bands."""
    import rankme  # noqa: PLC0415

    known = None if reference is None else _reference(reference, column)
    monitor = rankme.Monitor(dim, reference=known, **options)
    for note in monitor.report()["notes"] if reference is not None else ():
        print_warning(note)
    return monitor


def _reference(path: str, column: str | None) -> Any:
    """Open a reference: a saved sum, or rows."""
    import rankme  # noqa: PLC0415
    from rankme.integrations._monitor.reference import saved_sum  # noqa: PLC0415

    saved = saved_sum(path)
    return rankme.open_source(path, column=column) if saved is None else saved


def prepare(run: Run, path: str, column: str | None) -> None:
    """Make the monitor of rows like those of a reference, and expect their columns."""
    from rankme._base.tags import DIMENSIONS  # noqa: PLC0415
    from rankme.sources import RowSource  # noqa: PLC0415
    from rankme.sources._sharded import tags_of  # noqa: PLC0415

    known = _reference(path, column)
    tags = tags_of(known) if isinstance(known, RowSource) else getattr(known, "tags", {})
    found = tags.get(DIMENSIONS)
    run.follower.expected = None if found is None else str(found)
    run.prepare(known.n_cols if isinstance(known, RowSource) else known.dim)


def page_at(host: str, port: int) -> AbstractContextManager[Callable[[Monitor], None]]:
    """Serve a page for Prometheus within the ``with``."""
    from rankme.integrations._following.listening import served  # noqa: PLC0415

    return served(host, port)


def warn_of_rest(run: Run) -> None:
    """Say of rows that are in no window, and of what was left, where the source has ended."""
    left = run.follower.rest()
    if left is not None:
        print_warning(f"{one_line(run.follower.name)}: {left}")
    monitor = run.monitor
    pending = 0 if monitor is None else monitor.report()["pending_rows"]
    if pending:
        print_warning(
            f"{one_line(run.follower.name)}: {pending} rows are in no window yet, since theirs is "
            f"not full"
        )
