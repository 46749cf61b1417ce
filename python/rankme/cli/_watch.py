"""``rankme watch``."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Any

import typer

from rankme.cli._options import (
    BAD_DATA,
    CenterOption,
    EpsOption,
    check_dtype,
    check_folder,
    require_threads,
)
from rankme.cli._reading import IntegersOption  # noqa: TC001 - typer reads it
from rankme.cli._resume import EVERY, CheckpointOption, StateOption
from rankme.cli._text import print_error, print_warning, text_of
from rankme.cli._watch_parts import (
    check_options,
    follower_of,
    hidden,
    monitor_of,
    page_at,
    place_of,
    prepare,
    telling_of,
    warn_of_rest,
)
from rankme.cli._watch_words import address_of, length_of, plain, rows_of

__all__ = ["HELP", "watch"]

HELP = (
    "Watch embeddings that come in: a folder into which files are put, a table to which rows are "
    "added, or standard input. Prints a line for each window, and raises an alarm where one leaves "
    "the bands of a reference. Ends at Ctrl-C or SIGTERM, or where the source does."
)
TERMINATED = 143


def watch(
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder; a file; or - for standard input, lines of JSON or Arrow's stream.",
        ),
    ],
    window: Annotated[
        str,
        typer.Option(
            metavar="ROWS|TIME", help="How long a window is: 100000 rows, or 30s, 10m, 1h, 1d."
        ),
    ],
    step: Annotated[
        str | None,
        typer.Option(
            metavar="ROWS|TIME",
            help="After how many rows, or how long, the next window begins; --window if not given.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            help="What is normal: rows, from which bands are learnt, or a saved accumulator.",
        ),
    ] = None,
    reference_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which column of the reference.")
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column", "--key", metavar="NAME", help="Which column or key has the vectors."
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="TYPE", callback=check_dtype, help="What bytes or base64 are."),
    ] = None,
    integers: IntegersOption = False,
    time_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which column or key tells when rows came; with a --window by time. Of a file: "
            "read on when it grows.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Tell this metric too, such as stable_rank; repeatable."),
    ] = None,
    eps: EpsOption = 1e-7,
    center: CenterOption = False,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Divide each row by its Euclidean norm.")
    ] = False,
    skip_nonfinite: Annotated[
        bool, typer.Option("--skip-nonfinite", help="Leave out rows with NaN or infinity.")
    ] = False,
    false_alarms: Annotated[
        float, typer.Option(help="With which probability a normal window is outside the bands.")
    ] = 0.01,
    resamples: Annotated[int, typer.Option(help="From how many windows bands are learnt.")] = 500,
    expected_rows: Annotated[
        str | None,
        typer.Option(metavar="FEWEST,MOST", help="Of windows by time: how many rows are judged."),
    ] = None,
    state: StateOption = None,
    checkpoint_every: CheckpointOption = None,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds for which a file must not have changed.")
    ] = 2.0,
    every: Annotated[
        float, typer.Option(min=0.01, help="Seconds from one look to the next.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="End when all that is there is in.")] = False,
    skip_bad_files: Annotated[
        bool, typer.Option("--skip-bad-files", help="Pass over files that cannot be read.")
    ] = False,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.prom",
            callback=check_folder,
            help="Write what Prometheus reads to this file, for the node exporter.",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve it to Prometheus, as on 127.0.0.1:9464."),
    ] = None,
    alarm_command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run this when an alarm is raised or cleared; RANKME_EVENT tells which.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a window, each on one line.")
    ] = False,
) -> int:
    """Watch a source and print its windows; return the exit status."""
    from rankme._scoring.lock import locked  # noqa: PLC0415
    from rankme.integrations._following.loop import Pace, follow  # noqa: PLC0415
    from rankme.integrations._following.run import Run  # noqa: PLC0415
    from rankme.sources._reading import StreamReading  # noqa: PLC0415

    require_threads()
    if checkpoint_every is not None and state is None:
        raise typer.BadParameter(
            "there is nothing to save without --state", param_hint="'--checkpoint-every'"
        )
    options: dict[str, Any] = {
        "window": length_of(window, "--window"),
        "step": None if step is None else length_of(step, "--step"),
        "metrics": metric or [],
        "eps": eps,
        "center": center,
        "normalize": normalize,
        "skip_nonfinite": skip_nonfinite,
        "false_alarms": false_alarms,
        "resamples": resamples,
        "expected_rows": rows_of(expected_rows),
    }
    check_options(options, time_column)
    told = {
        "SOURCE": source if source == "-" else os.path.realpath(source),
        "--column": column,
        "--dtype": dtype,
        "--time-column": time_column,
        "--reference": None if reference is None else place_of(reference),
        "--reference-column": reference_column,
        **{f"--{name.replace('_', '-')}": plain(value) for name, value in options.items()},
    }
    place = None if listen is None else address_of(listen)
    seconds = EVERY if checkpoint_every is None else checkpoint_every
    pace = Pace(every, seconds, once, skip_bad_files)
    reading = StreamReading(column, dtype, integers, time_column=time_column, nulls=skip_nonfinite)
    telling = telling_of(source, prometheus, alarm_command, as_json=as_json)
    make = partial(monitor_of, options, reference, reference_column)
    try:
        with ExitStack() as stack:
            page = None if place is None else stack.enter_context(page_at(*place))
            if state is not None:
                stack.enter_context(locked(str(state), print_warning))
            follower = follower_of(source, reading, settle)
            run = Run(follower, make, told, None if state is None else str(state), page)
            if reference is not None and run.monitor is None:
                prepare(run, reference, reference_column)
            follow(run, telling, pace, print_warning)
            warn_of_rest(run)
    except SystemExit as stopped:
        if stopped.code != TERMINATED:
            raise
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print_error(hidden(f"{where}{error.strerror or error}", reference))
        return BAD_DATA
    except (ValueError, ArithmeticError, RuntimeError, MemoryError, ImportError) as error:
        print_error(hidden(text_of(error), reference))
        return BAD_DATA
    return 0
