"""The errors of sources that cannot be read."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AmbiguousDataError", "BadDataError", "NoRowsError", "SeveralDataError", "parsing"]


class BadDataError(ValueError):
    """A file does not hold what was wanted.

    Parameters
    ----------
    name
        The file or URL; the text of the error begins with it.
    problem
        What came and what was wanted.

    Attributes
    ----------
    name : str
    problem : str
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


class AmbiguousDataError(BadDataError):
    """What may be several things, of which one was taken unasked before the first release.

    Files of different sets, a folder with rows that were deleted, bytes of an unknown type.
    """


class SeveralDataError(BadDataError):
    """A file holds several matrices, and nobody said which is meant.

    Attributes
    ----------
    candidates : tuple of str
        Those that may be meant.
    others : tuple of str
        What else is there.
    """

    def __init__(
        self, name: str, problem: str, candidates: tuple[str, ...], others: tuple[str, ...]
    ) -> None:
        super().__init__(name, problem)
        self.candidates = candidates
        self.others = others

    def __reduce__(self) -> tuple[Any, ...]:
        return SeveralDataError, (self.name, self.problem, self.candidates, self.others)


class NoRowsError(BadDataError):
    """What is whole and has no rows: nothing to score, and as a shard nothing to miss."""


@contextmanager
def parsing(name: str, cannot: str = "cannot") -> Iterator[None]:
    """Turn what libraries raise over a damaged file into a BadDataError.

    Which exceptions these are is documented nowhere, and they share no base: KeyError,
    UnicodeDecodeError, RuntimeError, SystemError and more were seen.

    Parameters
    ----------
    name
        The file.
    cannot
        What cannot be read: how the problem begins.
    """
    try:
        yield
    except (BadDataError, ImportError, MemoryError):
        raise
    except OSError as error:
        # A damaged file sends a reader to places that no file has: EINVAL.
        if error.errno in (None, errno.EINVAL):
            raise BadDataError(name, f"{cannot} be read: {error}") from error
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, name) from error
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise BadDataError(name, f"{cannot} be read: {type(error).__name__}: {reason}") from error
