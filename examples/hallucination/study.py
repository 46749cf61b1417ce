"""From answers and their hidden states to the numbers of the results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .detection import Score, answer_scores, difference_error, state_scores, within
from .labels import exact_match, wrong_by_rouge
from .layers import RULES, LayerStudy, kind_alone, ranks_of_layers, study_layers
from .probe import LETTER, Recipe
from .questions import Question
from .splits import splits

__all__ = ["PROBES", "Answered", "Protocol", "detection_results", "layer_results"]

BASELINE = "distinct answers"


@dataclass(frozen=True)
class Protocol:
    """What the study does beside the papers; fixed before any of its results was seen.

    Attributes
    ----------
    n_splits : int
        Into training and test, for the layers.
    test_share : float
        Of the subjects.
    seed : int
        Of the splits.
    n_draws : int
        Of the bootstrap, for differences between AUROCs.
    probes : sequence of str
        Names of `PROBES`.
    """

    n_splits: int = 10
    test_share: float = 1 / 3
    seed: int = 0
    n_draws: int = 200
    probes: tuple[str, ...] = ("paper", "paper, raw rows", "more steps", "more steps, raw rows")


# The paper trains with 9,000 rows: 2048 a step are 5 steps an epoch. Of some hundred rows they are
# one. "More steps" has 5 as well. Its text does not say whether the probe sees normalised rows.
PROBES: Mapping[str, tuple[Recipe, bool]] = {
    "paper": (LETTER, True),
    "paper, raw rows": (LETTER, False),
    "more steps": (Recipe(batch=0), True),
    "more steps, raw rows": (Recipe(batch=0), False),
}


@dataclass(frozen=True)
class Answered:
    """Questions with what a model answered. The first sample of a question is its answer.

    Attributes
    ----------
    questions : sequence of Question
        n of them.
    answers : sequence of sequence of str
        The samples of each.
    states : sequence of array
        For each question (samples, layers, K), float32: of the last token of each sample.
    """

    questions: Sequence[Question]
    answers: Sequence[Sequence[str]]
    states: Sequence[NDArray[np.float32]]

    def of(self, n: int) -> "Answered":
        """Return the first n questions."""
        return Answered(self.questions[:n], self.answers[:n], self.states[:n])

    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is an accepted spelling."""
        return np.array(
            [
                exact_match(samples[0], one.accepted)
                for one, samples in zip(self.questions, self.answers, strict=True)
            ]
        )

    def wrong_by_rouge(self) -> NDArray[np.bool_]:
        """Whether each answer is unlike all accepted ones."""
        return np.array(
            [
                wrong_by_rouge(samples[0], one.accepted)
                for one, samples in zip(self.questions, self.answers, strict=True)
            ]
        )


def layer_results(
    states: NDArray[np.float32],
    right: NDArray[np.bool_],
    questions: Sequence[Question],
    protocol: Protocol,
) -> dict[str, Any]:
    """Choose a layer by RankMe, and by other rules, and judge it by each probe.

    Parameters
    ----------
    states : array
        Shape (n, layers, K), float32: of the last token of each answer.
    right : array
        Shape (n,).
    questions : sequence of Question
        n of them; a subject is on one side of a split.
    protocol : Protocol
        How often, and with which probes.

    Returns
    -------
    dict
        Plain values.
    """
    subjects = [one.subject or one.id for one in questions]
    kinds = [one.kind for one in questions]
    drawn = splits(subjects, protocol.n_splits, protocol.test_share, protocol.seed)
    ranks = ranks_of_layers(states, drawn)
    probes = {}
    for name in protocol.probes:
        recipe, normalize = PROBES[name]
        study = study_layers(
            states, right, kinds, drawn, ranks, recipe=recipe, normalize_probe=normalize
        )
        probes[name] = _of_study(study)
    value, error = kind_alone(kinds, right, drawn)
    return {
        "n_answers": len(right),
        "share_right": float(right.mean()),
        "n_splits": protocol.n_splits,
        "test_share": protocol.test_share,
        "mean_rows_trained": float(np.mean([len(split.train) for split in drawn])),
        "kind_alone": {"auroc": value, "std_error": error},
        "probes": probes,
    }


def _of_study(study: LayerStudy) -> dict[str, Any]:
    """Put the results of one probe into plain values."""
    rules = {}
    for rule in RULES:
        layers = study.chosen(rule)
        regret, error = study.regret(layers)
        rules[rule] = {
            "layers": [int(layer) for layer in layers],
            "auroc": float(study.auroc[np.arange(len(layers)), layers].mean()),
            "regret": regret,
            "std_error": error,
        }
    regret, error = study.random_regret()
    return {
        "best_layer": study.best(),
        "rules": rules,
        "random": {"regret": regret, "std_error": error},
        "agreement": study.agreement().to_dict(),
        "curve": study.curve(),
    }


def detection_results(answered: Answered, protocol: Protocol) -> dict[str, Any]:
    """Judge what tells wrong answers from the samples of a question, by both labels.

    Returns
    -------
    dict
        For each label and score: AUROC, its standard error and its interval of rounding; AUROC
        within kinds; and the difference to the number of distinct answers with its bootstrap error.
    """
    scores = {**state_scores(answered.states), **answer_scores(answered.answers)}
    kinds = [one.kind for one in answered.questions]
    labels = {
        "ROUGE-L below 0.5": answered.wrong_by_rouge(),
        "no exact match": ~answered.right(),
    }
    ties = scores[BASELINE].values == 1
    return {
        "n_questions": len(kinds),
        "n_samples": len(answered.answers[0]),
        "share_with_one_answer": float(ties.mean()),
        "labels": {
            name: {
                "share_wrong": float(wrong.mean()),
                "scores": {
                    score: _of_score(one, scores[BASELINE], wrong, kinds, protocol)
                    for score, one in scores.items()
                },
                "kind_alone": _kind_left_out(kinds, wrong).auroc(wrong).value,
            }
            for name, wrong in labels.items()
        },
    }


def _of_score(
    score: Score,
    baseline: Score,
    wrong: NDArray[np.bool_],
    kinds: Sequence[str],
    protocol: Protocol,
) -> dict[str, float]:
    """Put the results of one score into plain values."""
    area = score.auroc(wrong)

    def difference(places: NDArray[np.int64]) -> float:
        some = wrong[places]
        if some.all() or not some.any():
            return math.nan
        return score.of(places).auroc(some).value - baseline.of(places).auroc(some).value

    return {
        "auroc": area.value,
        "std_error": area.std_error,
        "low": area.low,
        "high": area.high,
        "within_kinds": within(score, wrong, kinds)[0],
        "difference": area.value - baseline.auroc(wrong).value,
        "difference_error": difference_error(
            difference, len(wrong), n_draws=protocol.n_draws, seed=protocol.seed
        ),
    }


def _kind_left_out(kinds: Sequence[str], wrong: NDArray[np.bool_]) -> Score:
    """Give each question the share of wrong answers among the others of its kind."""
    _, of_row = np.unique(np.asarray(kinds), return_inverse=True)
    n, n_wrong = np.bincount(of_row)[of_row], np.bincount(of_row, wrong)[of_row]
    return Score((n_wrong - wrong + 1) / (n - 1 + 2))
