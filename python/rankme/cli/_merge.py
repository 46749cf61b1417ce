"""``rankme merge``."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from rankme.cli._options import (
    BAD_DATA,
    CenterOption,
    EpsOption,
    MetricsOption,
    check_folder,
    require_threads,
)
from rankme.cli._text import print_error, print_warning, text_of

if TYPE_CHECKING:
    from rankme import Accumulator
    from rankme.cli._result import Score

__all__ = ["HELP", "merge"]

HELP = (
    "Merge saved states, of 'rankme score --state' or Accumulator.save, and score all their rows "
    "as one set. A shard that two of them hold is refused. One part is in memory at a time."
)


def merge(
    *,
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART", exists=True, dir_okay=False, help="Saved states."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            callback=check_folder,
            help="Save the merged state here; it can be merged again.",
        ),
    ] = None,
    eps: EpsOption = 1e-7,
    center: CenterOption = False,
    metrics: MetricsOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on one line.")
    ] = False,
) -> int:
    """Merge parts and print the score; return the exit status."""
    from rankme.cli import _report  # noqa: PLC0415

    require_threads()
    paths = tuple(map(str, parts))
    try:
        total = _merged(paths)
        if output is not None:
            _save(total, output)
        result = _score(total, paths, eps=eps, center=center)
        _warn_of_rows_without_shard(total, paths)
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror or error}")
        return BAD_DATA
    except (ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        print_error(text_of(error))
        return BAD_DATA
    if as_json:
        _report.print_json(result, pool=True, metrics=metrics)
    else:
        _report.print_text(result, metrics=metrics)
    for warning in result.warnings:
        print_warning(f"{' + '.join(paths)}: {warning}")
    return 0


def _require_different(paths: tuple[str, ...]) -> None:
    """Refuse a file that is given twice: rows that no shard is known of would count twice."""
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        status = os.stat(path)  # noqa: PTH116
        file = status.st_dev, status.st_ino
        if file in seen:
            raise ValueError(f"{path} is the same file as {seen[file]}, and would be counted twice")
        seen[file] = path


def _warn_of_rows_without_shard(total: Accumulator, paths: tuple[str, ...]) -> None:
    """Warn where rows came without the id of a shard."""
    rows = total.n_rows - sum(total.shards.values())
    if rows and len(paths) > 1:
        print_warning(
            f"{' + '.join(paths)}: {rows} of {total.n_rows} rows came without the id of a shard; "
            f"whether some are in twice cannot be told"
        )


def _merged(paths: tuple[str, ...]) -> Accumulator:
    """Return the sum of all parts, one in memory at a time."""
    _require_different(paths)
    total = _load(paths[0])
    for path in paths[1:]:
        part = _load(path)
        try:
            total.merge(part)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return total


def _load(path: str) -> Accumulator:
    """Return the accumulator of a part."""
    from rankme._scoring.resumable import load_finished  # noqa: PLC0415

    return load_finished(path)


def _save(total: Accumulator, output: Path) -> None:
    """Save the merged state; an error names the file."""
    try:
        total.save(output)
    except OSError as error:
        reason = f"the merged state was not written: {error.strerror or error}"
        raise OSError(error.errno, reason, str(output)) from error


def _score(total: Accumulator, paths: tuple[str, ...], *, eps: float, center: bool) -> Score:
    """Score all rows of the parts as one set."""
    from rankme.cli._result import ScoreOptions, measured_sum, scored  # noqa: PLC0415

    options = ScoreOptions(
        eps=eps, center=center, normalize=total.normalize, method=total.method, rtol=0
    )
    shards = total.shards
    known = sum(shards.values()) == total.n_rows
    # Behind the # is the name of a column.
    files = frozenset(shard.partition("#")[0] for shard in shards) if known else None
    try:
        return scored(measured_sum(total, options), paths, options, files=files)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{' + '.join(paths)}: {error}") from error
