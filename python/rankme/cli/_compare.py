"""``rankme compare``."""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rankme._base.status_line import is_live
from rankme.cli._names import differing_parts
from rankme.cli._options import (
    BAD_DATA,
    CenterOption,
    EpsOption,
    check_folder,
    check_plot,
    require_threads,
    seed_of,
)
from rankme.cli._paths import describe
from rankme.cli._reading import ColumnOption, DtypeOption  # noqa: TC001 - typer reads them
from rankme.cli._text import one_line, print_error, print_warning, text_of
from rankme.cli._truth import read_truth, require_truths, truth_of_others

if TYPE_CHECKING:
    from rankme import Comparison

__all__ = ["HELP", "compare"]

HELP = (
    "Rank runs by RankMe, the best first, and say which cannot be told from it. A path is one run: "
    "a file, folder, quoted pattern, URL, or a saved state with groups; its name is the part in "
    "which the paths differ. All are scored on as many rows."
)


def compare(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Two or more, each of one run."),
    ],
    column: ColumnOption = None,
    dtype: DtypeOption = None,
    rows: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=8,
            help="Score this many rows of each; by default as many as the smallest has.",
        ),
    ] = None,
    seed: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|none",
            help="Which rows: a random subset by this number, or none for the first ones.",
        ),
    ] = "0",
    groups: Annotated[
        int,
        typer.Option(min=8, max=65536, help="Of the jackknife, which tells the sampling error."),
    ] = 16,
    eps: EpsOption = 1e-7,
    center: CenterOption = False,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Divide each row by its Euclidean norm.")
    ] = False,
    paired: Annotated[
        bool | None,
        typer.Option(
            "--paired/--unpaired",
            help="Whether row i of every path belongs to the same input; by default if saved ids "
            "prove it.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="An untrained run: warn of what is not above."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What may differ all the same: eps, center or normalize of saved states, the tags "
            "layer, tap, split or data. Can be given several times.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            exists=True,
            dir_okay=False,
            help="What labels say of each run, columns name and value: was the choice right?",
        ),
    ] = None,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="Of the truth, such as an error.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", callback=check_plot, help="Draw the scores with errors."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=check_folder, help="Write one page that needs nothing else."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on one line.")
    ] = False,
) -> int:
    """Compare runs and print the table; return the exit status."""
    from rankme.selection.compare import Choices  # noqa: PLC0415

    require_threads()
    if lower_is_better and truth is None:
        raise typer.BadParameter(
            "it tells which way --truth goes, which is not given", param_hint="'--lower-is-better'"
        )
    runs = _named(paths)
    if baseline is not None and baseline not in runs:
        known = ", ".join(runs)
        raise typer.BadParameter(f"the runs are {known}", param_hint="'--baseline'")
    choices = Choices(
        rows="equal" if rows is None else rows,
        seed=seed_of(seed),
        groups=groups,
        paired=paired,
        baseline=baseline,
        eps=eps,
        center=center,
        normalize=normalize,
        column=column,
        dtype=dtype,
        allow=_as_allowed(allow or []),
        progress=is_live(sys.stderr),
    )
    try:
        told = {} if truth is None else read_truth(truth)
        if truth is not None:
            require_truths(told, runs)
        result = _compared(runs, choices)
        agreement = (
            None
            if truth is None
            else result.agreement(
                {name: told[name] for name in result.scores},
                higher_is_better=not lower_is_better,
            )
        )
    except (ValueError, ImportError, ArithmeticError, RuntimeError, MemoryError) as error:
        print_error(_in_options(text_of(error)))
        return BAD_DATA
    _print(result, agreement, as_json=as_json)
    spare = truth_of_others(told, runs)
    if spare is not None:
        print_warning(f"{truth}: {spare}")
    written = [_draw(result, plot), _write(result, agreement, html)]
    return BAD_DATA if result.errors or not all(written) else 0


