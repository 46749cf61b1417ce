"""What is written, and where: file names may hold anything, and a pipe may close."""

from __future__ import annotations

import io
import sys

from rankme._base.text import one_line

__all__ = ["Output", "OutputError", "one_line", "print_error", "print_warning", "text_of"]


class OutputError(Exception):
    """Standard output cannot be written; the cause is the OSError that says why."""


class Output(io.TextIOWrapper):
    """Standard output whose failures cannot be taken for those of another file."""

    def write(self, text: str, /) -> int:
        """Write text; an OSError becomes an OutputError."""
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError from error

    def flush(self) -> None:
        """Write what is held back; an OSError becomes an OutputError."""
        try:
            super().flush()
        except OSError as error:
            raise OutputError from error


def text_of(error: BaseException) -> str:
    """Return the text of an error; Python's own MemoryError has none."""
    return str(error) or "out of memory"


def print_error(text: object) -> None:
    """Print one line on standard error, after what standard output still holds back."""
    _print("error", text)


def print_warning(text: object) -> None:
    """Print one line on standard error about a result that stands."""
    _print("warning", text)


def _print(kind: str, text: object) -> None:
    """Print one line on standard error, after standard output; never a password."""
    from rankme.sources._shown import without_secrets  # noqa: PLC0415 - only then

    sys.stdout.flush()
    sys.stderr.write(f"rankme: {kind}: {without_secrets(one_line(text))}\n")
    sys.stderr.flush()
