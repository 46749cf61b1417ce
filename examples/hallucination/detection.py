"""Is this answer made up? From ten sampled answers to a question, as in arXiv:2510.08389.

The rows of a question's matrix are hidden states of the last token of its answers. Answers that
agree share a row, so that a question with one answer has effective rank 1, and all such questions
tie. High means made up.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import rankme

__all__ = ["Score", "answer_scores", "difference_error", "layer_sets", "state_scores", "within"]

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Score:
    """A number for each question; high means that its answer is made up.

    Attributes
    ----------
    values : array
        Shape (n,), float64.
    bounds : pair of array, optional
        What rounding leaves open.
    """

    values: NDArray[np.float64]
    bounds: Pair | None = None

    def auroc(self, wrong: NDArray[np.bool_]) -> rankme.Auroc:
        """How well it tells wrong answers."""
        return rankme.auroc(self.values, wrong, bounds=self.bounds)

    def of(self, places: NDArray[np.int64]) -> "Score":
        """Return the scores of some questions."""
        bounds = None if self.bounds is None else (self.bounds[0][places], self.bounds[1][places])
        return Score(self.values[places], bounds)


def layer_sets(n_layers: int) -> dict[str, list[int]]:
    """Return the layers of the paper's four settings, of so many with the embedding layer.

    The middle is ``(n_layers - 1) // 2``; five middle ones lie around it.
    """
    middle = (n_layers - 1) // 2
    many = min(5, n_layers)
    begin = max(0, min(middle - many // 2, n_layers - many))
    return {
        "middle": [middle],
        "middle five": list(range(begin, begin + many)),
        "last": [n_layers - 1],
        "last five": list(range(n_layers - many, n_layers)),
    }


def state_scores(states: Sequence[NDArray[np.float32]]) -> dict[str, Score]:
    """Effective rank and EigenScore of each question, for each set of layers.

    Parameters
    ----------
    states : sequence of array
        For each question (samples, layers, K), float32; equal answers have equal rows.

    Returns
    -------
    dict of Score
        ``"effective rank, middle"`` and so on. The rank is not centred, and its eps is 0, as in the
        paper; EigenScore adds alpha = 0.001 to the eigenvalues of the covariance.
    """
    found = {}
    for name, layers in layer_sets(states[0].shape[1]).items():
        matrices = [
            np.ascontiguousarray(one[:, layers]).reshape(-1, one.shape[-1]) for one in states
        ]
        ranks, bounds = rankme.score_batch(matrices, eps=0.0, return_bounds=True)
        found[f"effective rank, {name}"] = Score(ranks, bounds)
        scores, bounds = rankme.eigen_score_batch(matrices, alpha=1e-3, return_bounds=True)
        found[f"EigenScore, {name}"] = Score(scores, bounds)
    return found


def answer_scores(answers: Sequence[Sequence[str]]) -> dict[str, Score]:
    """Scores that need no hidden states.

    Parameters
    ----------
    answers : sequence of sequence of str
        The sampled answers of each question.

    Returns
    -------
    dict of Score
        ``"distinct answers"``: how many there are, but for case. ``"entropy of answers"``: of their
        frequencies p, ``-sum p log p``, which is the discrete semantic entropy with equal spelling
        for equal meaning.
    """
    distinct, entropy = [], []
    for samples in answers:
        counts = np.array(list(Counter(one.strip().lower() for one in samples).values()), float)
        shares = counts / counts.sum()
        distinct.append(float(len(counts)))
        entropy.append(float(-(shares * np.log(shares)).sum()))
    return {
        "distinct answers": Score(np.array(distinct)),
        # Rounded, so that equal frequencies tie in whatever order they were summed.
        "entropy of answers": Score(np.array(entropy).round(12)),
    }


def within(
    score: Score, wrong: NDArray[np.bool_], kinds: Sequence[str]
) -> tuple[float, Mapping[str, rankme.Auroc]]:
    """AUROC over pairs of questions of one kind.

    Kinds differ in difficulty, and a score that tells only them apart has an AUROC above a half.

    Returns
    -------
    float, mapping
        The share of pairs won over all kinds, NaN where no kind has right and wrong answers; and
        the area within each kind that has both.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for i, kind in enumerate(kinds):
        places[kind].append(i)
    areas = {}
    for kind, ones in sorted(places.items()):
        at = np.array(ones)
        if wrong[at].any() and not wrong[at].all():
            areas[kind] = score.of(at).auroc(wrong[at])
    pairs = [one.n_positive * one.n_negative for one in areas.values()]
    if not pairs:
        return math.nan, areas
    won = [n * one.value for n, one in zip(pairs, areas.values(), strict=True)]
    return sum(won) / sum(pairs), areas


def difference_error(
    statistic: Callable[[NDArray[np.int64]], float], n: int, *, n_draws: int = 200, seed: int = 0
) -> float:
    """Bootstrap error of a statistic of n questions, such as a difference of two AUROCs.

    Parameters
    ----------
    statistic : callable
        Takes the places of drawn questions, shape (n,).
    n : int
        How many questions there are.
    n_draws, seed : int
        How often they are drawn, with replacement. A draw for which the statistic is not defined
        (NaN) is drawn again.

    Returns
    -------
    float
        The standard deviation over draws.
    """
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for _ in range(10 * n_draws):
        value = statistic(rng.integers(0, n, n))
        if not math.isnan(value):
            found.append(value)
        if len(found) == n_draws:
            return float(np.std(found, ddof=1))
    raise ValueError("the statistic is not defined for most draws")
