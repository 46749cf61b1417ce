"""``rankme score --state``: a run that goes on where it stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from rankme._scoring.meter import Meter
    from rankme.cli._result import Score, Settings
    from rankme.sources import RowSource

__all__ = ["CheckpointOption", "Checkpoints", "StateOption", "as_checkpoints", "score_resumed"]

EVERY = 30.0


def _check_state(path: Path | None) -> Path | None:
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is no folder")
    return path


def _check_every(seconds: float | None) -> float | None:
    if seconds is not None and not 0 <= seconds < math.inf:
        raise typer.BadParameter(f"seconds must be finite and 0 or more, not {seconds}")
    return seconds


StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE",
        dir_okay=False,
        callback=_check_state,
        help="Save the sum of the rows so far into this file every now and then, and go on from "
        "it if it is there.",
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


def score_resumed(
    source: RowSource,
    paths: tuple[str, ...],
    settings: Settings,
    meter: Meter,
    checkpoints: Checkpoints,
) -> Score:
    """Score the rows of a source as one set, each row once over all runs.

    Parameters
    ----------
    source, paths, settings, meter
        As of `score_source`.
    checkpoints
        The run's.

    Raises
    ------
    BadDataError, OSError, MemoryError, RuntimeError
        As `accumulate`.
    """
    from rankme._scoring.resumable import accumulate  # noqa: PLC0415
    from rankme.cli._result import score_spectrum  # noqa: PLC0415

    accumulator = accumulate(
        source,
        checkpoints.path,
        normalize=settings.normalize,
        method=settings.method,
        device=settings.device,
        skip_nonfinite=settings.skip_nonfinite,
        every=checkpoints.every,
        meter=meter,
    )
    meter.stage("eigenvalues")
    dtype = ",".join(sorted({shard.dtype.name for shard in source.shards}))
    return score_spectrum(accumulator.spectrum(center=settings.center), paths, settings, dtype)
