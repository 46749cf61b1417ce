"""What several commands share: exit status, options and the checks of their values."""

from __future__ import annotations

import os
from contextlib import contextmanager
from enum import Enum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "BAD_DATA",
    "CenterOption",
    "EpsOption",
    "GroupsOption",
    "Method",
    "MetricsOption",
    "Precision",
    "QueryOption",
    "RowsOption",
    "SeedOption",
    "as_seed",
    "check_device",
    "check_dtype",
    "check_folder",
    "check_groups",
    "check_one_picture",
    "check_plot",
    "check_precision",
    "check_query",
    "check_rtol",
    "require_threads",
    "seed_of",
    "wrong_usage",
]

BAD_DATA = 1


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Take a ValueError for wrong usage."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_eps(eps: float) -> float:
    """Take an eps outside 0 to 1 for wrong usage."""
    from rankme._base.arguments import as_eps  # noqa: PLC0415

    with wrong_usage():
        return as_eps(eps)


def check_rtol(rtol: float) -> float:
    """Take an rtol that is negative or not finite for wrong usage."""
    from rankme._base.arguments import as_rtol  # noqa: PLC0415

    with wrong_usage():
        return as_rtol(rtol)


def check_dtype(dtype: str | None) -> str | None:
    """Take a dtype that bytes cannot have for wrong usage."""
    from rankme.sources._told import as_told  # noqa: PLC0415

    with wrong_usage():
        return as_told(dtype)


def check_device(device: str) -> str:
    """Take a device that is not there for wrong usage; return its full name."""
    from rankme import cuda  # noqa: PLC0415
    from rankme._base.devices import as_device  # noqa: PLC0415

    with wrong_usage():
        place = as_device(device)
    if place != "cpu":
        known = cuda.describe()
        if not known["available"]:
            raise typer.BadParameter(f"{device} cannot be used: {known['reason']}")
        if place not in known:
            raise typer.BadParameter(f"there is no {place}; 'rankme info' lists the GPUs")
    return place


def check_folder(path: Path | None) -> Path | None:
    """Take a file in a folder that is not there, or a pipe, for wrong usage."""
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is no folder")
    if path is not None and path.is_fifo():  # to read it would wait for somebody who writes
        raise typer.BadParameter(f"{path} is a pipe, and wanted is a file")
    return path


def check_groups(groups: int | None, method: str, device: str, precision: str) -> None:
    """Take groups where they have not been built, or too few of them, for wrong usage."""
    from rankme._accumulators.dealt import as_groups  # noqa: PLC0415

    if groups is None:
        return
    with wrong_usage():
        as_groups(groups)
    for name, value, wanted in (
        ("--method", method, "gram"),
        ("--device", device, "cpu"),
        ("--precision", precision, "float64"),
    ):
        if value != wanted:
            raise typer.BadParameter(
                f"groups are kept with {name} {wanted}, and not with {name} {value}",
                param_hint="'--groups'",
            )


def check_query(query: str | None, paths: Sequence[str], state: Path | None) -> None:
    """Take a query without a database, and a run of one that cannot go on, for wrong usage."""
    from rankme.sources._database_url import is_database, no_database  # noqa: PLC0415
    from rankme.sources._shown import shown_url  # noqa: PLC0415
    from rankme.sources._sql import as_query  # noqa: PLC0415

    files = [path for path in paths if not is_database(path)]
    if query is not None:
        with wrong_usage():
            as_query(query)
        if files:
            raise typer.BadParameter(
                f"{shown_url(files[0])}: {no_database(files[0])}", param_hint="'--query'"
            )
    elif len(files) < len(paths):
        database = next(path for path in paths if is_database(path))
        raise typer.BadParameter(
            f"{shown_url(database)} is a database, of which --query selects the rows",
            param_hint="'PATH'",
        )
    if state is not None and len(files) < len(paths):
        raise typer.BadParameter(
            "the rows of a database may be others when a run goes on; save them to a file, or "
            "score them in one run",
            param_hint="'--state'",
        )


