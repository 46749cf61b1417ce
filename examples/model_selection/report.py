"""The results of a run as JSON, as a page of tables, and as a figure."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

import rankme

from .files import write_whole
from .pool import width_of
from .published import published
from .study import Study
from .tables import page
from .verdict import CRITERIA, Pieces, agreements, by_width, compared, errors_of

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import NullLocator

__all__ = ["draw", "report", "results_of"]


def results_of(study: Study, pieces: Pieces, machine: Mapping[str, str]) -> dict[str, Any]:
    """Gather every number of a run, as plain values.

    Parameters
    ----------
    study : Study
    pieces : mapping
        What `Study.run` returned.
    machine : mapping
        What the run was made on.
    """
    settings = study.settings
    comparisons = compared(pieces)
    errors = errors_of(pieces, settings)
    found = agreements(pieces, comparisons, settings)
    widths = by_width(comparisons)
    plain = comparisons[False]
    return {
        "schema": "rankme.examples.model_selection/1",
        "machine": dict(machine),
        "versions": study.versions,
        "seconds": round(study.seconds, 1),
        "settings": dataclasses.asdict(settings),
        "published": published(),
        "scores": [
            {
                "target": target,
                "name": run.name,
                "K": run.n_cols,
                "rankme": run.score,
                "std_error": run.std_error,
                "normalized": run.normalized,
                "over_K": run.score / run.n_cols,
            }
            for target, comparison in plain.items()
            for run in comparison.runs
        ],
        "errors": errors,
        "criteria": {
            criterion.name: _verdict(found[criterion.name], criterion.needs)
            | {"kendall_with_width": widths.get(criterion.name)}
            for criterion in CRITERIA
        },
        "comparison": str(next(iter(plain.values()))),
        "warnings": {target: [*one.warnings] for target, one in plain.items()},
    }


def _verdict(found: rankme.Agreement, needs: str) -> dict[str, Any]:
    """Tell what a choice by one criterion was worth."""
    tau = found.weighted_tau
    targets = [float(cells.weighted_tau) for cells in found.mean_by("target").values()]
    spread = np.std(targets, ddof=1) / np.sqrt(len(targets)) if len(targets) > 1 else None
    return {
        "needs": needs,
        "weighted_tau": float(tau),
        "low": tau.low,
        "high": tau.high,
        "p_value": tau.p_value,
        "std_error_over_targets": None if spread is None else float(spread),
        "by_horizon": {
            str(h): float(cells.weighted_tau) for h, cells in found.mean_by("horizon").items()
        },
        "by_target": dict(zip(found.mean_by("target"), targets, strict=True)),
        "chosen": {
            target: sorted({name for cell in cells.cells.values() for name in cell.chosen.names})
            for target, cells in found.mean_by("target").items()
        },
        "regret": found.regret,
        "regret_by_lot": found.random - found.oracle.truth,
        "rank": found.rank,
        "top": {str(k): found.top_k(k) for k in (1, 2, 3)},
        "warnings": [*found.warnings],
    }


def report(results: Mapping[str, Any], folder: Path) -> None:
    """Write ``results.json``, ``results.md`` and ``results.png``, each whole."""
    with write_whole(folder / "results.json") as part:
        part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    with write_whole(folder / "results.md") as part:
        part.write_text(page(results), encoding="utf-8")
    with write_whole(folder / "results.png") as part:
        draw(results, part)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw RankMe over the width, and the weighted tau of every criterion with its interval."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    names = list(dict.fromkeys(row["name"] for row in results["scores"]))
    for kind in sorted({name.partition("-")[0] for name in names}):
        mine = [name for name in names if name.partition("-")[0] == kind]
        for number, name in enumerate(sorted(mine, key=width_of)):
            scores = [row["rankme"] for row in results["scores"] if row["name"] == name]
            label = kind if number == 0 else None
            color = f"C{['cnn', 'fracast', 'gru', 'mlp', 'transformer'].index(kind)}"
            left.plot(
                [width_of(name)] * len(scores), scores, "o", alpha=0.6, color=color, label=label
            )
    bound = sorted(set(map(width_of, names)))
    left.plot(bound, bound, color="grey", linewidth=1, label="RankMe = K")
    left.set(xlabel="width K of the features", ylabel="RankMe", xscale="log", yscale="log")
    left.set_xticks(bound, map(str, bound))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_title("A point for each candidate and target")
    left.legend(fontsize="small")
    criteria = results["criteria"]
    for place, one in enumerate(criteria.values()):
        right.plot([one["low"], one["high"]], [place, place], color="C0", alpha=0.5, linewidth=4)
        right.plot(one["weighted_tau"], place, "o", color="C0")
    right.axvline(0, color="grey", linewidth=1)
    right.set(xlim=(-1.02, 1.02), xlabel="weighted tau with the fine-tuned error, 95% interval")
    right.set_yticks(range(len(criteria)), list(criteria))
    right.invert_yaxis()
    right.set_title(f"Mean over {len(results['errors']) // len(names)} cells")
    figure.savefig(path, dpi=120, format="png")
    plt.close(figure)
