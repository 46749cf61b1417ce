"""What the runs say: choices, what they lost, and how sure that is. Decided before any result.

A sweep has several settings with a few seeds each. A criterion chooses the setting of the highest
mean over the seeds; the truth of a setting is its mean accuracy over the seeds, in per cent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import rankme

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protocol import Protocol, Sweep

__all__ = [
    "CELLS",
    "CRITERIA",
    "MAIN",
    "Criterion",
    "Loss",
    "agreed",
    "compared",
    "loss_of",
    "of_rows",
    "of_targets",
    "pooled_spread",
    "seeds_of",
    "truths",
]

Record = dict[str, Any]
Runs = dict[str, list[Record]]  # a record for each seed, by the name of the setting

# The six truths: two classifiers on three sets.
CELLS = tuple(
    (target, kind) for target in ("fashion-test", "mnist", "digits") for kind in ("probe", "knn")
)
MAIN = CELLS[0]  # the one that is shown alone


@dataclass(frozen=True)
class Criterion:
    """A number that needs no labels; the highest is chosen."""

    name: str
    tap: str
    of: Callable[[Record], float]


def _criteria() -> tuple[Criterion, ...]:
    """RankMe and its rivals, each of both taps."""
    found = []
    for tap in ("projector", "backbone"):
        found.append(Criterion("RankMe", tap, lambda r, t=tap: r["ranks"][t]["fashion"]["score"]))
        # Its authors: the closer to 1, the better.
        found.append(
            Criterion("alpha-ReQ", tap, lambda r, t=tap: -abs(r["rivals"][t]["alpha_req"] - 1))
        )
        for name, key in (
            ("LiDAR", "lidar"),
            ("stable rank", "stable_rank"),
            ("participation ratio", "participation_ratio"),
        ):
            found.append(Criterion(name, tap, lambda r, t=tap, k=key: r["rivals"][t][k]))
    return tuple(found)


CRITERIA = _criteria()  # the first one is what is judged: RankMe of the projector


def seeds_of(runs: Runs, sweep: Sweep) -> dict[str, list[Record]]:
    """Return the records of a sweep by the value of its parameter, without what diverged.

    A setting of which one seed diverged is left out as a whole, so that all means are of as many.
    """
    found = {label: runs[setting.name] for label, setting in sweep.settings.items()}
    return {
        label: records
        for label, records in found.items()
        if all(record["diverged"] is None for record in records)
    }


def compared(runs: Runs, sweep: Sweep) -> rankme.Comparison:
    """Compare the settings of a sweep by RankMe of the projector, the untrained network beside."""
    sets = {**seeds_of(runs, sweep), "untrained": runs["untrained"]}
    return rankme.compare(
        {label: [_estimate(record) for record in records] for label, records in sets.items()},
        baseline="untrained",
        paired=True,  # every network saw the same images in the same order
    )


def _estimate(record: Record) -> rankme.Estimate:
    """Make an estimate of what a run has written of it."""
    found = dict(record["ranks"]["projector"]["fashion"])
    found["left_out"] = np.array(found["left_out"])
    found["group_rows"] = np.array(found["group_rows"], dtype=np.int64)
    return rankme.Estimate(**found, eps=1e-7, center=False, normalize=False)


def truths(records: dict[str, list[Record]]) -> dict[str, dict[str, list[float]]]:
    """Return the accuracies in per cent of each setting in each cell, a list over the seeds."""
    return {
        label: {
            f"{target}, {kind}": [100 * one["accuracy"][target][kind] for one in some]
            for target, kind in CELLS
        }
        for label, some in records.items()
    }


def agreed(
    records: dict[str, list[Record]],
    of: Callable[[Record], float],
    cells: tuple[tuple[str, str], ...] = CELLS,
) -> rankme.Agreement:
    """Hold a criterion against the accuracies of some cells."""
    wanted = {f"{target}, {kind}" for target, kind in cells}
    truth = {
        label: {cell: values for cell, values in by_cell.items() if cell in wanted}
        for label, by_cell in truths(records).items()
    }
    scores = {label: [of(one) for one in some] for label, some in records.items()}
    return rankme.agreement(scores, truth, higher_is_better=True)


def pooled_spread(values: dict[str, list[float]]) -> float:
    """Return the standard deviation among the seeds of a setting, pooled over the settings."""
    return math.sqrt(float(np.mean([np.var(some, ddof=1) for some in values.values()])))


@dataclass(frozen=True)
class Loss:
    """What a choice has lost in one cell, in points of accuracy.

    Attributes
    ----------
    chosen, oracle : str
        The settings.
    regret, random : float
        Of the choice, and of a setting drawn by lot, both against the best mean.
    error : float
        The standard error of the difference of two settings' means, from the spread of seeds. The
        best of several means is a lucky one, so that all regrets are a little too high.
    gain, gain_error : float
        Of the choice over a setting drawn by lot, and its standard error likewise. Which setting is
        best plays no part in it.
    by_seed : list of float
        The regret of who has one seed only: chooses by it, and is judged by it.
    random_by_seed : list of float
        The same of a setting drawn by lot.
    """

    chosen: str
    oracle: str
    regret: float
    random: float
    error: float
    gain: float
    gain_error: float
    by_seed: list[float]
    random_by_seed: list[float]


def loss_of(
    records: dict[str, list[Record]], of: Callable[[Record], float], cell: tuple[str, str]
) -> Loss:
    """Tell what a choice by a criterion has lost."""
    found = agreed(records, of, (cell,))
    truth = {label: by_cell[f"{cell[0]}, {cell[1]}"] for label, by_cell in truths(records).items()}
    n_seeds = len(next(iter(truth.values())))
    alone = [
        agreed({label: [some[i]] for label, some in records.items()}, of, (cell,))
        for i in range(n_seeds)
    ]
    return Loss(
        chosen=" or ".join(found.chosen.names),
        oracle=" or ".join(found.oracle.names),
        regret=found.regret,
        random=found.oracle.truth - found.random,
        error=pooled_spread(truth) * math.sqrt(2 / n_seeds),
        gain=found.chosen.truth - found.random,
        gain_error=pooled_spread(truth) * math.sqrt((1 - 1 / len(truth)) / n_seeds),
        by_seed=[one.regret for one in alone],
        random_by_seed=[one.oracle.truth - one.random for one in alone],
    )


def of_targets(runs: Runs, protocol: Protocol) -> list[dict[str, Any]]:
    """Hold RankMe of each target's images against that of the source's, on as many rows.

    Also what is lost on the target by choosing with either.
    """
    found = []
    for sweep in protocol.sweeps:
        records = seeds_of(runs, sweep)
        for target in ("fashion-test", "mnist", "digits"):

            def on_target(record: Record, name: str = target) -> float:
                return float(record["ranks"]["projector"][name]["score"])

            n_rows = next(iter(records.values()))[0]["ranks"]["projector"][target]["n_rows"]
            source = _nearest_rows(protocol, n_rows)
            by_source = rankme.agreement(
                {label: [_at(one, source) for one in some] for label, some in records.items()},
                {label: [on_target(one) for one in some] for label, some in records.items()},
                higher_is_better=True,
            )
            found.append(
                {
                    "sweep": sweep.name,
                    "target": target,
                    "source_rows": protocol.curve[source],
                    "target_rows": n_rows,
                    "pearson": by_source.pearson,
                    "kendall": by_source.kendall,
                    "by_source": loss_of(records, CRITERIA[0].of, (target, "probe")),
                    "by_target": loss_of(records, on_target, (target, "probe")),
                }
            )
    return found


def _nearest_rows(protocol: Protocol, n_rows: int) -> int:
    """Return which number of rows of the curve is nearest to that of a target."""
    return min(range(len(protocol.curve)), key=lambda i: abs(protocol.curve[i] - n_rows))


def _at(record: Record, place: int) -> float:
    """Return RankMe of the projector on the source, on some of its rows."""
    return float(record["curve"]["projector"]["scores"][place])


def of_rows(runs: Runs, protocol: Protocol) -> list[dict[str, Any]]:
    """Tell what fewer rows of the source would have done: the order, the choice, its loss."""
    found = []
    for sweep in protocol.sweeps:
        records = seeds_of(runs, sweep)
        for place, n_rows in enumerate(protocol.curve):

            def on_rows(record: Record, i: int = place) -> float:
                return _at(record, i)

            shares = [_at(one, place) / _at(one, -1) for some in records.values() for one in some]
            errors = [
                one["curve"]["projector"]["std_errors"][place] / _at(one, place)
                for some in records.values()
                for one in some
            ]
            order = rankme.agreement(
                {label: [on_rows(one) for one in some] for label, some in records.items()},
                {label: [_at(one, -1) for one in some] for label, some in records.items()},
                higher_is_better=True,
            )
            found.append(
                {
                    "sweep": sweep.name,
                    "rows": n_rows,
                    "share": float(np.mean(shares)),
                    "relative_error": float(np.mean(errors)),
                    "kendall": order.kendall,
                    "loss": loss_of(records, on_rows, MAIN),
                }
            )
    return found
