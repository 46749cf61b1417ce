"""Which layer tells best? RankMe chooses one without labels, and a probe of each layer judges it.

As in arXiv:2605.26366: a row for each answered question, the hidden state of its last token,
divided by its norm; the chosen layer is the one with the highest RankMe, the embedding layer left
out; the judge is the AUROC of a probe on questions that were not trained with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import rankme

from .detection import Score, within
from .probe import LETTER, Recipe, trained
from .splits import Split, error_over_splits

__all__ = [
    "RULES",
    "LayerStudy",
    "Ranks",
    "kind_alone",
    "ranks_of_layers",
    "study_layers",
    "unit_rows",
]

RULES = ("RankMe", "validation loss", "last layer", "middle layer")
GROUPS = 16  # of the jackknife


def unit_rows(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each row by its Euclidean norm; a row of zeros stays."""
    norms = np.linalg.norm(states, axis=-1, keepdims=True)
    return states / np.where(norms > 0, norms, 1).astype(states.dtype)


class Ranks(NamedTuple):
    """RankMe of every layer.

    Attributes
    ----------
    whole : sequence of rankme.Estimate
        Of all rows, for each layer, with its jackknife error.
    by_split : array
        Shape (splits, layers): of the training rows.
    """

    whole: Sequence[rankme.Estimate]
    by_split: NDArray[np.float64]


def ranks_of_layers(states: NDArray[np.float32], drawn: Sequence[Split]) -> Ranks:
    """Score every layer by RankMe, of rows of norm 1.

    Parameters
    ----------
    states : array
        Shape (n, layers, K), float32: of the last token of each answer; layer 0 is the embedding.
    drawn : sequence of Split
        Splits of the n rows.
    """
    n_layers, width = states.shape[1:]
    whole = rankme.LayerAccumulator(n_layers, width, normalize=True, groups=GROUPS, run_length=1)
    whole.update([states[:, layer] for layer in range(n_layers)])
    by_split = np.empty((len(drawn), n_layers))
    for s, split in enumerate(drawn):
        stack = rankme.LayerAccumulator(n_layers, width, normalize=True)
        stack.update([states[split.train, layer] for layer in range(n_layers)])
        by_split[s] = stack.score()
    return Ranks(whole.estimates(), by_split)


