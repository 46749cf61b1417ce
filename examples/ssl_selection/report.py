"""Write what came out: numbers as JSON, tables as Markdown, figures."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from .analysis import (
    CELLS,
    CRITERIA,
    MAIN,
    agreed,
    compared,
    loss_of,
    of_rows,
    of_targets,
    pooled_spread,
    seeds_of,
    truths,
)
from .figures import draw_all
from .tables import page
from .writing import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    import rankme

    from .analysis import Runs
    from .protocol import Protocol, Sweep

__all__ = ["summary_of", "write_report"]


def write_report(runs: Runs, protocol: Protocol, folder: Path) -> None:
    """Write ``summary.json``, ``tables.md`` and the figures into a folder."""
    summary = summary_of(runs, protocol)
    write_whole(folder / "summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
    comparisons = {sweep.name: str(compared(runs, sweep)) for sweep in protocol.sweeps}
    write_whole(folder / "tables.md", page(summary, comparisons))
    draw_all(summary, folder)


def summary_of(runs: Runs, protocol: Protocol) -> dict[str, Any]:
    """Compute everything that tables and figures show, as JSON has it."""
    flat = [record for some in runs.values() for record in some]
    return {
        "protocol": {**dataclasses.asdict(protocol), "digest": protocol.digest},
        "n_runs": len(flat),
        "commits": sorted({record["commit"] for record in flat}),
        "machines": [dict(pairs) for pairs in sorted({tuple(r["machine"].items()) for r in flat})],
        "hours": sum(record["seconds"] for record in flat) / 3600,
        "processor_hours": sum(record["processor_seconds"] for record in flat) / 3600,
        "diverged": [f"{r['name']}, seed {r['seed']}" for r in flat if r["diverged"] is not None],
        "untrained": _settings({"untrained": runs["untrained"]})["untrained"],
        "sweeps": [_of_sweep(runs, sweep) for sweep in protocol.sweeps],
        "targets": [_plain(row) for row in of_targets(runs, protocol)],
        "rows": [_plain(row) for row in of_rows(runs, protocol)],
    }


def _of_sweep(runs: Runs, sweep: Sweep) -> dict[str, Any]:
    """Summarise a sweep."""
    records = seeds_of(runs, sweep)
    comparison = compared(runs, sweep)
    accuracy = truths(records)
    ranks = {label: [CRITERIA[0].of(one) for one in some] for label, some in records.items()}
    main = f"{MAIN[0]}, {MAIN[1]}"
    return {
        "name": sweep.name,
        "title": sweep.title,
        "settings": _settings(records),
        "best": comparison.best,
        "tied": list(comparison.tied),
        "warnings": list(comparison.warnings),
        "rank_share_of_seeds": _share_of_seeds(ranks),
        "accuracy_share_of_seeds": _share_of_seeds(
            {label: by_cell[main] for label, by_cell in accuracy.items()}
        ),
        "seed_spread": {
            cell: pooled_spread({label: by_cell[cell] for label, by_cell in accuracy.items()})
            for cell in (f"{target}, {kind}" for target, kind in CELLS)
        },
        "criteria": [
            {
                "name": criterion.name,
                "tap": criterion.tap,
                "main": _coefficients(agreed(records, criterion.of, (MAIN,))),
                "all": _coefficients(agreed(records, criterion.of)),
                "losses": {
                    f"{target}, {kind}": _plain(
                        dataclasses.asdict(loss_of(records, criterion.of, (target, kind)))
                    )
                    for target, kind in CELLS
                },
            }
            for criterion in CRITERIA
        ],
    }


def _settings(records: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """List the rank and the accuracies of each setting, a number for each seed."""
    accuracy = truths(records)
    return {
        label: {
            "rank": [CRITERIA[0].of(one) for one in some],
            "rank_error": [one["curve"]["projector"]["std_errors"][-1] for one in some],
            "backbone_rank": [one["ranks"]["backbone"]["fashion"]["score"] for one in some],
            "target_ranks": {
                target: [one["ranks"]["projector"][target]["score"] for one in some]
                for target in ("fashion-test", "mnist", "digits")
            },
            "curve": {
                "rows": some[0]["curve"]["projector"]["rows"],
                "scores": np.mean(
                    [one["curve"]["projector"]["scores"] for one in some], axis=0
                ).tolist(),
            },
            "accuracy": accuracy[label],
        }
        for label, some in records.items()
    }


def _share_of_seeds(values: dict[str, list[float]]) -> float:
    """Return which share of the variance over all runs of a sweep lies among seeds."""
    table = np.array([*values.values()])
    return float(table.var(axis=1).mean() / table.var()) if table.var() > 0 else 1.0


def _coefficients(found: rankme.Agreement) -> dict[str, Any]:
    """List how far two orders agree, with intervals."""
    return {name: _plain(getattr(found, name)) for name in ("spearman", "kendall", "weighted_tau")}


def _plain(value: Any) -> Any:
    """Turn results into what JSON has; what is not defined is None."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if hasattr(value, "low"):  # a coefficient; its p-value would take a minute of permutations
            return {end: _plain(getattr(value, end)) for end in ("value", "low", "high")}
        return _plain(dataclasses.asdict(value))
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
