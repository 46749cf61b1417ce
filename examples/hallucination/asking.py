"""Asks a model: one answer to each question, and ten to some; or reads it answers of others."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rankme.integrations.transformers import answer_states, token_rows

from .model import Asked
from .prompts import cut, prompt
from .questions import Question
from .study import Answered

__all__ = ["GivenStates", "answered", "given"]

PART = 50  # questions a folder
STOP = "\n"  # a base model goes on with questions of its own


def answered(
    asked: Asked,
    questions: Sequence[Question],
    examples: Mapping[str, Sequence[Question]],
    *,
    n_sampled: int,
    n_samples: int,
    batch: int,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Answered:
    """Sample answers, and keep the states of all layers at the last token of each.

    The first sample is drawn at temperature 0.1 and the others at 1, at most 20 tokens, as in
    arXiv:2510.08389. Fifty questions at a time go to a folder of their own. What is there already
    is not drawn again, also when more questions follow.

    Parameters
    ----------
    asked : Asked
        The model.
    questions : sequence of Question
        What is asked.
    examples : mapping
        What prompts begin with, by kind.
    n_sampled, n_samples : int
        The first `n_sampled` questions get `n_samples` answers each, and the others one.
    batch : int
        Questions at once, of several answers; of one answer four times as many.
    seed, folder
        As in `rankme.integrations.transformers.answer_states`.
    progress : callable, optional
        Called with the number of questions that are answered, and of all, after each fifty.

    Returns
    -------
    Answered
        In the order of the questions.
    """
    n = len(questions)
    cuts = sorted({*range(0, n, PART), min(n_sampled, n), n})
    answers, states = [], []
    for begin, end in pairwise(cuts):
        many = n_samples if begin < n_sampled else 1
        found = answer_states(
            asked.model,
            asked.tokenizer,
            [prompt(one, examples) for one in questions[begin:end]],
            n_samples=many,
            layers="all",
            stop=STOP,
            seed=seed + begin,  # the numbers of questions begin anew in each part
            batch_size=batch if many > 1 else 4 * batch,
            folder=folder / f"{begin:05}-{end:05}-{many}",
        )
        answers += [[cut(text) for text in samples] for samples in found.answers]
        states += found.by_layer
        if progress is not None:
            progress(end, n)
    return Answered(questions, answers, states)


class GivenStates(NamedTuple):
    """Answers that came with the questions, as the model reads them.

    Attributes
    ----------
    questions : list of Question
        The question of each answer; one may be there several times.
    states : array
        Shape (n, layers, K), float32: at the last token of each answer.
    right : array
        Shape (n,).
    """

    questions: list[Question]
    states: NDArray[np.float32]
    right: NDArray[np.bool_]


def given(asked: Asked, questions: Sequence[Question], *, batch: int) -> GivenStates:
    """Let the model read each question with each of its given answers.

    Parameters
    ----------
    asked : Asked
        The model.
    questions : sequence of Question
        Those of HaluEval and PsiloQA have given answers.
    batch : int
        Texts at once.

    Raises
    ------
    ValueError
        If no question has one.
    """
    pairs = [(one, answer) for one in questions for answer in one.given]
    if not pairs:
        raise ValueError("no question comes with an answer; HaluEval's and PsiloQA's do")
    texts = [f"{prompt(one, {})} {answer.text}" for one, answer in pairs]
    tokenizer, model = asked.tokenizer, asked.model
    states = []
    for begin in range(0, len(texts), batch):
        tokens = [tokenizer(text)["input_ids"] for text in texts[begin : begin + batch]]
        longest = max(map(len, tokens))
        ids = torch.tensor([one + [0] * (longest - len(one)) for one in tokens])
        mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in tokens])
        with torch.inference_mode():
            out = model(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                output_hidden_states=True,
            )
        rows = token_rows(out.hidden_states, mask, at="last")
        states.append(torch.stack([layer.float().cpu() for layer in rows], dim=1).numpy())
    right = np.array([not answer.wrong for _, answer in pairs])
    return GivenStates([one for one, _ in pairs], np.concatenate(states), right)