@dataclass(frozen=True)
class LayerStudy:
    """What was measured on each split, for each layer.

    Attributes
    ----------
    ranks : Ranks
        By which RankMe chooses.
    auroc, loss : array
        Shape (splits, layers): of the probe, on the test and on the rows held out.
    within : array
        Shape (splits, layers): the AUROC over pairs of test rows of one kind.
    drawn : sequence of Split
        The splits.
    first : int
        The number of the first layer of the arrays that may be chosen.
    """

    ranks: Ranks
    auroc: NDArray[np.float64]
    loss: NDArray[np.float64]
    within: NDArray[np.float64]
    drawn: Sequence[Split]
    first: int = 1

    def chosen(self, rule: str) -> NDArray[np.int64]:
        """Return the layer that one of `RULES` chooses on each split."""
        n_splits, n_layers = self.auroc.shape
        if rule == "last layer":
            return np.full(n_splits, n_layers - 1)
        if rule == "middle layer":
            return np.full(n_splits, (n_layers - 1) // 2)
        score = self.ranks.by_split if rule == "RankMe" else -self.loss
        return self.first + score[:, self.first :].argmax(axis=1)

    def best(self) -> int:
        """Return the layer with the highest mean AUROC, of those that may be chosen."""
        return self.first + int(self.auroc.mean(axis=0)[self.first :].argmax())

    def regret(self, layers: NDArray[np.int64]) -> tuple[float, float]:
        """Tell what chosen layers lose against the best one, in AUROC, with the standard error.

        The best layer is one for all splits, so that it is not the luckiest of each.
        """
        rows = np.arange(len(self.auroc))
        lost = self.auroc[:, self.best()] - self.auroc[rows, layers]
        return float(lost.mean()), error_over_splits(lost, self.drawn)

    def random_regret(self) -> tuple[float, float]:
        """Tell the same of a layer drawn by lot."""
        lost = self.auroc[:, self.best()] - self.auroc[:, self.first :].mean(axis=1)
        return float(lost.mean()), error_over_splits(lost, self.drawn)

    def agreement(self) -> rankme.Agreement:
        """Compare the order of layers by RankMe with that by AUROC, both as means over splits."""
        names = range(self.first, self.auroc.shape[1])
        return rankme.agreement(
            {layer: float(self.ranks.by_split[:, layer].mean()) for layer in names},
            {layer: float(self.auroc[:, layer].mean()) for layer in names},
            higher_is_better=True,
        )

    def curve(self) -> list[dict[str, float]]:
        """Return, for each layer, RankMe of all rows and the mean AUROC, with their errors."""
        return [
            {
                "layer": layer,
                "rankme": self.ranks.whole[layer].score,
                "rankme_std_error": self.ranks.whole[layer].std_error,
                "auroc": float(self.auroc[:, layer].mean()),
                "auroc_std_error": error_over_splits(self.auroc[:, layer], self.drawn),
                "within": float(self.within[:, layer].mean()),
                "within_std_error": error_over_splits(self.within[:, layer], self.drawn),
            }
            for layer in range(self.auroc.shape[1])
        ]


def study_layers(
    states: NDArray[np.float32],
    right: NDArray[np.bool_],
    kinds: Sequence[str],
    drawn: Sequence[Split],
    ranks: Ranks,
    *,
    recipe: Recipe = LETTER,
    normalize_probe: bool = True,
) -> LayerStudy:
    """Judge every layer by a probe, on every split.

    Parameters
    ----------
    states : array
        As in `ranks_of_layers`.
    right : array
        Shape (n,): whether the answer was right.
    kinds : sequence of str
        Of the questions.
    drawn : sequence of Split
        On each, the probe sees the training rows alone.
    ranks : Ranks
        Of the same states and splits.
    recipe : Recipe
        Of the probe.
    normalize_probe : bool
        Whether the probe too gets rows of norm 1.

    Returns
    -------
    LayerStudy
        Layer 0 is measured, and not chosen.
    """
    n_layers = states.shape[1]
    areas, losses, alike = (np.empty((len(drawn), n_layers)) for _ in range(3))
    inputs = unit_rows(states) if normalize_probe else states
    for s, split in enumerate(drawn):
        for layer in range(n_layers):
            chances, losses[s, layer] = trained(
                np.ascontiguousarray(inputs[split.train, layer]),
                right[split.train],
                np.ascontiguousarray(inputs[split.test, layer]),
                seed=s,
                recipe=recipe,
            )
            score, of_test = Score(chances), right[split.test]
            areas[s, layer] = score.auroc(of_test).value
            alike[s, layer] = within(score, of_test, [kinds[i] for i in split.test])[0]
    return LayerStudy(ranks, areas, losses, alike, drawn)


def kind_alone(
    kinds: Sequence[str], right: NDArray[np.bool_], drawn: Sequence[Split]
) -> tuple[float, float]:
    """Tell the AUROC of a judge that knows the kind of a question and nothing of the model.

    It gives each test question the share of right answers among training questions of its kind,
    with one right and one wrong added. A probe that is no better has learnt the kinds.
    """
    _, of_row = np.unique(np.asarray(kinds), return_inverse=True)
    areas = []
    for train, test in drawn:
        n_kinds = int(of_row.max()) + 1
        n_right = np.bincount(of_row[train], right[train], n_kinds)
        share = (n_right + 1) / (np.bincount(of_row[train], minlength=n_kinds) + 2)
        areas.append(float(rankme.auroc(share[of_row[test]], right[test])))
    values = np.asarray(areas)
    return float(values.mean()), error_over_splits(values, drawn)
