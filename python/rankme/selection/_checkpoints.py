"""Checkpoints along a run: their order, and which one a rule chooses."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import type_name

if TYPE_CHECKING:
    from rankme.selection._run import Run

__all__ = ["RULES", "chosen", "local_maxima", "require_rule", "steps_of"]

RULES = ("max", "plateau")


def steps_of(order: object, names: Sequence[str]) -> dict[str, float]:
    """Return the step of each run; none where no order was given."""
    if order is None:
        return {}
    if hasattr(order, "tolist"):  # an array; a Series, by its index where that has names
        keys = getattr(order, "index", ())
        named = any(isinstance(key, str) for key in keys)
        order = dict(zip(keys, order.tolist(), strict=True)) if named else order.tolist()
    if isinstance(order, Mapping):
        missing = [name for name in names if name not in order]
        if missing:
            raise ValueError(f"order has no step of run {missing[0]!r}")
        steps = [order[name] for name in names]
    elif isinstance(order, Sequence) and not isinstance(order, str):
        steps = list(order)
        if len(steps) != len(names):
            raise ValueError(f"order has {len(steps)} steps, and there are {len(names)} runs")
    else:
        raise TypeError(
            f"order must be a mapping from names to steps, or a list or array of steps in the "
            f"order of sets, not {type_name(order)}"
        )
    for name, step in zip(names, steps, strict=True):
        if not isinstance(step, numbers.Real) or not _is_finite(step):
            raise ValueError(f"order has {step!r} for run {name!r}; a step is a finite number")
    if len(set(steps)) < len(steps):
        raise ValueError("order has a step twice; repeats of one checkpoint are a list in sets")
    return {name: float(step) for name, step in zip(names, steps, strict=True)}


def _is_finite(step: Any) -> bool:
    """Whether a real number is one of float64."""
    try:
        return math.isfinite(step)
    except OverflowError:  # an integer beyond it
        return False


def require_rule(rule: object, after: object, steps: Mapping[str, float]) -> None:
    """Refuse a rule that cannot be, before any run is read.

    steps: of the candidates; none where no order was given.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be {' or '.join(map(repr, RULES))}, not {rule!r}")
    if not steps and (rule != "max" or after is not None):
        raise ValueError(
            "rule= and after= speak of checkpoints along a run: pass order= with their steps"
        )
    if after is None:
        return
    if not isinstance(after, numbers.Real):
        raise TypeError(f"after must be a step, a number, not {after!r} ({type_name(after)})")
    if not any(step >= after for step in steps.values()):
        last = max(steps.values())
        raise ValueError(f"after={after!r} leaves no checkpoint: the last is at {last:g}")


def chosen(runs: Sequence[Run], *, rule: str, after: float | None) -> str:
    """Return the name that a rule chooses among runs, which are sorted with the highest first."""
    if runs[0].step is None:
        return runs[0].name
    left = [run for run in runs if run.step is not None and (after is None or run.step >= after)]
    highest = left[0]
    if rule == "max":
        return highest.name
    near = [run for run in left if run.score >= highest.score - highest.std_error]
    return min(near, key=_step).name


def local_maxima(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the checkpoints that are higher than the one before and the one behind, in order."""
    along = sorted((run for run in runs if run.step is not None), key=_step)
    scores = [-math.inf, *(run.score for run in along), -math.inf]
    return tuple(
        run.name
        for i, run in enumerate(along, 1)
        if scores[i - 1] < scores[i] and scores[i] > scores[i + 1]
    )


def _step(run: Run) -> float:
    """Return the step of a checkpoint."""
    return 0.0 if run.step is None else run.step
