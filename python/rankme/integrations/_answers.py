"""Answers sampled from a language model, and its hidden states at the last token of each."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import MAX_SEED, as_index, as_real, type_name
from rankme._base.optional import require
from rankme._scoring.progress import as_progress, told
from rankme.integrations._answer_files import Answered, AnswerFolder
from rankme.integrations._answer_states import AnswerStates
from rankme.integrations._generation import Drawing, Question, answers_to
from rankme.integrations._token_rows import chosen_layers

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

torch = require("torch", extra="transformers", what="rankme.integrations.transformers")

__all__ = ["answer_states"]

_WORDS = ("middle", "middle_five", "last", "last_five", "all")


def answer_states(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str | Sequence[int]],
    *,
    n_samples: int | Sequence[int] = 10,
    layers: str | int | Sequence[int] = "middle",
    max_new_tokens: int = 20,
    temperature: float = 1.0,
    first_temperature: float = 0.1,
    top_k: int | None = None,
    stop: str | Sequence[str] = (),
    seed: int = 0,
    batch_size: int = 4,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
) -> AnswerStates:
    r"""Sample answers to prompts, and keep the hidden states at the last token of each.

    The protocol of [1]_: the first answer at a low temperature, the others at a high one, the state
    of the last token of the answer in the middle layer. An answer ends before the token that ends a
    text, or before the first text of `stop`; neither belongs to it. Answers to one question that
    are equal as texts, but for upper and lower case and spaces around, share the states of the
    first of them, to the bit.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Any causal language model, on any device and in any dtype. It runs in evaluation mode and
        without gradients, and is left in the mode that it was in.
    tokenizer : transformers.PreTrainedTokenizerBase
        With or without a padding token.
    prompts : sequence of str or of sequence of int
        Q texts, which the tokenizer turns into tokens with its special ones; or the tokens, as
        ``tokenizer.apply_chat_template`` returns them.
    n_samples : int or sequence of int
        Answers to each question: one number, or Q of them.
    layers : {"middle", "middle_five", "last", "last_five", "all"} or int or sequence of int
        Which hidden states are kept. There is one more than layers: 0 is the embedding layer, and
        the last one, in most models, comes out of the final norm. ``"middle"`` is number
        (L - 1) // 2 of L hidden states, ``"middle_five"`` the five around it.
    max_new_tokens : int
        The most tokens of an answer.
    temperature, first_temperature : float
        Of the others, and of the first answer: scores are divided by it. 0 takes the likeliest
        token. The model's own settings of sampling are not used; its other settings are, such as a
        repetition penalty.
    top_k : int, optional
        Draw among so many likeliest tokens only; by default among all.
    stop : str or sequence of str
        Texts that end an answer, such as ``"\n"`` for a model that goes on with questions.
    seed : int
        0 to 2**64 - 1. Each number that decides on a token belongs to the seed and to question,
        sample and place: `batch_size` changes an answer only where its rounding tips a token that
        is about as likely as another one.
    batch_size : int
        Questions whose answers are drawn at once: ``batch_size * n_samples`` rows in the model.
    folder : str or os.PathLike, optional
        Write each batch to a file there, and go on from what is there already: after a kill, call
        it again. Files are whole or not there. With the same `batch_size` the result is what it
        would have been without a break.
    progress : bool or callable, optional
        As in `rankme.score`; or what is called after each batch, with the number of questions that
        are answered and Q.

    Returns
    -------
    AnswerStates
        Answers and states; its `effective_rank` and `eigen_score` are scores of each question.

    Raises
    ------
    TypeError
        If `model` cannot generate, `tokenizer` is none, or an argument is of another type.
    ValueError
        If `model` has an encoder; if an argument is out of range; if a prompt is empty, or leaves
        no room for an answer; if states are not finite. If `folder` has answers of another model,
        of other prompts or settings: the text names what differs.
    IndexError
        If there is no such layer.
    OSError
        If `folder` cannot be written to.

    References
    ----------
    .. [1] Wang et al., "Revisiting hallucination detection with effective rank-based uncertainty",
       arXiv:2510.08389.
    """
    _require_causal(model)
    _require_tokenizer(tokenizer)
    wanted = progress if callable(progress) else as_progress(progress)
    how = Drawing(
        layers=_numbers_of(layers, _n_states(model)),
        max_new_tokens=as_index(max_new_tokens, "max_new_tokens", 1),
        temperature=as_real(temperature, "temperature"),
        first_temperature=as_real(first_temperature, "first_temperature"),
        top_k=None if top_k is None else as_index(top_k, "top_k", 1),
        stop=_texts(stop),
        seed=as_index(seed, "seed", 0, MAX_SEED),
        ends=_ends_of(model, tokenizer),
        padding=_padding_of(model, tokenizer),
    )
    size = as_index(batch_size, "batch_size", 1)
    questions = _questions(tokenizer, prompts, n_samples)
    _require_room(model, questions, how.max_new_tokens)
    files = None if folder is None else AnswerFolder(folder, _settings(model, questions, how))
    done = set() if files is None else files.done()
    found: list[Answered] = []
    telling = told(wanted, "answers", len(done), len(questions), "questions")
    with _evaluation(model), telling as tell:
        for batch in _batches(questions, done, size):
            answered = answers_to(model, tokenizer, batch, how)
            if files is None:
                found += answered
            else:
                files.add(batch[0].number, answered)
            tell(len(batch))
    if folder is not None:
        return AnswerStates.load(folder)
    texts, states, sizes = (list(part) for part in zip(*found, strict=True))
    return AnswerStates(texts, states, sizes, how.layers)


def _require_causal(model: Any) -> None:
    """Refuse what does not generate from a prompt alone."""
    if not (hasattr(model, "generate") and hasattr(model, "config")):
        raise TypeError(
            f"model must be a causal language model of Transformers, such as "
            f"AutoModelForCausalLM.from_pretrained gives, not {type_name(model)}"
        )
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError(
            "model has an encoder and a decoder; answer_states takes models that go on with a "
            "prompt, decoders alone"
        )


def _require_tokenizer(tokenizer: Any) -> None:
    """Refuse what turns no text into tokens, or no tokens into text."""
    if not (callable(tokenizer) and hasattr(tokenizer, "decode")):
        raise TypeError(
            f"tokenizer must be the tokenizer of the model, such as AutoTokenizer.from_pretrained "
            f"gives, not {type_name(tokenizer)}; answers are decoded with it, whatever prompts are"
        )


def _n_states(model: Any) -> int:
    """Count the hidden states of a model, the embedding layer among them."""
    return int(model.config.get_text_config(decoder=True).num_hidden_layers) + 1


def _numbers_of(layers: Any, n_states: int) -> tuple[int, ...]:
    """Return the numbers of the layers that are meant."""
    if isinstance(layers, str):
        if layers not in _WORDS:
            words = ", ".join(map(repr, _WORDS))
            raise ValueError(f"layers must be {words} or integers, not {layers!r}")
        if layers == "all":
            return tuple(range(n_states))
        first = (n_states - 1) // 2 if layers.startswith("middle") else n_states - 1
        if not layers.endswith("five"):
            return (first,)
        if n_states < 5:  # noqa: PLR2004
            raise ValueError(f"layers is {layers!r}, and the model has {n_states} hidden states")
        first -= 2 if layers.startswith("middle") else 4
        return tuple(range(first, first + 5))
    return tuple(chosen_layers(layers, n_states))


def _texts(stop: Any) -> tuple[str, ...]:
    """Return the texts that end an answer."""
    try:
        texts = (stop,) if isinstance(stop, str) else tuple(stop)
    except TypeError:
        texts = (stop,)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"stop must be a text or several, not {type_name(text)}")
        if not text:
            raise ValueError("stop has an empty text, which would end every answer")
    return texts


def _ends_of(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that end a text: the model's, one or several, and the tokenizer's."""
    told = [
        getattr(getattr(model, "generation_config", None), "eos_token_id", None),
        getattr(tokenizer, "eos_token_id", None),
    ]
    every = [
        one for ids in told if ids is not None for one in (ids if isinstance(ids, list) else [ids])
    ]
    return tuple(sorted({int(one) for one in every}))


