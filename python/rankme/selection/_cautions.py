"""What speaks against a comparison: tags that should be alike, and what is warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rankme.metrics._certainty import WARNING_WIDTH
from rankme.selection._sets import names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rankme.selection._run import Run
    from rankme.selection._sets import Sample

__all__ = ["cautions", "log_ratio", "not_above", "refuse_unlike_tags"]

# Tags of what should be the same in all runs. What is compared, such as model and step, may differ.
ALIKE = ("layer", "tap", "split", "data")
_NEAR_LIMIT = 0.02
_ROWS_A_COLUMN = 10


def refuse_unlike_tags(runs: Mapping[str, Sequence[Sample]], allow: Collection[str]) -> None:
    """Refuse runs whose rows come from different places, where their tags tell that."""
    for key in ALIKE:
        if key in allow:
            continue
        known = {
            tags[key]: sample.run
            for repeats in runs.values()
            for sample in repeats
            for tags in (sample.tags, *sample.of_shards)
            if key in tags
        }
        if len(known) > 1:
            (one, a), (other, b) = list(known.items())[:2]
            raise ValueError(
                f"run {a!r} has {key} {one!r} and run {b!r} has {key} {other!r}: RankMe compares "
                f"runs of one method by the same rows, taken at the same place; allow={key!r} "
                f"insists"
            )


def _is_collapsed(run: Run) -> bool:
    """Whether a run uses less than a hundredth of its dimensions, or fewer than two."""
    return run.score < max(min(2, run.limit / 2), run.limit / 100)


def cautions(runs: Sequence[Run]) -> list[str]:
    """Return what is to be said of runs, and of the comparison as a whole."""
    return [*_of_all(runs), *_of_shape(runs)]


def _of_all(runs: Sequence[Run]) -> list[str]:
    """Warn of single runs whose score says little."""
    told = []
    collapsed = [run.name for run in runs if _is_collapsed(run)]
    if collapsed:
        told.append(
            f"collapsed: {names_of(collapsed)}, with less than 1% of the dimensions, or fewer "
            f"than two; leave them out of the choice"
        )
    full = [run for run in runs if run.score > (1 - _NEAR_LIMIT) * run.limit]
    if full:
        told.append(
            f"within 2% of the highest score that there can be, min(N, K): "
            f"{names_of([run.name for run in full])}; RankMe cannot tell such runs apart"
        )
    told += [
        f"{run.name}: rounding leaves RankMe from {run.low:.6g} to {run.high:.6g}, too wide to "
        f'place it; an accumulator of method="qr" sees smaller singular values'
        for run in runs
        if run.high - run.low > WARNING_WIDTH * run.score
    ]
    unplaced = [run.name for run in runs if _is_wide(run, runs)]
    if unplaced:
        told.append(
            f"two standard errors reach over the scores of all other runs: {names_of(unplaced)}; "
            f"more rows would place them"
        )
    return told


def _is_wide(run: Run, runs: Sequence[Run]) -> bool:
    """Whether the error of a run is wider than all that the others span, of two or more."""
    others = [other.score for other in runs if other is not run]
    width = 2 * run.std_error
    return len(others) > 1 and run.score - width < min(others) and run.score + width > max(others)


def _of_shape(runs: Sequence[Run]) -> list[str]:
    """Warn of widths that differ and of few rows."""
    told = []
    widths = sorted({run.n_cols for run in runs})
    if len(widths) > 1:
        told.append(
            f"K differs ({', '.join(map(str, widths))}), and RankMe cannot exceed K: the order is "
            f"mostly one by width; look at the normalised value, log RankMe / log min(N, K), and "
            f"trust neither across architectures"
        )
    short = [run for run in runs if run.n_rows < _ROWS_A_COLUMN * run.n_cols]
    if short:
        few = max(short, key=lambda run: run.n_cols)
        whose = "all runs" if len(short) == len(runs) else names_of([run.name for run in short])
        told.append(
            f"N = {few.n_rows} is less than 10 K = {_ROWS_A_COLUMN * few.n_cols} ({whose}): the "
            f"scores still grow with N, and not all by as much; take more rows where there are some"
        )
    return told


def not_above(baseline: str, names: Sequence[str]) -> str:
    """Say which runs are not above the untrained one."""
    return (
        f"not above the untrained run {baseline!r}: {names_of(names)}; training did not raise "
        f"their rank, or lowered it, and RankMe says nothing for them"
    )


def log_ratio(score: float, limit: int) -> float:
    """Return log RankMe / log of the highest that there can be; 0 where neither has a logarithm."""
    return float(np.log(score) / np.log(limit)) if score > 0 and limit > 1 else 0.0
