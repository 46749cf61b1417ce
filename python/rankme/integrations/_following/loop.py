"""The loop of `rankme watch`: look, take in, tell, save."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._scoring.signals import stops_kept
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme._scoring.signals import Stops
    from rankme.integrations._following.pieces import Piece
    from rankme.integrations._following.run import Run
    from rankme.integrations._following.telling import Telling

__all__ = ["Pace", "follow"]


class Pace(NamedTuple):
    """How a source is followed.

    Attributes
    ----------
    wait : float
        Seconds between two looks where nothing is new.
    every : float
        Seconds between two checkpoints; there is one at each window too.
    once : bool
        Whether to end when all that is there was taken.
    skip_bad : bool
        Whether a file that cannot be read is passed over.
    """

    wait: float
    every: float
    once: bool
    skip_bad: bool


def follow(run: Run, telling: Telling, pace: Pace, warn: Callable[[str], None]) -> None:
    """Follow a source to its end, or until a signal comes.

    A window is told before the checkpoint behind it: after a kill between the two it is told again,
    with the same index. What was told or not, rows count once.

    Raises
    ------
    KeyboardInterrupt, SystemExit
        On SIGINT and SIGTERM, after a last checkpoint.
    BadDataError, OSError
        As of the source, after a checkpoint of what came before; or of the file of the run.
    """
    is_telling = False
    with stops_kept() as stops:
        try:
            saved = time.monotonic()
            telling.write(run.monitor, run.updated, now=True)
            while not _is_done(run, once=pace.once):
                was_on = run.monitor is not None and run.monitor.alarm
                records = _step(run, pace, stops, warn)
                is_telling = bool(records)
                telling.tell(records, was_on=was_on)
                is_telling = False
                telling.look()
                telling.write(run.monitor, run.updated, now=bool(records))
                is_due = time.monotonic() - saved >= pace.every
                if records or (is_due and not run.is_saved):
                    run.save()
                    saved = time.monotonic()
        except BaseException:
            # A window that was not told is told by the next run, which reads its rows again.
            if not is_telling and not run.is_saved:
                run.save()
            raise
        else:
            run.save()
        finally:
            telling.write(run.monitor, run.updated, now=True)
            telling.close()


def _is_done(run: Run, *, once: bool) -> bool:
    """Whether nothing more is waited for."""
    return (once or run.follower.is_finite) and run.follower.ended


def _step(run: Run, pace: Pace, stops: Stops, warn: Callable[[str], None]) -> list[dict[str, Any]]:
    """Take in what is next, or let time go on."""
    with stops.allowed():
        piece = run.follower.look(pace.wait)
    if piece is None:
        return run.tick()
    try:
        return run.take(piece, stops)
    except (BadDataError, OSError) as error:
        if run.follower.has_changed():
            return []  # it is read when it is whole
        if not pace.skip_bad:
            raise
        _pass_over(run, piece, error)
        warn(f"{error}; the file was passed over")
        return []


def _pass_over(run: Run, piece: Piece, error: Exception) -> None:
    """Leave out what cannot be read, where something else may come."""
    try:
        run.follower.pass_over(piece)
    except ValueError:
        raise error from None
    run.is_saved = False