def _named(paths: list[str]) -> dict[str, str]:
    """Name the paths; too few of them, or one twice, are wrong usage, and so are databases."""
    from rankme.sources._database_url import is_database  # noqa: PLC0415
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    for path in filter(is_database, paths):
        raise typer.BadParameter(
            f"{shown_url(path)} is a database, and each run has a query of its own; in Python: "
            f"rankme.compare({{'a': rankme.open_source(url, query=...), ...}})",
            param_hint="'PATH'",
        )
    plain = [path if "://" in path else os.path.normpath(path) for path in paths]
    twice = next((path for i, path in enumerate(plain) if path in plain[:i]), None)
    if twice is not None:
        raise typer.BadParameter(f"{shown_url(twice)} is given twice", param_hint="'PATH'")
    if len(plain) == 1:
        raise typer.BadParameter(
            f"{shown_url(plain[0])} is one run, and to compare takes two; rankme score gives its "
            f"score",
            param_hint="'PATH'",
        )
    names = differing_parts(list(map(shown_url, plain)))
    for number, name in enumerate(names):
        if name in names[:number]:  # they differ in what is not shown
            names[number] = f"{name} ({number + 1})"
    return dict(zip(names, plain, strict=True))


def _as_allowed(names: list[str]) -> list[str]:
    """Take another name than one that compare allows for wrong usage."""
    from rankme.selection.compare import ALLOWED  # noqa: PLC0415

    for name in names:
        if name not in ALLOWED:
            known = ", ".join(ALLOWED)
            raise typer.BadParameter(f"{name} is none of {known}", param_hint="'--allow'")
    return names


# What errors of `rankme.compare` say to do, and what that is here.
_OPTIONS = {
    r"\bpaired=True": "--paired",
    r"\bpaired=False": "--unpaired",
    r"\b(center|normalize)=True": r"--\1",
    r"\b(center|normalize)=False": r"no --\1",
    r"\b(rows|eps)=": r"--\1 ",
    r"\bseed=None": "--seed none",
    r"\ballow='(\w+)'": r"--allow \1",
    r"\brankme\.estimate\(Z\)": "rankme score --groups 16",
}


def _in_options(text: str) -> str:
    """Write an error of Python's arguments as one of the command's options."""
    for argument, option in _OPTIONS.items():
        text = re.sub(argument, option, text)
    return text


def _compared(runs: dict[str, str], choices: Any) -> Comparison:
    """Compare; what is wrong with a path is printed, and the others are compared."""
    from rankme.selection.compare import compare_sets  # noqa: PLC0415

    errors: list[tuple[str, str]] = []

    def failed(name: str, error: Exception) -> None:
        path = runs[name]
        text = _in_options(describe(error, [path]))
        print_error(text)
        errors.append((path, one_line(text)))

    result = compare_sets(runs, choices, failed)
    return replace(result, errors=tuple(errors))


def _print(result: Comparison, agreement: Any, *, as_json: bool) -> None:
    """Print the table, or one line of JSON."""
    if as_json:
        record = json.loads(result.to_json())
        if agreement is not None:
            record["agreement"] = agreement.to_dict()
        sys.stdout.write(json.dumps(record, allow_nan=False) + "\n")
    else:
        # Warnings and errors go to standard error, a line each.
        shown = replace(result, warnings=(), errors=(), pairing=_in_options(result.pairing))
        sys.stdout.write(f"{shown}\n")
        if agreement is not None:
            sys.stdout.write(f"\n{agreement}\n")
    for warning in result.warnings:
        print_warning(_in_options(warning))
    sys.stdout.flush()


def _draw(result: Comparison, path: Path | None) -> bool:
    """Draw the scores into a file; print what is wrong and return False where that fails."""
    if path is None:
        return True
    from matplotlib import pyplot as plt  # noqa: PLC0415

    result.plot()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            plt.savefig(path, dpi=130)
    except OSError as error:
        print_error(f"{path}: {error.strerror or error}")
        return False
    finally:
        plt.close()
    told = list(dict.fromkeys(str(one.message) for one in caught))  # of letters that no font has
    if told:
        more = f", and {len(told) - 1} more like it" if len(told) > 1 else ""
        print_warning(f"{path}: {told[0]}{more}")
    return True


def _write(result: Comparison, agreement: Any, path: Path | None) -> bool:
    """Write the page; print what is wrong and return False where that fails."""
    if path is None:
        return True
    try:
        path.write_text(result.to_html(agreement), encoding="utf-8")
    except OSError as error:
        print_error(f"{path}: {error.strerror or error}")
        return False
    return True
