"""``rankme score --state``: a run that is resumed where it stopped."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from rankme.cli._options import check_folder
from rankme.cli._text import print_warning

if TYPE_CHECKING:
    from rankme import Spectrum
    from rankme._scoring.meter import Meter
    from rankme.cli._result import ScoreOptions
    from rankme.metrics._estimate import Parts
    from rankme.sources import RowSource

__all__ = [
    "CheckpointOption",
    "Checkpoints",
    "StateOption",
    "as_checkpoints",
    "old_rule",
    "resumed",
]

EVERY = 30.0


def _check_every(seconds: float | None) -> float | None:
    """Take seconds that are negative or not finite for wrong usage."""
    if seconds is not None and not 0 <= seconds < math.inf:
        raise typer.BadParameter(f"seconds must be finite and 0 or more, not {seconds}")
    return seconds


StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE",
        dir_okay=False,
        callback=check_folder,
        help="Save the sum of the rows so far to this file at intervals, and resume from it if "
        "it is there.",
    ),
]
CheckpointOption = Annotated[
    float | None,
    typer.Option(
        "--checkpoint-every",
        metavar="SECONDS",
        callback=_check_every,
        help=f"With --state: the time from one checkpoint to the next; {EVERY:g} if not given.",
    ),
]


class Checkpoints(NamedTuple):
    """Where a run is saved, and how often in seconds."""

    path: str
    every: float


def as_checkpoints(
    state: Path | None, every: float | None, sets: int, method: str
) -> Checkpoints | None:
    """Return the checkpoints that the options ask for, or None; a contradiction is wrong usage."""
    if state is None:
        if every is not None:
            raise typer.BadParameter(
                "there is nothing to save without --state", param_hint="'--checkpoint-every'"
            )
        return None
    if sets > 1:
        raise typer.BadParameter(
            f"one file keeps one set, and there are {sets} paths; --pool makes one set of them",
            param_hint="'--state'",
        )
    if method == "auto":
        raise typer.BadParameter(
            "a run keeps one kind of sum; wanted --method gram or qr", param_hint="'--state'"
        )
    return Checkpoints(str(state), EVERY if every is None else every)


def old_rule(path: str, error: Exception) -> str:
    """Add to an error what it means for a run that an earlier version began with such data."""
    from rankme._accumulators import state_file  # noqa: PLC0415
    from rankme.sources._bytes.urls import WILDCARD  # noqa: PLC0415
    from rankme.sources._errors import AmbiguousDataError  # noqa: PLC0415
    from rankme.sources._shown import one_name  # noqa: PLC0415

    if not isinstance(error, AmbiguousDataError):
        return ""
    try:
        state = state_file.read(path)
    except (OSError, ValueError):
        return ""
    place = WILDCARD.split(error.name)[0]
    place = one_name(place) if "://" in place else os.path.realpath(place)
    if not any(shard.startswith(place) for shard in state.shards):
        return ""
    return (
        f"; the run in {path}, of {state.n_rows} rows from {len(state.shards)} files, was begun "
        f"before the first release, when such data was taken without asking: start again with "
        f"another file"
    )


def resumed(
    source: RowSource, options: ScoreOptions, meter: Meter, checkpoints: Checkpoints
) -> Spectrum | Parts:
    """Take each row of a source once over all runs, as `accumulate` does."""
    from rankme._scoring.resumable import accumulate  # noqa: PLC0415
    from rankme.cli._result import measured_sum  # noqa: PLC0415

    accumulator = accumulate(
        source,
        checkpoints.path,
        normalize=options.normalize,
        method=options.method,
        device=options.device,
        precision=options.precision,
        skip_nonfinite=options.skip_nonfinite,
        rows=options.rows,
        seed=options.seed,
        groups=options.groups,
        every=checkpoints.every,
        meter=meter,
        warn=print_warning,
    )
    meter.stage("eigenvalues")
    return measured_sum(accumulator, options)
