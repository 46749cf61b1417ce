"""From the hidden states of a model to one row a text in every layer, padding left out."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.masks import as_mask
from rankme._base.arguments import type_name
from rankme._base.arrays import is_tensor
from rankme._base.optional import require
from rankme.integrations._sentences import SentenceEnds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

torch = require("torch", extra="transformers", what="rankme.integrations.transformers")

__all__ = ["chosen_layers", "token_rows"]

_STATES = 3  # dimensions
_WORDS = ("last", "first_sentence", "mean", "all")


def token_rows(
    hidden_states: Any,
    attention_mask: Any = None,
    *,
    at: Any = "last",
    layers: Any = None,
    input_ids: Any = None,
    start: Any = None,
    ends: Any = None,
) -> list[Any]:
    """Rows of every layer from hidden states, for `rankme.LayerAccumulator.update`.

    Padding gives no row and is not copied, on whichever side it is. Layers have the numbers that
    Transformers and the literature give them: 0 is the embedding layer, and the last one is, in
    most models, what comes out of the final norm, which is not of the same kind as the others.

    Parameters
    ----------
    hidden_states : sequence of array or tensor
        One a layer, each of shape (B, T, K), such as ``model(..., output_hidden_states=True)
        .hidden_states``; K may differ. Or one array of shape (L, B, T, K).
    attention_mask : array or tensor, optional
        Shape (B, T): booleans, or 0 and 1; which tokens count. By default all.
    at : {"last", "first_sentence", "mean", "all"} or int or array of int
        Which tokens make rows. ``"last"``: the last one that counts, a row a text.
        ``"first_sentence"``: the last one of the first sentence behind `start`, a row a text; of a
        text in which no sentence ends, the last one that counts. ``"mean"``: the mean of those that
        count, a row a text, in float32 at least, whatever the dtype of the states is. ``"all"``:
        each that counts, a row each, text after text.
        Integers count the tokens that count, 0 the first of them and -1 the last: one for all
        texts, or shape (B,) for a row a text, or (B, m) for m rows a text.
    layers : int or sequence of int, optional
        Numbers of the layers that are wanted, from 0, or from -1 downwards for the last ones. By
        default all of them.
    input_ids : array or tensor
        Shape (B, T): the tokens. Wanted for ``"first_sentence"`` alone, as are `start` and `ends`.
    start : int or array of int
        How many of the tokens that count are the prompt: one number, or shape (B,).
    ends : tokenizer or collection of int
        What ends a sentence. With a tokenizer it is the text: ``. ! ?`` before a space, or the end
        of a line. It knows no abbreviations: a sentence ends behind "Dr." too. Or the ids of tokens
        that end one.

    Returns
    -------
    list of array or tensor
        One a layer that is wanted, each of shape (rows, K), where the states lie. Of tensors that
        require a gradient: without it. The dtype is that of the states, but see ``"mean"``.

    Raises
    ------
    TypeError
        If `hidden_states` is neither, such as what `generate` returns, which has a tuple a token;
        if the mask, `at`, `layers`, `start` or `ends` is something else.
    ValueError
        If a layer has another shape, or another B or T than the first; if the mask or `input_ids`
        has another shape; if a text has no token that counts where it needs one; if `at` is another
        word, or `start` leaves nothing.
    IndexError
        If there is no such layer, or a text has too few tokens for `at`: the text is named.

    Examples
    --------
    >>> import numpy as np
    >>> from rankme.integrations.transformers import token_rows
    >>> states = np.arange(12.0).reshape(1, 2, 3, 2)  # one layer, two texts
    >>> mask = [[1, 1, 1], [1, 0, 0]]
    >>> token_rows(states, mask)
    [array([[4., 5.],
           [6., 7.]])]
    >>> [rows.shape for rows in token_rows(states, mask, at="all")]
    [(4, 2)]
    """
    states = _layers_of(hidden_states, layers)
    shape = tuple(states[0].shape[:2])
    counts = None if attention_mask is None else _of_tokens(as_mask(attention_mask), shape)
    if counts is not None and counts.all():
        counts = None
    if isinstance(at, str) and at not in _WORDS:
        words = ", ".join(map(repr, _WORDS))
        raise ValueError(f"at must be {words} or integers, not {at!r}")
    told = {"input_ids": input_ids, "start": start, "ends": ends}
    _require_what_is_needed(at, told)
    if isinstance(at, str) and at in ("all", "mean"):
        return [_all_of(one, counts, mean=at == "mean") for one in states]
    places = _places(at, counts, shape, told)
    return [_picked(one, places) for one in states]


def chosen_layers(layers: Any, n_layers: int) -> list[int]:
    """Return the numbers of layers, from 0, of one integer or several; None stands for all."""
    if layers is None:
        return list(range(n_layers))
    wanted = [layers] if hasattr(layers, "__index__") else layers
    try:
        numbers = [operator.index(one) for one in wanted]
    except TypeError:
        raise TypeError(
            f"layers must be an integer or several, the numbers of layers, not {type_name(layers)}"
        ) from None
    if not numbers:
        raise ValueError("layers is empty: at least one layer is needed")
    for number in numbers:
        if not -n_layers <= number < n_layers:
            raise IndexError(
                f"layers has {number}, and there are {n_layers} hidden states, from the embedding "
                f"layer, 0, to {n_layers - 1}"
            )
    return [number % n_layers for number in numbers]


def _layers_of(hidden_states: Any, layers: Any) -> list[Any]:
    """Return the states of the layers that are wanted, each (B, T, K)."""
    whole = isinstance(hidden_states, np.ndarray) or is_tensor(hidden_states)
    if not whole and not isinstance(hidden_states, (tuple, list)):
        raise TypeError(
            f"hidden_states must be a sequence of arrays of shape (B, T, K), or one of shape "
            f"(L, B, T, K), not {type_name(hidden_states)}"
        )
    if len(hidden_states) == 0:
        raise ValueError("hidden_states is empty: at least one layer is needed")
    states = [hidden_states[i] for i in chosen_layers(layers, len(hidden_states))]
    for number, one in enumerate(states):
        name = f"hidden_states[{chosen_layers(layers, len(hidden_states))[number]}]"
        if isinstance(one, (tuple, list)):
            raise TypeError(
                f"{name} is a {type_name(one)}: what generate() returns has the layers of each "
                f"token by itself. Run the model once over prompt and answer, or see answer_states"
            )
        if not (isinstance(one, np.ndarray) or is_tensor(one)):
            raise TypeError(f"{name} must be a NumPy array or a tensor, not {type_name(one)}")
        if one.ndim != _STATES:
            raise ValueError(f"{name} must have shape (B, T, K); it has {tuple(one.shape)}")
        if tuple(one.shape[:2]) != tuple(states[0].shape[:2]):
            raise ValueError(
                f"{name} has {tuple(one.shape[:2])} texts and tokens, and another layer "
                f"{tuple(states[0].shape[:2])}"
            )
    if 0 in states[0].shape:
        raise ValueError(f"hidden_states is empty: a layer has shape {tuple(states[0].shape)}")
    return [one.detach() if is_tensor(one) else one for one in states]


def _of_tokens(values: NDArray[Any], shape: tuple[int, ...], name: str = "attention_mask") -> Any:
    """Return numbers that belong to tokens, if they have their shape."""
    if values.shape != shape:
        raise ValueError(
            f"{name} must have the shape of a layer without its last axis, {shape}; it has "
            f"{values.shape}"
        )
    return values


def _require_what_is_needed(at: Any, told: dict[str, Any]) -> None:
    """Refuse what the first sentence lacks, and what nothing else looks at."""
    wanted = isinstance(at, str) and at == "first_sentence"
    for name, value in told.items():
        if wanted and value is None:
            raise ValueError(
                f"at='first_sentence' needs {name}: the tokens, how many of them are the prompt, "
                f"and what ends a sentence"
            )
        if not wanted and value is not None:
            raise ValueError(f"{name} is for at='first_sentence'; at is {at!r}")


def _all_of(states: Any, counts: NDArray[np.bool_] | None, *, mean: bool) -> Any:
    """Return every token that counts, or the mean of those of each text."""
    n_texts, length, width = states.shape
    if not mean:
        return states.reshape(-1, width) if counts is None else states[_on(states, counts)]
    sizes = np.full(n_texts, length) if counts is None else counts.sum(axis=1)
    _require_tokens(sizes)
    rows = states.reshape(-1, width) if counts is None else states[_on(states, counts)]
    if is_tensor(rows):
        wide = rows.float() if rows.element_size() < 4 else rows  # noqa: PLR2004
        # Unlike index_add, the same on every run: one thread has a text.
        return torch.segment_reduce(wide, "mean", lengths=_on(rows, sizes), axis=0)
    wide = rows.astype(np.result_type(np.float32, rows.dtype), copy=False)
    total = np.add.reduceat(wide, np.cumsum(sizes) - sizes, axis=0)
    return total / sizes[:, None].astype(total.dtype)


def _on(states: Any, values: NDArray[Any]) -> Any:
    """Return an index to states where they lie."""
    return torch.as_tensor(values, device=states.device) if is_tensor(states) else values


def _picked(states: Any, places: NDArray[np.int64]) -> Any:
    """Return the tokens at places (B, m), text after text: (B * m, K)."""
    if (places == places[0, 0]).all() and places.shape[1] == 1:
        return states[:, int(places[0, 0])]  # no copy: of padding on the left, for example
    texts = np.repeat(np.arange(places.shape[0]), places.shape[1])
    return states[_on(states, texts), _on(states, places.ravel())]


def _places(
    at: Any, counts: NDArray[np.bool_] | None, shape: tuple[int, ...], told: dict[str, Any]
) -> NDArray[np.int64]:
    """Return where in each text the wanted tokens stand, (B, m)."""
    counts = np.ones(shape, bool) if counts is None else counts
    sizes = counts.sum(axis=1)
    _require_tokens(sizes)
    if isinstance(at, str):
        wanted = sizes - 1 if at == "last" else _sentence_ends(counts, told)
        wanted = wanted[:, None]
    else:
        wanted = _integers(at, "at", shape[0], several=True)
        short = np.argwhere((wanted < -sizes[:, None]) | (wanted >= sizes[:, None]))
        if short.size:
            text, which = short[0]
            raise IndexError(
                f"at has token {wanted[text, which]} of text {text}, which has {sizes[text]} that "
                f"count"
            )
        wanted = np.where(wanted < 0, wanted + sizes[:, None], wanted)
    # Numbers among the tokens that count, to places among all.
    order = np.argsort(~counts, axis=1, kind="stable")
    return np.take_along_axis(order, wanted, axis=1)


def _require_tokens(sizes: NDArray[np.int64]) -> None:
    """Refuse a text of which nothing counts."""
    empty = np.flatnonzero(sizes == 0)
    if empty.size:
        raise ValueError(f"attention_mask[{empty[0]}] lets no token count, and a row needs one")


def _integers(values: Any, name: str, n_texts: int, *, several: bool) -> NDArray[np.int64]:
    """Return integers, one for all texts or some for each, as (B, m)."""
    given = np.asarray(values.detach().cpu() if is_tensor(values) else values)
    if given.dtype.kind not in "iu":
        words = " a word or" if several else ""
        raise TypeError(f"{name} must be{words} integers, not {type_name(values)}: {values!r:.60}")
    if given.ndim == 0:
        return np.full((n_texts, 1), given, np.int64)
    shapes = "(B,) or (B, m)" if several else "(B,)"
    if given.shape[0] != n_texts or given.ndim > 1 + several or given.size == 0:
        raise ValueError(
            f"{name} must be an integer, or have shape {shapes} with B = {n_texts}; it has "
            f"{given.shape}"
        )
    return given.reshape(n_texts, -1).astype(np.int64)


def _sentence_ends(counts: NDArray[np.bool_], told: dict[str, Any]) -> NDArray[np.int64]:
    """Return the number of the token that ends the first generated sentence of each text."""
    ids = told["input_ids"]
    ids = np.asarray(ids.detach().cpu() if is_tensor(ids) else ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"input_ids must be integers, not {type_name(told['input_ids'])}")
    _of_tokens(ids, counts.shape, "input_ids")
    first = _integers(told["start"], "start", len(counts), several=False)[:, 0]
    ends = SentenceEnds(told["ends"])
    found: list[int] = []
    for text, begin in enumerate(first.tolist()):
        tokens: Sequence[int] = ids[text][counts[text]].tolist()
        if not 0 <= begin < len(tokens):
            raise ValueError(
                f"start is {begin} for text {text}, which has {len(tokens)} tokens that count; at "
                f"least one must be behind it"
            )
        found.append(begin + ends.n_tokens(tokens[begin:]) - 1)
    return np.array(found, np.int64)