def _padding_of(model: Any, tokenizer: Any) -> int:
    """Return a token to fill rows with; the mask hides it, so that any will do."""
    told = [
        getattr(tokenizer, "pad_token_id", None),
        getattr(getattr(model, "generation_config", None), "pad_token_id", None),
        *_ends_of(model, tokenizer),
        0,
    ]
    return next(int(one) for one in told if one is not None)


def _questions(tokenizer: Any, prompts: Any, n_samples: Any) -> list[Question]:
    """Return the tokens of all prompts, with how many answers each is to have."""
    if isinstance(prompts, (str, bytes)):
        raise TypeError("prompts must be a sequence of texts, not one; [prompt] is one")
    if not hasattr(prompts, "__iter__"):
        raise TypeError(
            f"prompts must be a sequence of texts, or of their tokens, not {type_name(prompts)}"
        )
    every = list(prompts)
    if not every:
        raise ValueError("prompts is empty: at least one is needed")
    try:
        counts = [as_index(n_samples, "n_samples", 1)] * len(every)
    except TypeError:
        if isinstance(n_samples, (str, bytes)) or not hasattr(n_samples, "__len__"):
            raise
        counts = [as_index(n, f"n_samples[{i}]", 1) for i, n in enumerate(n_samples)]
    if len(counts) != len(every):
        raise ValueError(f"n_samples has {len(counts)} numbers, and there are {len(every)} prompts")
    return [
        Question(i, _tokens_of(tokenizer, prompt, i), count)
        for i, (prompt, count) in enumerate(zip(every, counts, strict=True))
    ]


