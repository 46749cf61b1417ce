"""What the paths of the command stand for: files, folders, patterns, URLs."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, Any

import typer

from rankme.cli._stdin import STDIN, open_stdin
from rankme.cli._text import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.sources import RowSource
    from rankme.sources._reading import Reading

__all__ = ["PathsError", "check_paths", "describe", "open_paths"]


# Any and not list[str]: typer asks of a callback's annotations whether they are subclasses, and
# Python 3.10 fails on that.
def check_paths(paths: Any) -> list[str]:
    """Take the only path for wrong usage if it is not there, before any work.

    One of several does not stop the others, and what is behind a URL is found out later.
    """
    from rankme.sources._database_url import is_database  # noqa: PLC0415

    checked: list[str] = paths
    only = checked[0] if len(checked) == 1 else STDIN
    if "://" not in only and only != STDIN and not is_database(only):
        _check_local(checked[0])
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


class PathsError(Exception):
    """Paths that cannot be scored.

    Attributes
    ----------
    failures : list of (str, str, Exception)
        Each path, what is wrong with it in one line, and the error.
    """

    def __init__(self, failures: list[tuple[str, str, Exception]]) -> None:
        super().__init__(failures)
        self.failures = failures


def open_paths(paths: Sequence[str], reading: Reading) -> RowSource:
    """Open paths as one source.

    Raises
    ------
    PathsError
        Of each path that cannot be opened, or of a pool that is no set.
    """
    from rankme.sources import BadDataError, ShardedSource  # noqa: PLC0415
    from rankme.sources._errors import NoRowsError  # noqa: PLC0415
    from rankme.sources._folders import refuse_dead  # noqa: PLC0415
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    sources: list[RowSource] = []
    failures: list[tuple[str, str, Exception]] = []
    empty = 0
    for path in paths:
        opened = _open(path, reading)
        if not isinstance(opened, Exception):
            sources.append(opened)
            continue
        empty += isinstance(opened, NoRowsError)
        shown = shown_url(path)
        failures.append((shown, describe(opened, [shown]), opened))
    # In a pool as in a folder, what has no rows is no part of it.
    if len(failures) > empty or not sources:
        raise PathsError(failures)
    if len(paths) == 1:
        return sources[0]
    try:
        refuse_dead([path for path in paths if path != STDIN])
        pool = ShardedSource(" + ".join(map(shown_url, paths)), tuple(sources))
    except BadDataError as error:
        raise PathsError([(error.name, str(error), error)]) from error
    _refuse_duplicates(pool)
    return pool


def _open(path: str, reading: Reading) -> RowSource | Exception:
    """Open a path, or return what is wrong with it."""
    from rankme.sources._open import open_as  # noqa: PLC0415

    try:
        return open_stdin(reading) if path == STDIN else open_as(path, reading)
    except (ValueError, ImportError, OSError) as error:
        return error
    except MemoryError as error:  # a damaged file may ask for any number of bytes
        return error


def describe(error: Exception, paths: Sequence[str]) -> str:
    """Say in one line what is wrong with paths, or with a file of them."""
    from rankme.sources import BadDataError, MissingLibraryError  # noqa: PLC0415

    names = " + ".join(paths)
    if isinstance(error, (BadDataError, MissingLibraryError)):
        return str(error)
    if isinstance(error, ConnectionError) and error.errno is None:
        return str(error)  # of a database, which it names
    if isinstance(error, OSError):
        return f"{error.filename or names}: {error.strerror or error}"
    return f"{names}: {text_of(error)}"
