"""What a model's sampled answers left in its hidden states, and what tells that it was unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.notebook import card, spans
from rankme._scoring.batch import score_batch
from rankme._scoring.eigen_score import eigen_score_batch
from rankme.integrations._answer_files import read_answers

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Scores: TypeAlias = tuple[NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]]]

__all__ = ["AnswerStates"]


@dataclass(frozen=True, repr=False)
class AnswerStates:
    """The sampled answers to questions, and the hidden states at the last token of each.

    Made by `answer_states`; `load` reads what that one has left in a folder.

    Attributes
    ----------
    answers : list of list of str
        The texts of the answers to each question, without spaces around them.
    by_layer : list of numpy.ndarray
        For each question, shape (S, L, K): its samples, the layers, and the width. float32, of a
        model in float64 float64. Samples whose texts are equal but for upper and lower case have
        equal vectors.
    n_tokens : list of list of int
        How many tokens each answer has; 0 of an empty one, whose state is that of the last token of
        the prompt.
    layers : tuple of int
        The numbers of the layers, the embedding layer being 0.
    """

    answers: list[list[str]]
    by_layer: list[NDArray[np.floating[Any]]]
    n_tokens: list[list[int]]
    layers: tuple[int, ...]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> AnswerStates:
        """Return what `answer_states` has written to a folder, without the model.

        Parameters
        ----------
        folder : str or os.PathLike

        Returns
        -------
        AnswerStates

        Raises
        ------
        OSError
            If a file cannot be read.
        ValueError
            If there are no answers, some are still to be made, or a file is damaged.
        """
        return cls(*read_answers(folder))

    def __len__(self) -> int:
        return len(self.answers)

    def __repr__(self) -> str:
        # Counts alone: the states of a run are millions of numbers.
        layers = ", ".join(map(str, self.layers))
        if len(self.layers) > 5:  # noqa: PLR2004
            layers = f"{self.layers[0]}, {self.layers[1]}, ..., {self.layers[-1]}"
        width = f", width={self.by_layer[0].shape[-1]}" if self.by_layer else ""
        counts = [len(texts) for texts in self.answers]
        each = ""
        if counts:
            low, high = min(counts), max(counts)
            each = f" of {low} answers" if low == high else f" of {low} to {high} answers"
        return (
            f"AnswerStates(n_layers={len(self.layers)}, layers=({layers}){width}): "
            f"{len(self)} questions{each}"
        )

    def _repr_html_(self) -> str:
        """Show it in notebooks: counts alone."""
        counts = [len(texts) for texts in self.answers]
        return card(
            "AnswerStates",
            {
                "questions": len(self),
                **({"answers to each": spans(counts)} if counts else {}),
                "layers": ", ".join(map(str, self.layers)),
                **({"width": self.by_layer[0].shape[-1]} if self.by_layer else {}),
            },
        )

    @property
    def states(self) -> NDArray[np.floating[Any]] | list[NDArray[np.floating[Any]]]:
        """The matrix of each question, a row for each sample and layer, sample after sample.

        Shape (Q, S * L, K); where questions have unequal numbers of samples, a list of Q matrices.
        """
        return self.of_layers(self.layers)

    def of_layers(
        self, layers: int | Sequence[int]
    ) -> NDArray[np.floating[Any]] | list[NDArray[np.floating[Any]]]:
        """Return the same as `states` of some of the layers.

        Parameters
        ----------
        layers : int or sequence of int
            Numbers that `layers` has.

        Returns
        -------
        numpy.ndarray or list of numpy.ndarray

        Raises
        ------
        ValueError
            If there is no such layer here.
        """
        wanted = [layers] if isinstance(layers, (int, np.integer)) else list(layers)
        missing = [layer for layer in wanted if layer not in self.layers]
        if missing or not wanted:
            raise ValueError(f"layers has {missing}; here are the layers {list(self.layers)}")
        places = [self.layers.index(layer) for layer in wanted]
        matrices = [one[:, places].reshape(-1, one.shape[-1]) for one in self.by_layer]
        if len({matrix.shape for matrix in matrices}) == 1:
            return np.stack(matrices)
        return matrices

    def effective_rank(self, *, layers: int | Sequence[int] | None = None) -> _Scores:
        """Effective rank of the matrix of each question: high where answers differ.

        It is ``rankme.score_batch(states, eps=0, return_bounds=True)``; its logarithm is the score
        of arXiv:2510.08389. Where all answers of a question are equal, and one layer is looked at,
        it is 1 but for rounding.

        Parameters
        ----------
        layers : int or sequence of int, optional
            As of `of_layers`; all by default.

        Returns
        -------
        scores : numpy.ndarray
            Shape (Q,), float64.
        bounds : tuple of numpy.ndarray
            The ends of the intervals that hold the exact values: pass them to `rankme.auroc`, so
            that questions which rounding alone tells apart are ties.

        Raises
        ------
        ValueError
            As of `of_layers`.
        """
        matrices = self.of_layers(self.layers if layers is None else layers)
        return score_batch(matrices, eps=0, return_bounds=True)

    def eigen_score(
        self, *, alpha: float = 1e-3, layers: int | Sequence[int] | None = None
    ) -> _Scores:
        """EigenScore of the matrix of each question: high where answers differ.

        Parameters
        ----------
        alpha : float
            As in `rankme.eigen_score_batch`.
        layers : int or sequence of int, optional
            As of `of_layers`; all by default.

        Returns
        -------
        scores : numpy.ndarray
            Shape (Q,), float64.
        bounds : tuple of numpy.ndarray
            As of `effective_rank`.

        Raises
        ------
        TypeError, ValueError
            As of `of_layers` and `rankme.eigen_score_batch`.
        """
        matrices = self.of_layers(self.layers if layers is None else layers)
        return eigen_score_batch(matrices, alpha=alpha, return_bounds=True)
