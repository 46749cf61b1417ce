"""``rankme score --by``: a score for each label of a column."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rankme.cli._paths import PathsError, describe, open_paths
from rankme.cli._text import one_line, print_warning
from rankme.metrics._interval_text import with_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.cli._each import OneSet
    from rankme.cli._result import Score, ScoreOptions

__all__ = ["ByOption", "check_by", "print_groups", "scored_groups", "unequal_groups"]

ByOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="COLUMN",
        help="Score the rows of each label in this column, or under this key, by themselves; of "
        "Parquet, Arrow, Lance, CSV and JSON lines.",
    ),
]


def check_by(others: dict[str, bool]) -> None:
    """Take options that groups have not been built for for wrong usage."""
    given = [name for name, is_given in others.items() if is_given]
    if given:
        raise typer.BadParameter(f"{given[0]} is not for groups of rows", param_hint="'--by'")


def scored_groups(one_set: OneSet, column: str, options: ScoreOptions) -> list[tuple[str, Score]]:
    """Score each group of a set; a PathsError tells what is wrong with it."""
    from rankme._base.status_line import is_live  # noqa: PLC0415
    from rankme._scoring.by_column import spectra_by  # noqa: PLC0415
    from rankme._scoring.progress import shown  # noqa: PLC0415
    from rankme.cli._result import scored  # noqa: PLC0415
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    source = open_paths(one_set.paths, one_set.reading)
    paths = [shown_url(path) for path in one_set.paths]
    label = os.path.basename(paths[0]) if len(paths) == 1 else f"{len(paths)} files"  # noqa: PTH119
    try:
        with shown(is_live(sys.stderr), label, source.n_rows) as meter:
            found = spectra_by(
                source, column, center=options.center, normalize=options.normalize, meter=meter
            )
        return [(one.label, scored(one.spectrum, tuple(paths), options, source)) for one in found]
    except (ValueError, ArithmeticError, RuntimeError, MemoryError, OSError, ImportError) as error:
        failed = paths[0] if len(paths) == 1 else getattr(error, "name", None) or " + ".join(paths)
        raise PathsError([(failed, describe(error, paths), error)]) from error


def print_groups(
    groups: Sequence[tuple[str, Score]], column: str, *, as_json: bool, pool: bool, metrics: bool
) -> None:
    """Print a line a group, the lowest score where it stands among the others."""
    from rankme.cli._report import record_of  # noqa: PLC0415

    if as_json:
        for label, score in groups:
            record = record_of(score, pool=pool, metrics=metrics) | {"by": column, "group": label}
            sys.stdout.write(json.dumps(record, allow_nan=False) + "\n")
        sys.stdout.flush()
        return
    title = " + ".join(one_line(path) for path in groups[0][1].paths)
    sys.stdout.write(f"{title} by {one_line(column)}\n")
    names = [one_line(str(label)) for label, _ in groups]
    width = max(map(len, names))
    for name, (_, score) in zip(names, groups, strict=True):
        text = with_interval(score.rankme, score.low, score.high)
        most = min(score.spectrum.n_rows - int(score.spectrum.center), score.spectrum.n_cols)
        sys.stdout.write(
            f"  {name:<{width}}  {score.spectrum.n_rows:>9} rows  RankMe {text} of {most}\n"
        )
    sys.stdout.flush()
    for label, score in groups:
        for warning in score.warnings:
            print_warning(f"{title}, {column} {label}: {warning}")


def unequal_groups(groups: Sequence[tuple[str, Score]], column: str) -> str | None:
    """Say that groups of different size must not be compared."""
    rows = {score.spectrum.n_rows: label for label, score in groups}
    if len(rows) <= 1:
        return None
    few, many = min(rows), max(rows)
    return (
        f"these scores must not be compared where N differs: {column} {rows[few]} has {few} rows "
        f"and {rows[many]} has {many}, and RankMe grows with N"
    )
