"""When a run has collapsed, told by its scores alone; for every host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._base.arguments import as_index, as_real

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Alarm", "Collapse"]

_RISING = 1.05  # of the score before
_HIGHER = 0.75  # of the best level: less says that the run was once well above


class Collapse(NamedTuple):
    """That a run has collapsed; its text says so in a sentence.

    Attributes
    ----------
    key : str
        Of the score, as in logs.
    score : float
    limit : int
        The largest that the score could be, min(N, K).
    best : float
        The best level that the run has held for two passes; NaN after one.
    reason : str
        ``"share"`` of the limit or ``"best"``: which threshold the score is below.
    """

    key: str
    score: float
    limit: int
    best: float
    reason: str

    def __str__(self) -> str:
        why = f"the run has held {self.best:.4g}"
        if self.reason == "share":
            why = f"it could be {self.limit}"
        return f"{self.key} is {self.score:.4g}, and {why}: the embeddings have collapsed"


class _Track:
    """What is kept of a score."""

    def __init__(self) -> None:
        self.last = math.nan
        self.best = math.nan
        self.low = 0
        self.told = False


class Alarm:
    """Looks at scores as they come, each under its key, and says when one has collapsed.

    A score is low if it is below `min_of_best` of the best level that the run has held; or, unless
    it is on its way up by 5% since the pass before, if ``(score - 1) / (limit - 1)`` is below
    `min_share` and the run was higher by a third, or below half of `min_share` in any case: a
    score is small in the first steps of many a healthy run, and has never been higher there.

    A level is held when two passes in a row reach it, so that what an untrained network has is no
    measure for what follows. `patience` low scores in a row are a collapse. It is told once, until
    a score is not low. ``bench/collapse.py`` tries the rule on runs of both kinds.
    """

    def __init__(self, *, min_share: float, min_of_best: float, patience: int) -> None:
        self._min_share = _share(min_share, "min_share")
        self._min_of_best = _share(min_of_best, "min_of_best")
        self._patience = as_index(patience, "patience", 1)
        self.reset()

    def reset(self) -> None:
        """Forget the run."""
        self._tracks: dict[str, _Track] = {}

    def see(self, key: str, score: float, limit: int) -> Collapse | None:
        """Look at the next score of a run; a score that is NaN says nothing."""
        if math.isnan(score):
            return None
        track = self._tracks.setdefault(key, _Track())
        held = min(score, track.last) if not math.isnan(track.last) else math.nan
        track.best = held if math.isnan(track.best) else max(track.best, held)
        # Of a first score nothing is known: neither what was before, nor where it goes.
        rises = not score <= _RISING * track.last
        share = self._min_share * (1 if score < _HIGHER * track.best else 0.5)
        small = score - 1 < share * (limit - 1) and not rises
        fallen = score < self._min_of_best * track.best
        track.last = score
        if not (small or fallen):
            track.low, track.told = 0, False
            return None
        track.low += 1
        if track.low < self._patience or track.told:
            return None
        track.told = True
        return Collapse(key, score, limit, track.best, "best" if fallen else "share")

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen, as numbers."""
        return {key: dict(vars(track)) for key, track in self._tracks.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.reset()
        for key, values in state.items():
            track = self._tracks[key] = _Track()
            for name in vars(track):
                setattr(track, name, values[name])


def _share(value: object, name: str) -> float:
    """Return a share, from 0 to 1."""
    share = as_real(value, name)
    if not share <= 1:
        raise ValueError(f"{name} is a share, from 0 to 1, not {value!r}")
    return share
