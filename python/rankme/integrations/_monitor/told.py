"""What a monitor tells, and what two of them tell together."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.integrations._monitor.panes import merged, start_of
from rankme.metrics._moments import Moments

if TYPE_CHECKING:
    from rankme.integrations._monitor.held import Held
    from rankme.integrations._monitor.panes import Pane
    from rankme.integrations._monitor.progress import Progress

__all__ = ["report_of", "require_alike", "united"]

SCHEMA = "rankme.monitor/1"
_NO_REFERENCE = "there is no reference: no drift is told, and no alarm is raised"
_ROWS_A_DIMENSION = 10  # below them RankMe still grows with their number
_SAME = 1e-9  # of the norm of a row: what the order of sums may make
_PLAIN = 3.0  # how many times its sampling error a mean is, whose angle is its own


def report_of(held: Held) -> dict[str, Any]:
    """Return a report, which shares nothing with what is held."""
    settings, counts, reference = held.settings, held.counts, held.reference
    bands = reference and reference.bands
    alarm = held.alarm.to_dict()
    # Of the steps before the open one there is a window already, once there is any.
    pending = held.ring.n_rows if counts.windows == 0 else held.ring.open.n_rows
    return {
        "schema": SCHEMA,
        "dim": settings.dim,
        "window": settings.window,
        "step": settings.step,
        "unit": settings.unit,
        "eps": settings.eps,
        "center": settings.center,
        "normalize": settings.normalize,
        "n_rows": counts.rows,
        "n_skipped": counts.skipped,
        "pending_rows": pending,
        "n_windows": counts.windows,
        "alarm": alarm["on"],
        "alarms": alarm["events"],
        "bands": bands.to_dict() if bands else None,
        "notes": _notes(held),
        "reference": None if reference is None else _about(held),
        "windows": copy.deepcopy(held.records),
    }


def _notes(held: Held) -> list[str]:
    """Say what the numbers do not tell by themselves."""
    settings, reference = held.settings, held.reference
    notes = [_NO_REFERENCE] if reference is None else [reference.note]
    rows = settings.window if not settings.timed else _fewest_rows(held)
    if rows is not None:
        notes += [_small(rows, settings.dim), None if reference is None else _turned(held, rows)]
    return [note for note in notes if note is not None]


def _fewest_rows(held: Held) -> int | None:
    """Return how many rows the smallest window by time has had; None before the first."""
    return min((record["n_rows"] for record in held.records), default=None)


def _small(rows: float, dim: int) -> str | None:
    """Say of a small window what its RankMe depends on."""
    wanted = _ROWS_A_DIMENSION * dim
    if rows >= wanted:
        return None
    return (
        f"a window of {rows:g} rows has fewer than {_ROWS_A_DIMENSION} a dimension, which are "
        f"{wanted}: its RankMe is below that of more rows, and is compared with that of windows of "
        f"as many rows only"
    )


def _turned(held: Held, rows: float) -> str | None:
    """Say of a mean that is hardly told from zero that its angle is chance."""
    assert held.reference is not None  # noqa: S101
    moments = Moments.from_state(*held.reference.acc._covariance_state())  # noqa: SLF001
    length = float(np.linalg.norm(moments.mean))
    variance = float(np.trace(moments.scatter)) / (moments.n_rows - 1)
    if length > _PLAIN * math.sqrt(variance / rows):
        return None
    return (
        f"the reference's mean is not told from zero by {rows:g} rows, so that mean_angle is "
        f"chance: mean_shift and frechet tell of a mean that moves"
    )


def _about(held: Held) -> dict[str, Any]:
    """Return what is told of the reference."""
    reference = held.reference
    assert reference is not None  # noqa: S101
    quantiles = {}
    if reference.norms is not None:
        shares = held.settings.quantiles
        found = reference.norms.quantiles(shares)
        quantiles = {f"{share:g}": value for share, value in zip(shares, found, strict=True)}
    return {
        "n_rows": reference.acc.n_rows,
        "components": reference.components,
        "norm_quantiles": quantiles,
    }


def require_alike(ours: Held, theirs: Held) -> None:
    """Refuse monitors that cannot be merged."""
    for name, value in ours.settings.to_dict().items():
        other = getattr(theirs.settings, name)
        if value != other:
            raise ValueError(f"cannot merge monitors of {name} {value} and {name} {other}")
    notes = [
        held.reference and (held.reference.acc.n_rows, held.reference.components)
        for held in (ours, theirs)
    ]
    bands = [held.reference and held.reference.bands for held in (ours, theirs)]
    if notes[0] != notes[1] or bands[0] != bands[1] or not _alike(ours, theirs):
        raise ValueError("cannot merge monitors of different references: make both from one file")
    numbers = ours.ring.number, theirs.ring.number
    if None not in numbers and numbers[0] != numbers[1]:
        ends = " and ".join(
            f"{start_of(number or 0, ours.settings.step):.15g}" for number in numbers
        )
        raise ValueError(
            f"the monitors are at steps that begin at {ends}: let the earlier one go on by "
            f"update(numpy.empty((0, {ours.settings.dim})), time=...)"
        )


def _alike(ours: Held, theirs: Held) -> bool:
    """Whether two references have the same moments, but for the order of their sums."""
    if ours.reference is None or theirs.reference is None:
        return ours.reference is theirs.reference
    one, other = (
        Moments.from_state(*held.reference.acc._covariance_state())  # type: ignore[union-attr]  # noqa: SLF001
        for held in (ours, theirs)
    )
    size = float(np.sqrt(np.trace(one.scatter) / one.n_rows + one.mean @ one.mean))
    return bool(
        np.allclose(one.mean, other.mean, rtol=0, atol=_SAME * size)
        and np.allclose(one.scatter, other.scatter, rtol=0, atol=_SAME * size**2 * one.n_rows)
    )


def united(ours: Held, theirs: Held, progress: Progress) -> list[dict[str, Any]]:
    """Let a progress of our monitor take in theirs; return the windows of both."""
    before = progress.counts.windows
    records = [{**one, "index": one["index"] + before} for one in copy.deepcopy(theirs.records)]
    progress.counts = progress.counts._replace(
        rows=progress.counts.rows + theirs.counts.rows,
        skipped=progress.counts.skipped + theirs.counts.skipped,
        windows=before + theirs.counts.windows,
        first=_latest(progress.counts.first, theirs.counts.first),
    )
    progress.alarm.join(theirs.alarm, before)
    if ours.settings.timed:
        _join_times(progress, theirs)
    else:
        # What is in none of their windows yet.
        for pane in theirs.ring.closed if theirs.counts.windows == 0 else ():
            progress.insert(pane)
        progress.join(theirs.ring.open)
        if progress.ring.open.n_rows >= ours.settings.step:
            progress.close()
    return [*ours.records, *records, *progress.records]


def _latest(a: int | None, b: int | None) -> int | None:
    """Return the later one of two numbers of steps."""
    return max((number for number in (a, b) if number is not None), default=None)


def _join_times(progress: Progress, theirs: Held) -> None:
    """Put steps of the same time together; the last ones are the same."""
    closed: list[Pane] = []
    ours = progress.ring.closed
    most = max(len(ours), len(theirs.ring.closed))
    for back in range(most, 0, -1):
        some = [side[-back] for side in (ours, theirs.ring.closed) if len(side) >= back]
        closed.append(merged(some))
    number = progress.ring.number
    progress.ring = progress.ring._replace(
        closed=tuple(closed), number=theirs.ring.number if number is None else number
    )
    progress.join(theirs.ring.open)
