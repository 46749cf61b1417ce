"""Which sets the paths of the command stand for: one each, one in all, or everything in each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from rankme.cli._paths import PathsError, describe
from rankme.cli._stdin import STDIN
from rankme.cli._text import print_warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rankme.sources._reading import Reading

__all__ = ["EachOption", "OneSet", "check_each", "sets_of"]

MOST_LISTED = 12

EachOption = Annotated[
    bool,
    typer.Option(
        "--each",
        help="Score every matrix of a container, and every sub-folder of a folder, by itself.",
    ),
]


class OneSet(NamedTuple):
    """Paths that are scored as one set, and how they are read; or what is wrong with them."""

    paths: list[str]
    reading: Reading
    error: PathsError | None = None


def check_each(paths: Sequence[str], others: dict[str, bool]) -> None:
    """Take options that ask for one set for wrong usage."""
    given = [name for name, is_given in others.items() if is_given]
    if given:
        raise typer.BadParameter(
            f"it scores several sets, and {given[0]} is for one", param_hint="'--each'"
        )
    if STDIN in paths:
        raise typer.BadParameter("standard input is one set", param_hint="'--each'")


def sets_of(paths: list[str], reading: Reading, *, pool: bool, each: bool) -> Iterator[OneSet]:
    """Yield the sets; what is left out of a path is a warning."""
    if pool:
        yield OneSet(paths, reading)
        return
    for path in paths:
        if each:
            yield from _each_of(path, reading)
        else:
            yield OneSet([path], reading)


def _each_of(path: str, reading: Reading) -> Iterator[OneSet]:
    """Yield the sets that a path holds."""
    from rankme.sources._each import members_of  # noqa: PLC0415
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    shown = shown_url(path)
    try:
        found = members_of(path, reading)
    except (ValueError, ImportError, OSError, MemoryError) as error:
        yield OneSet([path], reading, PathsError([(shown, describe(error, [shown]), error)]))
        return
    if found.left_out:
        listed = ", ".join(found.left_out[:MOST_LISTED])
        rest = len(found.left_out) - MOST_LISTED
        more = f" and {rest} more" if rest > 0 else ""
        print_warning(f"{shown}: left out, as {found.why}: {listed}{more}")
    for one in found.sets.values():
        yield OneSet([one.path], replace(reading, column=one.column))
