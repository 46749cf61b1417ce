"""When a run has collapsed, told by scores and spreads, and what is done then; for every host."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._base.arguments import as_index, as_real

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rankme.integrations._reading import Sight

__all__ = ["MIN_OF_BEST", "MIN_SHARE", "MIN_SPREAD", "PATIENCE", "Alarm", "Collapse", "Guard"]

# What bench/collapse.py was tuned to.
MIN_SPREAD, MIN_SHARE, MIN_OF_BEST, PATIENCE = 0.003, 0.025, 0.35, 2

_ACTIONS = ("warn", "stop")

_RISING, _SPREADING = 1.05, 1.25  # of the score before, and of the spread
_HIGHER = 0.75  # of the best spread: less says that the run was once well above


class Collapse(NamedTuple):
    """That a run has collapsed; its text says so in a sentence.

    Attributes
    ----------
    key : str
        Of the score, as in logs.
    score : float
    limit : int
        The largest that the score could be, min(N, K).
    spread : float
        Which part of the rows' energy is off their main direction, from 0 to 1.
    best : float
        The best level that the run has held for two passes; NaN after one.
    reason : str
        ``"spread"``, ``"best"`` or ``"share"`` of the limit: the threshold that it is below.
    """

    key: str
    score: float
    limit: int
    spread: float
    best: float
    reason: str

    def __str__(self) -> str:
        why = {
            "spread": f"{self.spread:.1g} of the rows' energy is off one line",
            "best": f"the run has held {self.best:.4g}",
            "share": f"it could be {self.limit}",
        }[self.reason]
        return f"{self.key} is {self.score:.4g}, and {why}: the embeddings have collapsed"


class _Track:
    """What is kept of a score."""

    def __init__(self) -> None:
        self.last = math.nan
        self.best = math.nan
        self.last_spread = math.nan
        self.best_spread = math.nan
        self.low = 0
        self.told = False


class Alarm:
    """Looks at scores as they come, each under its key, and says when one has collapsed.

    Rows are flat, close to one point or one line through the origin, if less than `min_spread` of
    their energy, ``sum |z_i|^2``, is off their main direction, and the run was higher by a third:
    some networks are flat before they are trained.

    A score is low if it is below `min_of_best` of the best level that the run has held, or if
    ``(score - 1) / (limit - 1)`` is below `min_share`; but not while the run is on its way up, its
    score by 5% since the pass before or its spread by a quarter: many dip before they learn.

    A level is held when two passes in a row reach it, so that what an untrained network has is no
    measure for what follows. `patience` passes in a row that are flat or low are a collapse. It is
    told once, until a pass is neither. ``bench/collapse.py`` tries the rule on runs of both kinds.
    """

    def __init__(
        self, *, min_spread: float, min_share: float, min_of_best: float, patience: int
    ) -> None:
        self._min_spread = _share(min_spread, "min_spread")
        self._min_share = _share(min_share, "min_share")
        self._min_of_best = _share(min_of_best, "min_of_best")
        self._patience = as_index(patience, "patience", 1)
        self.reset()

    def reset(self) -> None:
        """Forget the run."""
        self._tracks: dict[str, _Track] = {}

    def see(self, key: str, sight: Sight) -> Collapse | None:
        """Look at the next pass of a run; a score that is NaN says nothing."""
        score, limit, spread = sight
        if math.isnan(score):
            return None
        track = self._tracks.setdefault(key, _Track())
        track.best = _best(track.best, track.last, score)
        track.best_spread = _best(track.best_spread, track.last_spread, spread)
        # Of a first score nothing is known: neither what was before, nor where it goes.
        rises = not (score <= _RISING * track.last and spread <= _SPREADING * track.last_spread)
        small = score - 1 < self._min_share * (limit - 1) and not rises
        fallen = score < self._min_of_best * track.best and not rises
        flat = spread < self._min_spread and spread < _HIGHER * track.best_spread
        track.last, track.last_spread = score, spread
        if not (flat or small or fallen):
            track.low, track.told = 0, False
            return None
        track.low += 1
        if track.low < self._patience or track.told:
            return None
        track.told = True
        reason = "spread" if flat else "best" if fallen else "share"
        return Collapse(key, score, limit, spread, track.best, reason)

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


class Guard:
    """An alarm, and what a host does when it is told: ``on_collapse`` and its thresholds."""

    def __init__(
        self, on_collapse: str | Callable[[Collapse], object] | None, **thresholds: Any
    ) -> None:
        if not (on_collapse is None or on_collapse in _ACTIONS or callable(on_collapse)):
            raise ValueError(
                f"on_collapse must be 'warn', 'stop', a function or None, not {on_collapse!r}"
            )
        self._action = on_collapse
        self.alarm = Alarm(**thresholds)

    def must_stop(self, sights: Mapping[str, Sight], *, tells: bool) -> bool:
        """Look at the scores of a pass, by key, and tell whether the run is to be stopped.

        Every rank looks at the same ones and comes to the same end; one of them `tells` of it.
        """
        found = [self.alarm.see(key, sight) for key, sight in sights.items()]
        collapses = [one for one in found if one is not None]
        if callable(self._action):
            for collapse in collapses:
                self._action(collapse)
            return False
        stops = self._action == "stop" and bool(collapses)
        for collapse in collapses if tells and self._action else ():
            told = f"{collapse}{'; the run is stopped' if stops else ''}"
            warnings.warn(told, UserWarning, stacklevel=3)
        return stops


def _best(best: float, last: float, now: float) -> float:
    """Return the best level that two passes in a row have reached; NaN after one pass."""
    held = math.nan if math.isnan(last) else min(last, now)
    return held if math.isnan(best) else max(best, held)


def _share(value: object, name: str) -> float:
    """Return a share, from 0 to 1."""
    share = as_real(value, name)
    if not share <= 1:
        raise ValueError(f"{name} is a share, from 0 to 1, not {value!r}")
    return share