def check_precision(precision: str, method: str) -> None:
    """Take a precision that the method does not have for wrong usage."""
    from rankme._base.devices import as_precision  # noqa: PLC0415

    with wrong_usage():
        as_precision(precision, method)


def check_one_picture(path: Path | None, sets: int) -> None:
    """Take a picture of several sets for wrong usage."""
    if path is not None and sets > 1:
        raise typer.BadParameter(
            f"one picture shows one set, and there are {sets} files; --pool makes one set of them",
            param_hint="'--plot'",
        )


def check_plot(path: Path | None) -> Path | None:
    """Find out before the work whether a picture can be written there."""
    if path is None:
        return None
    os.environ["MPLBACKEND"] = "agg"  # a file needs no window, whatever is set for notebooks
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise typer.BadParameter('a plot needs Matplotlib: pip install "rankme[plot]"') from error
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise typer.BadParameter(f"{path} has none of the suffixes {', '.join(sorted(known))}")
    return check_folder(path)


class Precision(str, Enum):
    """How rows are multiplied."""

    float64 = "float64"
    fast = "fast"


class Method(str, Enum):
    """How singular values are found; the values of ``method`` in Python."""

    gram = "gram"
    qr = "qr"
    auto = "auto"


def require_threads() -> None:
    """Take a bad ``RANKME_NUM_THREADS`` for wrong usage: no file is to blame for it."""
    from rankme._base.threads import require_budget  # noqa: PLC0415

    with wrong_usage():
        require_budget()


def _check_rows(rows: int | None) -> int | None:
    """Take a number of rows below 1 for wrong usage."""
    from rankme.sources._choice import as_row_count  # noqa: PLC0415

    with wrong_usage():
        return None if rows is None else as_row_count(rows)


def as_seed(seed: str | None, rows: int | None) -> int | None:
    """Return the seed of a choice of rows, or None for the first; alone it is wrong usage."""
    if seed is None:
        return 0
    if rows is None:
        raise typer.BadParameter(
            "nothing is drawn without --rows; wanted such as --rows 25600 --seed 0",
            param_hint="'--seed'",
        )
    return seed_of(seed)


def seed_of(seed: str) -> int | None:
    """Read the option: a number, or none for the first rows."""
    from rankme.sources._choice import as_row_seed  # noqa: PLC0415

    hint = "'--seed'"
    if seed == "none":
        return None
    if not (seed.isascii() and seed.isdigit()):
        raise typer.BadParameter(
            f"{seed!r} is neither a number, for random rows, nor none, for the first rows",
            param_hint=hint,
        )
    try:
        return as_row_seed(int(seed))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


EpsOption = Annotated[
    float,
    typer.Option(callback=check_eps, help="Added to each p_k; 0 gives the effective rank."),
]
GroupsOption = Annotated[
    int | None,
    typer.Option(
        "--groups",
        metavar="B",
        help="Print the sampling error too, by leaving out one after the other of B groups of "
        "neighbouring rows; 16 is usual, 8 the least.",
    ),
]
CenterOption = Annotated[bool, typer.Option("--center", help="Subtract the column means.")]
MetricsOption = Annotated[
    bool, typer.Option("--metrics", help="Print the related metrics of the same spectrum.")
]
QueryOption = Annotated[
    str | None,
    typer.Option(
        "--query",
        metavar="SQL",
        help="Of a database: the SELECT that gives the rows, such as 'SELECT embedding FROM "
        "items'. With --rows it needs an ORDER BY.",
    ),
]
RowsOption = Annotated[
    int | None,
    typer.Option(
        "--rows",
        metavar="NUMBER",
        callback=_check_rows,
        help="Score this many rows of each set, since only scores of as many rows are compared.",
    ),
]
SeedOption = Annotated[
    str | None,
    typer.Option(
        "--seed",
        metavar="NUMBER|none",
        help="With --rows: which ones, a random subset by this number (0 if not given), the same "
        "of every format; or none for the first rows.",
    ),
]
