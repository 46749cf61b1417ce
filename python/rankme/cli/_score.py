"""``rankme score``."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from rankme.cli._by import ByOption, check_by, print_groups, scored_groups, unequal_groups
from rankme.cli._each import EachOption, check_each, sets_of
from rankme.cli._options import (
    BAD_DATA,
    CenterOption,
    EpsOption,
    GroupsOption,
    Method,
    MetricsOption,
    Precision,
    QueryOption,
    RowsOption,
    SeedOption,
    as_seed,
    check_device,
    check_groups,
    check_one_picture,
    check_plot,
    check_precision,
    check_query,
    check_rtol,
    require_threads,
)
from rankme.cli._paths import PathsError, check_paths, describe, open_paths
from rankme.cli._reading import (
    ColumnOption,
    DtypeOption,
    IntegersOption,
    RowsAreOption,
    StorageOption,
    ThreadsOption,
    UnpackBitsOption,
    UnpackSignsOption,
    as_policies,
    use_threads,
)
from rankme.cli._resume import CheckpointOption, StateOption, as_checkpoints, old_rule
from rankme.cli._stdin import FormatOption, check_stdin
from rankme.cli._text import print_error, print_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rankme.cli._each import OneSet
    from rankme.cli._result import Score, ScoreOptions
    from rankme.cli._resume import Checkpoints

__all__ = ["HELP", "score"]

HELP = (
    "Score embeddings, a row each: every path by itself, or pooled. A folder or a quoted pattern "
    "is one set of all its files. Rows are read as a stream, in constant memory; only where there "
    "are fewer of them than columns are all needed at once: .npy and its like are then read by "
    "columns or mapped, anything else is loaded."
)


def score(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            callback=check_paths,
            help="Files, folders, quoted patterns such as 'part-*.npy', URLs, - for standard "
            "input, or databases: postgresql://HOST/NAME, sqlite:FILE, duckdb:FILE.",
        ),
    ],
    column: ColumnOption = None,
    dtype: DtypeOption = None,
    query: QueryOption = None,
    kind: FormatOption = None,
    rows_are: RowsAreOption = None,
    integers: IntegersOption = False,
    unpack_bits: UnpackBitsOption = False,
    unpack_signs: UnpackSignsOption = False,
    storage_option: StorageOption = None,
    threads: ThreadsOption = None,
    eps: EpsOption = 1e-7,
    center: CenterOption = False,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Divide each row by its Euclidean norm.")
    ] = False,
    skip_nonfinite: Annotated[
        bool,
        typer.Option(
            "--skip-nonfinite", help="Leave out rows with NaN or infinity, and say how many."
        ),
    ] = False,
    rows: RowsOption = None,
    seed: SeedOption = None,
    method: Annotated[
        Method,
        typer.Option(
            help="Gram matrix; QR, which is slower and sees singular values below 1e-8 of the "
            "largest; or a second pass with QR where the first leaves the score uncertain."
        ),
    ] = Method.gram,
    rtol: Annotated[
        float,
        typer.Option(
            callback=check_rtol,
            help="For --method auto and --precision fast: the accepted width of the interval, in "
            "parts of the score.",
        ),
    ] = 1e-4,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE",
            callback=check_device,
            help="Where to compute: cpu, cuda, or cuda:1 for another GPU than the first.",
        ),
    ] = "cpu",
    precision: Annotated[
        Precision,
        typer.Option(
            help="Multiply in float64; or fast, in float32, and in float64 where that would leave "
            "the score uncertain."
        ),
    ] = Precision.float64,
    groups: GroupsOption = None,
    each: EachOption = False,
    by: ByOption = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Score all rows of all files as one set.")
    ] = False,
    metrics: MetricsOption = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="PICTURE",
            callback=check_plot,
            help="Draw the singular values of the one set into this file, such as out.png.",
        ),
    ] = None,
    state: StateOption = None,
    checkpoint_every: CheckpointOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a set, each on one line.")
    ] = False,
) -> int:
    """Score files and print the results; return the exit status."""
    from rankme.cli._result import ScoreOptions  # noqa: PLC0415

    require_threads()
    use_threads(threads)
    check_stdin(paths, kind, saved=state is not None, apart=rows_are is not None)
    reading = as_policies(
        column,
        dtype,
        integers=integers,
        unpack_bits=unpack_bits,
        unpack_signs=unpack_signs,
        query=query,
        storage=storage_option,
        kind=kind,
        rows_are=rows_are,
    )
    if each:
        one = {"--pool": pool, "--plot": plot is not None, "--state": state is not None}
        check_each(paths, {**one, "--column": column is not None})
    if by is not None:
        check_by({
            "--each": each, "--plot": plot is not None, "--state": state is not None,
            "--groups": groups is not None, "--rows": rows is not None,
            "--skip-nonfinite": skip_nonfinite, "--method": method is not Method.gram,
            "--precision": precision is not Precision.float64, "--device": device != "cpu",
        })  # fmt: skip
    count = 1 if pool else len(paths)
    check_one_picture(plot, count)
    check_groups(groups, method.value, device, precision.value)
    check_precision(precision.value, method.value)
    check_query(query, paths, state)
    checkpoints = as_checkpoints(state, checkpoint_every, count, method.value)
    options = ScoreOptions(
        eps=eps,
        center=center,
        normalize=normalize,
        method=method.value,
        rtol=rtol,
        device=device,
        precision=precision.value,
        skip_nonfinite=skip_nonfinite,
        rows=rows,
        seed=as_seed(seed, rows),
        groups=groups,
    )
    if by is not None:
        sets = sets_of(paths, reading, pool=pool, each=False)
        return _score_by(sets, by, options, as_json=as_json, pool=pool, metrics=metrics)
    shown = partial(_show, as_json=as_json, pool=pool, metrics=metrics, plot=plot)
    sets = sets_of(paths, reading, pool=pool, each=each)
    return _score_sets(sets, options, checkpoints, shown, each=each, as_json=as_json)


def _score_sets(
    sets: Iterable[OneSet],
    options: ScoreOptions,
    checkpoints: Checkpoints | None,
    shown: Callable[..., bool],
    *,
    each: bool,
    as_json: bool,
) -> int:
    """Score sets one after the other and show them; return the exit status."""
    from rankme.cli._report import unequal_rows  # noqa: PLC0415

    status = 0
    scores: list[Score] = []
    for one_set in sets:
        try:
            result = _score_set(one_set, options, checkpoints, each=each)
        except PathsError as error:
            _print_failures(error, checkpoints, as_json=as_json)
            status = BAD_DATA
            continue
        if not shown(result, is_first=not scores):
            status = BAD_DATA
        scores.append(result)
    unequal = unequal_rows(scores)
    if unequal is not None:
        print_warning(unequal)
    return status


def _score_by(
    sets: Iterable[OneSet],
    by: str,
    options: ScoreOptions,
    *,
    as_json: bool,
    pool: bool,
    metrics: bool,
) -> int:
    """Score the groups of each set and print them; return the exit status."""
    status = 0
    for one_set in sets:
        try:
            found = scored_groups(one_set, by, options)
        except PathsError as error:
            _print_failures(error, None, as_json=as_json)
            status = BAD_DATA
            continue
        print_groups(found, by, as_json=as_json, pool=pool, metrics=metrics)
        unequal = unequal_groups(found, by)
        if unequal is not None:
            print_warning(unequal)
    return status


def _show(
    result: Score, *, is_first: bool, as_json: bool, pool: bool, metrics: bool, plot: Path | None
) -> bool:
    """Print a score, what it warns of and its picture; return whether all could be done."""
    from rankme.cli import _report  # noqa: PLC0415

    if as_json:
        _report.print_json(result, pool=pool, metrics=metrics)
    else:
        if not is_first:
            sys.stdout.write("\n")
        _report.print_text(result, metrics=metrics)
    for warning in result.warnings:
        print_warning(f"{_report.title_of(result)}: {warning}")
    return plot is None or _draw(result, plot)


def _print_failures(error: PathsError, checkpoints: Checkpoints | None, *, as_json: bool) -> None:
    """Print what is wrong with paths; as JSON too, one line each."""
    from rankme.cli._report import print_json_error  # noqa: PLC0415

    for path, text, reason in error.failures:
        whole = text + ("" if checkpoints is None else old_rule(checkpoints.path, reason))
        print_error(whole)
        if as_json:
            print_json_error(path, whole)


def _draw(result: Score, path: Path) -> bool:
    """Draw a score; print what is wrong and return False where that fails."""
    from rankme.cli._report import draw  # noqa: PLC0415

    try:
        draw(result, path)
    except OSError as error:
        print_error(f"{path}: {error.strerror or error}")
    except OverflowError as error:
        print_error(f"{path} was not drawn: {error}")
    else:
        return True
    return False


def _names(paths: Sequence[str]) -> str:
    """Join paths to the name of their set, without the secrets of databases."""
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    return " + ".join(map(shown_url, paths))


def _score_set(
    one_set: OneSet, options: ScoreOptions, checkpoints: Checkpoints | None, *, each: bool
) -> Score:
    """Score paths as one set; a PathsError tells what is wrong with them."""
    from rankme._base.status_line import is_live  # noqa: PLC0415
    from rankme._scoring.progress import shown  # noqa: PLC0415
    from rankme.cli._result import measured, scored  # noqa: PLC0415
    from rankme.cli._resume import resumed  # noqa: PLC0415
    from rankme.sources import subset  # noqa: PLC0415
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    if one_set.error is not None:
        raise one_set.error
    whole = open_paths(one_set.paths, one_set.reading)
    paths = [shown_url(path) for path in one_set.paths]
    label = os.path.basename(paths[0]) if len(paths) == 1 else f"{len(paths)} files"  # noqa: PTH119
    try:
        some = whole
        if options.rows is not None:
            some = subset(whole, options.rows, seed=options.seed)
        with shown(is_live(sys.stderr), label, some.n_rows) as meter:
            if checkpoints is None:
                found = measured(some, options, meter)
            else:
                found = resumed(some, options, meter, checkpoints)
        column = one_set.reading.column if each else None
        return scored(found, tuple(paths), options, whole, column=column)
    except (ValueError, ArithmeticError, RuntimeError, MemoryError, OSError, ImportError) as error:
        failed = paths[0] if len(paths) == 1 else getattr(error, "name", None) or _names(paths)
        raise PathsError([(failed, describe(error, paths), error)]) from error
