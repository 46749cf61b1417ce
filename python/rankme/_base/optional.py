"""Libraries that an extra of this package brings, imported when they are needed."""

import importlib
from typing import Any

__all__ = ["MissingLibraryError", "require"]


class MissingLibraryError(ImportError):
    """A format needs a library that is not installed; the text names the extra that brings it."""


def require(library: str, *, extra: str, what: str) -> Any:
    """Import a library that an extra of this package brings, for `what`.

    A MissingLibraryError names the extra if the library, or one that it needs, is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingLibraryError(
            f'{what} needs {library} ({error}): pip install "rankme[{extra}]"', name=error.name
        ) from error
