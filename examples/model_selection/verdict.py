"""What the scores were worth: each criterion against the error of the fine-tuned candidates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import rankme

from .pool import width_of
from .study import Piece, Settings

__all__ = ["CRITERIA", "Criterion", "agreements", "by_width", "compared", "errors_of"]

Pieces = Mapping[str, Mapping[str, Sequence[Piece]]]
# By whether it is centred, and by target.
Comparisons = Mapping[bool, Mapping[str, rankme.Comparison]]


@dataclass(frozen=True)
class Criterion:
    """A way to score a candidate before it is fine-tuned.

    Attributes
    ----------
    name : str
    needs : str
        What of the target it looks at.
    higher_is_better : bool
    score : callable
        From the candidate's row of a `rankme.Comparison`, its pieces and the number of a horizon.
    center : bool
        Of the comparison: whether the mean of the features is taken off.
    """

    name: str
    needs: str
    higher_is_better: bool
    score: Callable[[Any, Sequence[Piece], int], float]
    center: bool = False


CRITERIA = (
    Criterion("RankMe", "the past", True, lambda run, *_: run.score),
    Criterion("RankMe, centred", "the past", True, lambda run, *_: run.score, center=True),
    Criterion("log RankMe / log K", "the past", True, lambda run, *_: run.normalized),
    Criterion("RankMe / K", "the past", True, lambda run, *_: run.score / run.n_cols),
    Criterion("width K", "nothing", True, lambda run, *_: run.n_cols),
    Criterion(
        "own forecast",
        "the future",
        False,
        lambda _, pieces, h: float(np.mean([piece.zero_shot[h] for piece in pieces])),
    ),
    Criterion(
        "head on few windows",
        "the future",
        False,
        lambda _, pieces, h: float(np.mean([piece.few[h] for piece in pieces])),
    ),
)
_OF_FEATURES = 4  # criteria, the first ones


def compared(pieces: Pieces) -> Comparisons:
    """Compare the candidates on each target, uncentred as RankMe is defined, and centred.

    The seeds of a candidate are its repeats, and every row of all of them is the same window.
    """
    sets = {
        target: {name: [piece.features for piece in seeds] for name, seeds in candidates.items()}
        for target, candidates in pieces.items()
    }
    return {
        center: {
            target: rankme.compare(one, paired=True, center=center) for target, one in sets.items()
        }
        for center in (False, True)
    }


def errors_of(pieces: Pieces, settings: Settings) -> list[dict[str, Any]]:
    """Return the truth: ``target, horizon, name, truth, truth_error``, a row for each.

    The truth is the test error, in the mean over seeds. Its standard error has two parts: blocks of
    test windows, after what all candidates have in common in a block is taken off, since all are
    tested on the same windows; and the spread of seeds, where there are several.
    """
    rows = []
    for target, candidates in pieces.items():
        each = {name: np.array([one.errors for one in seeds]) for name, seeds in candidates.items()}
        blocks = {name: errors.mean(axis=0) for name, errors in each.items()}
        common = np.mean([*blocks.values()], axis=0)
        for name, errors in each.items():
            own = blocks[name] - common
            variance = own.var(axis=1, ddof=1) / own.shape[1]
            if len(errors) > 1:
                variance = variance + errors.mean(axis=2).var(axis=0, ddof=1) / len(errors)
            rows += [
                {
                    "target": target,
                    "horizon": horizon,
                    "name": name,
                    "truth": float(blocks[name][h].mean()),
                    "truth_error": float(np.sqrt(variance[h])),
                }
                for h, horizon in enumerate(settings.horizons)
            ]
    return rows


def agreements(
    pieces: Pieces, comparisons: Comparisons, settings: Settings
) -> dict[str, rankme.Agreement]:
    """Hold every criterion against the truth, over all targets and horizons."""
    rows = errors_of(pieces, settings)
    keys = ("target", "horizon", "name")
    truth = [{key: row[key] for key in (*keys, "truth")} for row in rows]
    error = [{key: row[key] for key in (*keys, "truth_error")} for row in rows]
    found = {}
    for criterion in CRITERIA:
        scores = [
            {
                "target": target,
                "horizon": horizon,
                "name": run.name,
                "score": criterion.score(run, pieces[target][run.name], h),
            }
            for target, comparison in comparisons[criterion.center].items()
            for run in comparison.runs
            for h, horizon in enumerate(settings.horizons)
        ]
        found[criterion.name] = rankme.agreement(
            scores,
            truth,
            higher_is_better=False,
            score_higher_is_better=criterion.higher_is_better,
            by=["target", "horizon"],
            truth_error=error,
        )
    return found


def by_width(comparisons: Comparisons) -> dict[str, float]:
    """Return Kendall's tau of each score of features with the width, in the mean over targets."""
    found = {}
    for criterion in CRITERIA[:_OF_FEATURES]:
        scores: dict[str, dict[str, float]] = {}
        for target, comparison in comparisons[criterion.center].items():
            for run in comparison.runs:
                scores.setdefault(run.name, {})[target] = criterion.score(run, (), 0)
        widths = {name: dict.fromkeys(cells, width_of(name)) for name, cells in scores.items()}
        found[criterion.name] = float(
            rankme.agreement(scores, widths, higher_is_better=True).kendall
        )
    return found
