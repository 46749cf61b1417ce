"""The errors of sources that cannot be read."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["BadDataError", "MissingLibraryError", "NoRowsError", "require"]


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


class NoRowsError(BadDataError):
    """A table that is whole and has no rows: nothing to score, and as a shard nothing to miss."""


class MissingLibraryError(ImportError):
    """A format needs a library that is not installed; the text names the extra that brings it."""


def require(library: str, *, extra: str, what: str) -> Any:
    """Import a library that an extra of this package brings.

    Parameters
    ----------
    library
        Name of the module.
    extra
        Name of the extra in ``pip install "rankme[extra]"``.
    what
        What needs it, for the error.

    Raises
    ------
    MissingLibraryError
        It is not installed, or one that it needs itself is not.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingLibraryError(
            f'{what} needs {library} ({error}): pip install "rankme[{extra}]"', name=error.name
        ) from error
