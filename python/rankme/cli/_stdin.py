"""Standard input as a set: ``rankme score -``.

How many rows there are has to be known before the first is added, and some formats are told at
their end. So what comes is kept on disk until the command ends, in a temporary file.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.sources import RowSource
    from rankme.sources._reading import Reading

__all__ = ["STDIN", "FormatOption", "check_stdin", "open_stdin"]

STDIN = "-"
PIECE_BYTES = 2**20
# What is open as long as the command runs, and removed when it ends.
_kept: list[IO[bytes]] = []

FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="SUFFIX",
        help="What standard input is, where its first bytes do not tell: jsonl, csv, tsv, fbin, "
        "fvecs and their like.",
    ),
]


def check_stdin(paths: Sequence[str], kind: str | None, *, saved: bool, apart: bool) -> None:
    """Take standard input that is there twice, cannot be read or is not meant for wrong usage."""
    from rankme.sources._format_table import KNOWN_SUFFIXES  # noqa: PLC0415

    known = [suffix.removeprefix(".") for suffix in KNOWN_SUFFIXES]
    hint = "'PATH'"
    count = list(paths).count(STDIN)
    if kind is not None and not count:
        raise typer.BadParameter(
            "it is for standard input, which is the path -", param_hint="'--format'"
        )
    if kind is not None and kind.removeprefix(".") not in known:
        raise typer.BadParameter(f"{kind} is none of {', '.join(known)}", param_hint="'--format'")
    if apart and count:
        raise typer.BadParameter(
            "standard input is one file, and rows of their own are read from disk",
            param_hint="'--rows-are'",
        )
    if count > 1:
        raise typer.BadParameter("standard input can be read once", param_hint=hint)
    if count and saved:
        raise typer.BadParameter(
            "standard input cannot be read again, and a run that is saved may have to; save the "
            "rows in a file first",
            param_hint="'--state'",
        )
    if count and sys.stdin.isatty():
        raise typer.BadParameter(
            "standard input is a terminal; wanted rows, as of: cat rows.arrows | rankme score -",
            param_hint=hint,
        )


def open_stdin(reading: Reading) -> RowSource:
    """Open what comes from standard input, to its end.

    Raises
    ------
    BadDataError
        It is in no known format, or holds no embeddings.
    OSError
        There is no room for it.
    """
    from rankme.sources._bytes.files import LocalFile  # noqa: PLC0415
    from rankme.sources._formats import open_file  # noqa: PLC0415

    kept = tempfile.NamedTemporaryFile(prefix="rankme-")  # noqa: SIM115 - until the command ends
    _kept.append(kept)
    shutil.copyfileobj(sys.stdin.buffer, kept, PIECE_BYTES)
    kept.flush()
    name = "stdin" if reading.format is None else f"stdin.{reading.format.removeprefix('.')}"
    return open_file(LocalFile.find(kept.name, name), reading)