def _tokens_of(tokenizer: Any, prompt: Any, number: int) -> list[int]:
    """Return the tokens of one prompt."""
    try:
        tokens = tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
        found = [as_index(one, f"prompts[{number}]", 0) for one in tokens]
    except TypeError as error:
        raise TypeError(f"prompts[{number}] must be a text or its tokens: {error}") from error
    if not found:
        raise ValueError(f"prompts[{number}] has no token")
    return found


def _require_room(model: Any, questions: list[Question], max_new_tokens: int) -> None:
    """Refuse prompts behind which an answer would be longer than the model can read."""
    config = model.config.get_text_config(decoder=True)
    most = getattr(config, "max_position_embeddings", None)
    for question in questions:
        if most is not None and len(question.tokens) + max_new_tokens > most:
            raise ValueError(
                f"prompts[{question.number}] has {len(question.tokens)} tokens, and with "
                f"max_new_tokens={max_new_tokens} more than the {most} that the model can read"
            )


def _batches(questions: list[Question], done: set[int], size: int) -> Iterator[list[Question]]:
    """Yield the questions that are left, cut at the same places whatever has been done."""
    for begin in range(0, len(questions), size):
        batch: list[Question] = []
        for question in questions[begin : begin + size]:
            if question.number in done:
                # A file has questions that follow one another.
                if batch:
                    yield batch
                batch = []
            else:
                batch.append(question)
        if batch:
            yield batch


@contextmanager
def _evaluation(model: Any) -> Iterator[None]:
    """Put a model into evaluation mode, and leave it as it was."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _settings(model: Any, questions: list[Question], how: Drawing) -> dict[str, Any]:
    """Return what answers depend on."""
    asked = json.dumps([one.tokens for one in questions])
    counts = [one.n_samples for one in questions]
    return {
        "model": type(model).__name__,
        "weights": _fingerprint(model),
        "n_questions": len(questions),
        "prompts": hashlib.sha256(asked.encode()).hexdigest(),
        # One number where it is one, however it was given.
        "n_samples": counts[0] if len(set(counts)) == 1 else counts,
        **how._asdict(),
    }


def _fingerprint(model: Any) -> str:
    """Return a digest of the names, shapes, dtypes and some numbers of all weights."""
    digest = hashlib.sha256()
    for name, weights in model.named_parameters():
        digest.update(f"{name} {tuple(weights.shape)} {weights.dtype}".encode())
        if weights.device.type == "meta" or not weights.numel():
            continue
        flat = weights.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // 16)][:16]
        digest.update(some.double().cpu().numpy().tobytes())
    return digest.hexdigest()
