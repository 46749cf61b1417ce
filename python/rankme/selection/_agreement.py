"""How well a score that needs no labels chooses among runs of which the truth is known."""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.arguments import as_flag, as_index
from rankme.selection._agreement_html import html_of
from rankme.selection._agreement_text import as_text
from rankme.selection._choices import Choice, chosen_ranks, hits, pick
from rankme.selection._coefficients import COEFFICIENTS, Coefficient
from rankme.selection._doubts import doubts
from rankme.selection._paired import pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Agreement", "agreement"]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Agreement:
    """How well a score orders runs, and what a choice by it was worth.

    Made by `rankme.agreement`. Of a table with several cells, targets or horizons for example, all
    numbers are means over the cells; `cells` has them one by one.

    Attributes
    ----------
    names : tuple
        The runs.
    scores, truth : numpy.ndarray
        Shape (n_cells, n_runs), float64, as they were given.
    higher_is_better, score_higher_is_better : bool
        As in `rankme.agreement`.
    by : tuple of str
        The columns that make a cell; empty where there is one cell only.
    keys : tuple of tuple
        The values of these columns, for each cell.
    truth_error, freedom : numpy.ndarray or None
        Shape (n_cells, n_runs): standard errors of the truths, and their degrees of freedom where
        they are from repeats.
    choice : object
        The run that another rule than the best score chose; None where none did.
    """

    names: tuple[Any, ...]
    scores: NDArray[np.float64] = dataclasses.field(repr=False)
    truth: NDArray[np.float64] = dataclasses.field(repr=False)
    higher_is_better: bool
    score_higher_is_better: bool
    by: tuple[str, ...] = ()
    keys: tuple[tuple[Any, ...], ...] = dataclasses.field(default=((),), repr=False)
    truth_error: NDArray[np.float64] | None = dataclasses.field(default=None, repr=False)
    freedom: NDArray[np.float64] | None = dataclasses.field(default=None, repr=False)
    choice: Any = None

    @cached_property
    def pearson(self) -> Coefficient:
        """Pearson's correlation: `value`, `low`, `high`, `p_value`, and `float()`."""
        return self._coefficient("pearson")

    @cached_property
    def spearman(self) -> Coefficient:
        """Spearman's rank correlation, likewise."""
        return self._coefficient("spearman")

    @cached_property
    def kendall(self) -> Coefficient:
        """Kendall's tau-b, likewise."""
        return self._coefficient("kendall")

    @cached_property
    def weighted_tau(self) -> Coefficient:
        """Vigna's weighted tau, in which the best runs weigh most, likewise."""
        return self._coefficient("weighted_tau")

    @property
    def oracle(self) -> Choice:
        """The best run by its truth: `names` (several where tied) and `truth`."""
        return pick(self._true, self.names, self.truth)

    @property
    def chosen(self) -> Choice:
        """The run that was chosen, by score or rule, likewise; tied ones have their mean truth."""
        return pick(self._preference, self.names, self.truth)

    @property
    def random(self) -> float:
        """The truth of a run drawn by lot: the mean."""
        return float(self.truth.mean())

    @property
    def regret(self) -> float:
        """What the choice lost against the best run, 0 or more, in the truth's unit."""
        return max(0.0, abs(self.oracle.truth - self.chosen.truth))

    @property
    def rank(self) -> float:
        """The rank of the choice by its truth: 1 is best, tied runs share their mean rank."""
        return float(chosen_ranks(self._preference, self._true).mean())

    def top_k(self, k: int) -> float:
        """Whether the k best scores hold the best run by its truth.

        What one gains who trains k candidates to the end and keeps the best. With one cell 1.0 or
        0.0, or the chance of it where scores tie; the share of cells otherwise.

        Parameters
        ----------
        k : int
            From 1 to the number of runs.

        Returns
        -------
        float
            From 0 to 1.
        """
        count = as_index(k, "k", 1, len(self.names))
        return float(np.mean(hits(self._score, self._true, count)))

    @cached_property
    def cells(self) -> dict[Any, Agreement]:
        """An `Agreement` for each cell of a table, by its value of ``by``, or the tuple of them."""
        if not self.by:
            return {}
        return {
            key[0] if len(key) == 1 else key: self._of([i], by=(), keys=((),))
            for i, key in enumerate(self.keys)
        }

    def mean_by(self, column: str) -> dict[Any, Agreement]:
        """Group the cells by one column of ``by``; the numbers are means over the cells of a group.

        Parameters
        ----------
        column : str
            One of ``by``, ``"horizon"`` for example.

        Returns
        -------
        dict
            An `Agreement` for each value of the column, in the order in which they come.
        """
        if column not in self.by:
            raise ValueError(f"column must be one of {self.by}, not {column!r}")
        place = self.by.index(column)
        values = [key[place] for key in self.keys]
        return {
            value: self._of([i for i, other in enumerate(values) if other == value])
            for value in dict.fromkeys(values)
        }

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What stands against reading much into the numbers; `rankme.agreement` says when."""
        return tuple(doubts(self._score, self.truth, self.truth_error, self.freedom))

    def to_dict(self) -> dict[str, Any]:
        """All numbers, in the mean over cells, as plain values; None for what is not defined.

        Returns
        -------
        dict
            `pearson` to `weighted_tau` as dicts of `value`, `low`, `high` and `p_value`; `oracle`
            and `chosen` as dicts of `names` and `truth`; `random`, `regret`, `rank`, `n_runs`,
            `n_cells` and `warnings`.
        """
        ends = ("value", "low", "high", "p_value")
        return {
            **{
                name: {end: _or_none(getattr(getattr(self, name), end)) for end in ends}
                for name in COEFFICIENTS
            },
            "oracle": {"names": [*self.oracle.names], "truth": self.oracle.truth},
            "chosen": {"names": [*self.chosen.names], "truth": self.chosen.truth},
            **{name: getattr(self, name) for name in ("random", "regret", "rank")},
            "n_runs": len(self.names),
            "n_cells": len(self.keys),
            "warnings": [*self.warnings],
        }

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        """Show it in notebooks."""
        return html_of(self)

    @cached_property
    def _score(self) -> NDArray[np.float64]:
        """The scores, turned so that higher is better."""
        return self.scores if self.score_higher_is_better else -self.scores

    @property
    def _preference(self) -> NDArray[np.float64]:
        """What is highest where the choice is: the scores, unless another rule chose."""
        if self.choice is None:
            return self._score
        is_chosen = np.array([name == self.choice for name in self.names], dtype=np.float64)
        return np.broadcast_to(is_chosen, self._score.shape)

    @cached_property
    def _true(self) -> NDArray[np.float64]:
        """The truths, turned so that higher is better."""
        return self.truth if self.higher_is_better else -self.truth

    def _coefficient(self, name: str) -> Coefficient:
        """Prepare a coefficient, which is computed when it is asked for."""
        return Coefficient(name, self._score, self._true)

    def _of(self, cells: list[int], **changes: Any) -> Agreement:
        """Keep some cells."""
        kept: dict[str, Any] = {"keys": tuple(self.keys[i] for i in cells)}
        for name in ("scores", "truth", "truth_error", "freedom"):
            array = getattr(self, name)
            kept[name] = None if array is None else array[cells]
        return dataclasses.replace(self, **(kept | changes))


def agreement(
    scores: object,
    truth: object,
    *,
    higher_is_better: bool,
    score_higher_is_better: bool = True,
    by: str | Sequence[str] | None = None,
    truth_error: object = None,
) -> Agreement:
    """Tell how well scores order runs whose truth is known, and what a choice by them was worth.

    The truth is what the score should foretell: the accuracy of a probe, the error of a fine-tuned
    model. Both sides are turned to higher is better before anything is computed: weighted tau
    weighs the top of a ranking, so that negating both sides gives another number.

    Parameters
    ----------
    scores, truth : mapping, Series, sequence or table
        Either side in one of the forms in the notes, a number for each run, or for each run in each
        cell. A list of numbers in the place of one holds repeats of a run, seeds for example: their
        mean counts, and the repeats of a truth tell its error.
    higher_is_better : bool
        Of the truth: True for an accuracy, False for an error or a loss.
    score_higher_is_better : bool
        Of the score.
    by : str or sequence of str, optional
        The columns of a long table that make a cell, target and horizon for example.
    truth_error : float, or as `truth`, optional
        Standard errors of the truths, where they are known otherwise than by repeats. Of an
        accuracy a over n cases: ``sqrt(a * (1 - a) / n)``.

    Returns
    -------
    Agreement
        Coefficients, the oracle's, the chosen and a random run's truth, regret, rank, warnings.
        Nothing is computed before it is asked for.

    Raises
    ------
    TypeError
        If a number is none, if one side has names and the other is a sequence, or a side is a
        masked array; if a direction is neither True nor False.
    ValueError
        If there are fewer than two runs, a number is not finite, a run is on one side only, absent
        from a cell or twice in one, has no name, or the columns of a table cannot be told apart.
        The text names the run and the cell.
    MissingLibraryError
        If SciPy is not installed: ``pip install "rankme[compare]"``.

    Notes
    -----
    What either side may be:

    - a mapping from names of runs to numbers, or a pandas Series with the names as its index;
    - a sequence or an array of numbers; both sides then, in the same order of runs;
    - a wide table: a mapping from names of runs to mappings from cells to numbers, or a pandas
      DataFrame with the names as its index and a column for each cell;
    - a long table with a row for each run in each cell: a DataFrame, or a sequence of mappings.
      `by` names the columns that make a cell. The names of runs are in the column ``name`` and the
      numbers in ``value`` (or ``score``, ``truth``); with two columns left, one of numbers, they
      may have any names. A DataFrame without `by` is long if it has a column ``name``.

    Scores without cells, or with only some of the columns of `by`, serve all cells that they are
    silent about.

    The coefficients are SciPy's: ``pearsonr``, ``spearmanr``, ``kendalltau`` (tau-b) and
    ``weightedtau`` (additive, hyperbolic, ranked by both sides) [1]_. In a table they are means
    over the cells in which neither all scores nor all truths are equal.

    The 95% interval is over runs, as if they were a sample of such runs: a jackknife that leaves
    out a run, from all cells at once, on the scale of Fisher's z, with Student's t. Its coverage is
    in the guide. Where a coefficient is 1 or -1 the jackknife has nothing to go by; the interval's
    other end is then 2 * 0.025**(1 / (n - 1)) - 1, below which n - 1 comparisons would all agree
    with a chance under 2.5%. Where a value that is neither is the same without any one run, it is
    from -1 to 1.

    The p-value is two-sided, for the hypothesis that scores say nothing: exact over all
    permutations of the runs up to 8 runs; beyond that SciPy's, and for weighted tau and for tables
    4,999 permutations drawn with a fixed seed. Permutations take the same order in all cells.

    Warnings tell where there is nothing to choose. With errors of the truths it is where the F test
    (chi squared for errors given) does not tell the runs apart at 5%. Without, it is a rule of
    thumb: the truths span at most 1% of the largest.

    References
    ----------
    .. [1] S. Vigna, "A weighted correlation index for rankings with ties", WWW 2015, 1166-1176.

    Examples
    --------
    >>> import rankme
    >>> scores = {"a": 210.0, "b": 260.0, "c": 305.0, "d": 280.0, "e": 190.0}
    >>> accuracy = {"a": 0.61, "b": 0.66, "c": 0.68, "d": 0.70, "e": 0.58}
    >>> result = rankme.agreement(scores, accuracy, higher_is_better=True)
    >>> round(float(result.spearman), 3), result.chosen.names, round(result.regret, 3)
    (0.9, ('c',), 0.02)
    """
    is_up = as_flag(higher_is_better, "higher_is_better")
    score_is_up = as_flag(score_higher_is_better, "score_higher_is_better")
    columns = (by,) if isinstance(by, str) else None if by is None else tuple(by)
    found = pair(scores, truth, truth_error, columns)
    return Agreement(**found._asdict(), higher_is_better=is_up, score_higher_is_better=score_is_up)


def _or_none(value: float) -> float | None:
    """Return a number that JSON has."""
    return value if math.isfinite(value) else None
