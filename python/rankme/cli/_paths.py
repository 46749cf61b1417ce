"""What the paths of the command stand for: files, folders, patterns, URLs."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, Any

import typer

from rankme.cli._text import print_error, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.sources import RowSource

__all__ = ["check_paths", "open_paths"]


# Any and not list[str]: typer asks of a callback's annotations whether they are subclasses, and
# Python 3.10 fails on that.
def check_paths(paths: Any) -> list[str]:
    """Take a path that is not there for wrong usage, before any work; URLs are found out later."""
    checked: list[str] = paths
    for path in checked:
        if "://" not in path:
            _check_local(path)
    return checked


def _check_local(path: str) -> None:
    """Take a path on disk that cannot be read for wrong usage."""
    if glob.has_magic(path) and not os.path.lexists(path):
        if not glob.glob(path, recursive=True):  # noqa: PTH207
            raise typer.BadParameter(f"no file matches {path}")
        return
    try:
        os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        raise typer.BadParameter(f"{path} does not exist") from None
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from error
    if not os.access(path, os.R_OK):
        raise typer.BadParameter(f"{path} cannot be read: permission denied")


def _refuse_duplicates(source: RowSource) -> None:
    """Take two names of one file for wrong usage: a pool counts every row once."""
    from rankme.sources._sharded import same_file  # noqa: PLC0415

    twice = same_file(source.shards)
    if twice is not None:
        first, second = (shard.name for shard in twice)
        raise typer.BadParameter(
            f"{first} and {second} are the same file; --pool counts every row once",
            param_hint="'PATH'",
        )


def open_paths(paths: Sequence[str], column: str | None) -> RowSource | None:
    """Open paths as one source; print what is wrong with each and return None where that fails."""
    from rankme.sources import BadDataError, ShardedSource  # noqa: PLC0415

    opened = [_open(path, column) for path in paths]
    sources = tuple(source for source in opened if source is not None)
    if len(sources) < len(paths):
        return None
    if len(sources) == 1:
        return sources[0]
    try:
        pool = ShardedSource(" + ".join(paths), sources)
    except BadDataError as error:
        print_error(error)
        return None
    _refuse_duplicates(pool)
    return pool


def _open(path: str, column: str | None) -> RowSource | None:
    """Open one path; print what is wrong with it and return None where that fails."""
    from rankme.sources import BadDataError, open_source  # noqa: PLC0415

    try:
        return open_source(path, column=column)
    except (BadDataError, ImportError) as error:
        print_error(error)
    except OSError as error:
        print_error(f"{error.filename or path}: {error.strerror or error}")
    except MemoryError as error:  # a damaged file may ask for any number of bytes
        print_error(f"{path}: {text_of(error)}")
    return None
