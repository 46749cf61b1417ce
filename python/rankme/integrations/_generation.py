"""Answers drawn from a causal model of Transformers, and its hidden states at their last tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.optional import require
from rankme.integrations._answer_files import Answered
from rankme.integrations._sentences import decoded, n_tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

torch = require("torch", extra="transformers", what="rankme.integrations.transformers")
transformers = require(
    "transformers", extra="transformers", what="rankme.integrations.transformers"
)

_Processor: Any = transformers.LogitsProcessor
_Criteria: Any = transformers.StoppingCriteria

__all__ = ["Drawing", "Question", "answers_to"]


class Drawing(NamedTuple):
    """How answers are drawn, and what of the states is kept."""

    layers: tuple[int, ...]
    max_new_tokens: int
    temperature: float
    first_temperature: float
    top_k: int | None
    stop: tuple[str, ...]
    seed: int
    ends: tuple[int, ...]  # the tokens that end an answer
    padding: int


class Question(NamedTuple):
    """The tokens of a prompt, its number among all, and how many answers are wanted."""

    number: int
    tokens: list[int]
    n_samples: int


def answers_to(
    model: Any, tokenizer: Any, questions: Sequence[Question], how: Drawing
) -> list[Answered]:
    """Draw the answers to some questions at once; the model is in evaluation mode."""
    drawn, steps = _generated(model, tokenizer, questions, how)
    cut = [_answer_of(tokenizer, tokens, how) for tokens in drawn]
    states = _states_at(steps, [n for _, n in cut], how.layers)
    found = []
    begin = 0
    for question in questions:
        end = begin + question.n_samples
        texts, sizes = (list(part) for part in zip(*cut[begin:end], strict=True))
        own = _shared(texts, states[begin:end])
        _require_finite([np.isfinite(own).all()], [question.number], "hidden states")
        found.append(Answered(texts, own, sizes))
        begin = end
    return found


def _require_finite(finite: Sequence[Any], numbers: Sequence[int], what: str) -> None:
    """Refuse the answers to the first question for which the model gives no numbers."""
    for number, is_finite in zip(numbers, finite, strict=True):
        if not is_finite:
            raise ValueError(
                f"the {what} of an answer to prompts[{number}] hold NaN or infinity; a model in "
                f"float16 may overflow, where one in bfloat16 or float32 does not"
            )


def _padded(questions: Sequence[Question], padding: int) -> tuple[Any, Any]:
    """Return tokens and mask, a row a question, with padding on the left."""
    longest = max(len(question.tokens) for question in questions)
    missing = [longest - len(question.tokens) for question in questions]
    ids = [[padding] * n + one.tokens for n, one in zip(missing, questions, strict=True)]
    masks = [[0] * n + [1] * (longest - n) for n in missing]
    return torch.tensor(ids), torch.tensor(masks)


def _generated(
    model: Any, tokenizer: Any, questions: Sequence[Question], how: Drawing
) -> tuple[list[list[int]], Any]:
    """Return the tokens drawn for each answer, and by token the states of all layers."""
    asked, hidden = (one.to(model.device) for one in _padded(questions, how.padding))
    rows = [i for i, question in enumerate(questions) for _ in range(question.n_samples)]
    index = torch.tensor(rows, device=model.device)
    length = asked.shape[1]
    stopping = [_Stop(tokenizer, how.stop, length)] if how.stop else []
    # One token more than an answer may have: the states at a token are there once the next one is
    # drawn.
    out = model.generate(
        input_ids=asked[index],
        attention_mask=hidden[index],
        generation_config=_config(how, how.max_new_tokens + 1, output_hidden_states=True),
        logits_processor=transformers.LogitsProcessorList([_Draw(questions, length, how)]),
        stopping_criteria=transformers.StoppingCriteriaList(stopping),
        **_read_once(model, asked, hidden, index, how),
    )
    return out.sequences[:, length:].tolist(), out.hidden_states


def _config(how: Drawing, max_new_tokens: int, **options: Any) -> Any:
    """Return settings of `generate` that take the likeliest token."""
    return transformers.GenerationConfig(
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
        max_new_tokens=max_new_tokens,
        eos_token_id=list(how.ends) or None,
        pad_token_id=how.padding,
        use_cache=True,
        return_dict_in_generate=True,
        **options,
    )


def _read_once(model: Any, asked: Any, mask: Any, index: Any, how: Drawing) -> dict[str, Any]:
    """Return what the model remembers of prompts but for their last token, a row an answer."""
    # A prompt is read once, and not once an answer. What a model without keys and values remembers
    # cannot be dealt out like that, and `generate` then reads it for each.
    if asked.shape[1] == 1 or len(index) == len(asked):
        return {}
    out = model.generate(
        input_ids=asked[:, :-1], attention_mask=mask[:, :-1], generation_config=_config(how, 1)
    )
    # The name of it depends on the version of Transformers.
    for name in ("cache", "past_key_values"):
        memory = out.get(name)
        if isinstance(memory, transformers.DynamicCache) and all(
            hasattr(layer, "batch_select_indices") for layer in memory.layers
        ):
            memory.batch_select_indices(index)
            return {name: memory}
    return {}


def _answer_of(tokenizer: Any, tokens: list[int], how: Drawing) -> tuple[str, int]:
    """Return the text of an answer and how many tokens it has, given what was drawn."""
    end = next((i for i, token in enumerate(tokens) if token in how.ends), len(tokens))
    own = tokens[: min(end, how.max_new_tokens)]
    text = decoded(tokenizer, own)
    cut = _stop_in(text, how.stop)
    if cut is not None:
        # The last token that holds any of the answer.
        own = own[: n_tokens_of(tokenizer, own, cut)]
        text = text[:cut]
    return text.strip(), len(own)


def _stop_in(text: str, stop: Sequence[str]) -> int | None:
    """Return where the first text of `stop` begins, or None."""
    return min((text.find(one) for one in stop if one in text), default=None)


def _states_at(steps: Any, n_tokens: list[int], layers: Sequence[int]) -> NDArray[Any]:
    """Return the states (rows, L, K) at the last token of each answer."""
    # Step 0 is that of the last token of the prompt, and step n that of token n of the answer.
    texts = torch.arange(len(n_tokens))
    found = []
    for layer in layers:
        every = torch.stack([step[layer][:, -1] for step in steps])
        rows = every[torch.tensor(n_tokens), texts]
        found.append((rows.float() if rows.element_size() < 4 else rows).cpu())  # noqa: PLR2004
    if len({rows.shape for rows in found}) != 1:
        widths = [rows.shape[-1] for rows in found]
        raise ValueError(f"the layers {list(layers)} have different widths, {widths}")
    states: NDArray[Any] = torch.stack(found, dim=1).numpy()
    return states


def _shared(texts: list[str], states: NDArray[Any]) -> NDArray[Any]:
    """Give equal answers the states of the first of them."""
    first: dict[str, int] = {}
    places = [first.setdefault(text.lower(), i) for i, text in enumerate(texts)]
    return states[places]


class _Draw(_Processor):  # type: ignore[misc]
    """Leaves one token possible, drawn by a number that belongs to question, sample and place."""

    def __init__(self, questions: Sequence[Question], length: int, how: Drawing) -> None:
        rows = [(one.number, i) for one in questions for i in range(one.n_samples)]
        self._numbers = torch.from_numpy(
            np.stack(
                [
                    np.random.default_rng([how.seed, *row]).random(how.max_new_tokens + 1)
                    for row in rows
                ],
                axis=1,
            )
        )
        self._rows = [number for number, _ in rows]
        by_row = [how.temperature if sample else how.first_temperature for _, sample in rows]
        self._temperatures = torch.tensor(by_row, dtype=torch.float64)[:, None]
        self._length = length
        self._top_k = how.top_k

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores with all tokens but one at minus infinity."""
        numbers = self._numbers[input_ids.shape[1] - self._length].to(scores.device)[:, None]
        values, names = scores.float(), None
        if self._top_k is not None and self._top_k < values.shape[1]:
            values, names = values.topk(self._top_k)
        peak = values.amax(dim=1, keepdim=True)
        _require_finite(torch.isfinite(peak[:, 0]).tolist(), self._rows, "scores of the tokens")
        values = values - peak
        heat = self._temperatures.to(scores.device)
        # A temperature of 0 takes the likeliest token; the first of several.
        weights = torch.where(heat > 0, (values / heat.clamp(min=1e-6).float()).exp(), 0.0)
        total = weights.cumsum(dim=1, dtype=torch.float64)
        aim = torch.minimum(numbers * total[:, -1:], total[:, -1:].nextafter(numbers * 0))
        drawn = torch.searchsorted(total, aim, right=True)
        place = torch.where(heat > 0, drawn, values.argmax(dim=1, keepdim=True))
        token = place if names is None else names.gather(1, place)
        return torch.full_like(scores, -torch.inf).scatter_(1, token, 0.0)


class _Stop(_Criteria):  # type: ignore[misc]
    """Ends an answer once a text has come, and a token behind it, for the states to be there."""

    def __init__(self, tokenizer: Any, stop: tuple[str, ...], length: int) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._length = length

    def __call__(self, input_ids: Any, _scores: Any, **_options: Any) -> Any:
        """Return which answers are at an end."""
        texts = (decoded(self._tokenizer, row) for row in input_ids[:, self._length : -1].tolist())
        done = [_stop_in(text, self._stop) is not None for text in texts]
        return torch.tensor(done, device=input_ids.device)
