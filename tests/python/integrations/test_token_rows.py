"""Rows of hidden states: the right tokens on either side of padding, and no others."""

import numpy as np
import pytest
import torch

import rankme
import tiny_transformers as tiny
from rankme.integrations.transformers import token_rows

N_LAYERS, N, T, K = 3, 5, 7, 4


def states_and_masks(dtype="f8", seed=0):
    """Layers of different widths: texts on the left of padding, and the same ones on its right."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, T + 1, N)
    sizes[0] = T
    right = np.arange(T) < sizes[:, None]
    left = right[:, ::-1]
    layers = [rng.standard_normal((N, T, K + layer)).astype(dtype) for layer in range(N_LAYERS)]
    moved = []
    for states in layers:
        states[~right] = np.nan  # whoever reads it is found out
        other = np.full_like(states, np.nan)
        other[left] = states[right]
        moved.append(other)
    return layers, right, moved, left


def by_hand(states, mask, at):
    """The rows of a layer, text by text."""
    own = [text[counts] for text, counts in zip(states, mask, strict=True)]
    if at == "all":
        return np.concatenate(own)
    if at == "mean":
        return np.stack([text.mean(axis=0) for text in own])
    return np.stack([text[-1 if at == "last" else at] for text in own])


@pytest.mark.parametrize("at", ["last", "mean", "all", 0, -1])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_the_rows_are_those_of_each_text_by_itself(at, kind):
    layers, right, moved, left = states_and_masks()
    for states, mask in ((layers, right), (moved, left)):
        found = token_rows([kind(one) for one in states], kind(mask.copy()), at=at)
        assert len(found) == N_LAYERS
        for rows, original in zip(found, layers, strict=True):
            assert type(rows) is type(kind(original))
            np.testing.assert_allclose(np.asarray(rows), by_hand(original, right, at), rtol=1e-12)


def test_case_9():
    states = np.random.default_rng(0).standard_normal((2, 3, 4))
    states[1, 1:] = 7
    mask = np.array([[1, 1, 1], [1, 0, 0]])
    acc = rankme.LayerAccumulator(2, 4)
    acc.update(token_rows([states, states], mask, at="all"))
    assert acc.n_rows == 4
    np.testing.assert_allclose(acc.score(eps=0), 3.220522664, atol=5e-10)
    masked = rankme.LayerAccumulator(2, 4)
    masked.update([states, states], mask=mask)
    np.testing.assert_allclose(masked.score(eps=0), 3.220522664, atol=5e-10)
    # Padding on the left, and what a reshape would have counted.
    mirrored = np.ascontiguousarray(states[:, ::-1])
    rows = token_rows([mirrored], mask[:, ::-1].copy(), at="all")[0]
    assert rankme.score(rows, eps=0) == pytest.approx(3.220522664, abs=5e-10)
    assert rankme.score(states.reshape(-1, 4), eps=0) == pytest.approx(1.834147600, abs=5e-10)


def test_places_of_each_text():
    layers, right, moved, left = states_and_masks()
    last = right.sum(axis=1) - 1
    for states, mask in ((layers, right), (moved, left)):
        first_and_last = token_rows(states, mask, at=np.stack([0 * last, last], axis=1))
        for rows, original in zip(first_and_last, layers, strict=True):
            assert rows.shape == (2 * N, original.shape[-1])
            np.testing.assert_array_equal(rows[::2], by_hand(original, right, 0))
            np.testing.assert_array_equal(rows[1::2], by_hand(original, right, "last"))
        for given in (last, torch.from_numpy(last), last.tolist()):
            rows = token_rows(states, mask, at=given)[1]
            np.testing.assert_array_equal(rows, by_hand(layers[1], right, "last"))


def test_layers_by_number_with_the_embedding_layer_as_0():
    layers, right, *_ = states_and_masks()
    widths = [rows.shape[1] for rows in token_rows(layers, right)]
    assert widths == [K, K + 1, K + 2]
    for wanted, expected in ((0, [0]), (-1, [2]), ([2, 0], [2, 0]), (range(1, 3), [1, 2])):
        rows = token_rows(layers, right, layers=wanted)
        assert [one.shape[1] - K for one in rows] == expected
    stacked = np.stack([one[..., :K] for one in layers])
    assert len(token_rows(stacked, right)) == N_LAYERS
    assert len(token_rows(torch.from_numpy(stacked), right, layers=[1, 2])) == 2


def test_what_needs_no_copy_is_not_copied():
    states = np.ones((3, N, T, K))
    for at in ("last", "all", 2):
        assert all(np.shares_memory(one, states) for one in token_rows(states, at=at))
        whole = np.ones((N, T), int)
        assert all(np.shares_memory(one, states) for one in token_rows(states, whole, at=at))
    left = np.arange(T) >= np.arange(N)[:, None]
    assert all(np.shares_memory(one, states) for one in token_rows(states, left))


def test_dtypes():
    layers, right, *_ = states_and_masks("f4")
    half = [torch.from_numpy(one).to(torch.bfloat16) for one in layers]
    mask = torch.from_numpy(right)
    assert token_rows(half, mask)[0].dtype == torch.bfloat16
    for rows, states in zip(token_rows(half, mask, at="mean"), half, strict=True):
        assert rows.dtype == torch.float32  # a mean of bfloat16 in bfloat16 has two digits
        expected = by_hand(states.double().numpy(), right, "mean")
        np.testing.assert_allclose(rows.numpy(), expected, rtol=1e-6, atol=1e-7)
    assert token_rows([one.astype("f2") for one in layers], right, at="mean")[0].dtype == "f4"
    learning = torch.ones(N, T, K, requires_grad=True) * 2
    assert not token_rows([learning])[0].requires_grad


@pytest.mark.parametrize("make", [tiny.bert, tiny.gpt])
def test_a_real_model_padded_on_either_side(make):
    model = make().eval()
    data = tiny.items(12)
    for side in ("right", "left") if make is tiny.gpt else ("right",):
        batch = tiny.padded(data, side)
        mask = batch["attention_mask"]
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        given = {"position_ids": positions} if make is tiny.gpt else {}
        with torch.no_grad():
            out = model.base_model(
                batch["input_ids"], attention_mask=mask, output_hidden_states=True, **given
            )
        for at, pool in (("last", "last_token"), ("mean", "token_mean"), ("all", "tokens")):
            for layer, rows in enumerate(token_rows(out.hidden_states, mask, at=at)):
                expected = tiny.rows_by_hand(model, data, pool, layer)
                np.testing.assert_allclose(rows.numpy(), expected, rtol=1e-9, atol=1e-9)


# What is wrong, and what is said about it.
GOOD = np.ones((2, N, T, K))
MASK = np.ones((N, T), int)
REFUSED = [
    (({"a": 1},), {}, TypeError, "must be a sequence of arrays of shape"),
    (([],), {}, ValueError, "hidden_states is empty"),
    (([[GOOD[0]]],), {}, TypeError, r"what generate\(\) returns has the layers of each token"),
    ((["text"],), {}, TypeError, "must be a NumPy array or a tensor, not str"),
    ((GOOD[0],), {}, ValueError, r"must have shape \(B, T, K\)"),
    (([GOOD[0], GOOD[0, :2]],), {}, ValueError, r"hidden_states\[1\] has \(2, 7\)"),
    ((GOOD[:, :0],), {}, ValueError, "is empty"),
    ((GOOD, MASK[:, :3]), {}, ValueError, r"attention_mask must have the shape"),
    ((GOOD, MASK - 0.5), {}, TypeError, "mask must be booleans, or integers"),
    ((GOOD, MASK * 0), {}, ValueError, r"attention_mask\[0\] lets no token count"),
    ((GOOD, MASK * 0), {"at": "mean"}, ValueError, r"attention_mask\[0\] lets no token count"),
    ((GOOD, MASK), {"at": "first"}, ValueError, "'first_sentence', 'mean', 'all' or integers"),
    ((GOOD, MASK), {"at": 1.5}, TypeError, "at must be a word or integers"),
    ((GOOD, MASK), {"at": T}, IndexError, "token 7 of text 0, which has 7"),
    ((GOOD, MASK), {"at": [0, -8, 0, 0, 0]}, IndexError, "token -8 of text 1"),
    ((GOOD, MASK), {"at": [0, 1]}, ValueError, r"or have shape \(B,\) or \(B, m\) with B = 5"),
    ((GOOD, MASK), {"layers": 2}, IndexError, "layers has 2, and there are 2 hidden states"),
    ((GOOD, MASK), {"layers": "all"}, TypeError, "layers must be an integer or several"),
    ((GOOD, MASK), {"layers": []}, ValueError, "layers is empty"),
    ((GOOD, MASK), {"at": "first_sentence"}, ValueError, "needs input_ids"),
    ((GOOD, MASK), {"start": 3}, ValueError, "start is for at='first_sentence'"),
]


@pytest.mark.parametrize(("given", "options", "error", "text"), REFUSED)
def test_what_does_not_fit_is_refused(given, options, error, text):
    with pytest.raises(error, match=text):
        token_rows(*given, **options)


class Letters:
    """A tokenizer of one letter a token; 0 is special and has no text."""

    def encode(self, text):
        return [ord(letter) for letter in text]

    def decode(self, tokens, *, skip_special_tokens, clean_up_tokenization_spaces):
        assert skip_special_tokens
        assert not clean_up_tokenization_spaces
        return "".join(chr(token) for token in tokens if token)


PROMPT = "Where? "
ANSWERS = {
    "In Rome. Or so.": "In Rome.",
    "It has 3.14 miles": "It has 3.14 miles",
    'He said "no." I left.': 'He said "no."',
    "\nRome\nQ: next": "\nRome",
    "Yes!": "Yes!",
    "東京。大阪。": "東京。",
    "no end": "no end",
}


def answered(side):
    """Padded prompts and answers, the mask, and the lengths of their first sentences in tokens."""
    letters = Letters()
    texts = [letters.encode(PROMPT + answer) for answer in ANSWERS]
    longest = max(map(len, texts))
    ids = np.zeros((len(texts), longest), int)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        where = slice(None, len(text)) if side == "right" else slice(longest - len(text), None)
        ids[row, where], mask[row, where] = text, 1
    return ids, mask, [len(PROMPT + sentence) for sentence in ANSWERS.values()]


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_first_sentence_behind_the_prompt(side):
    ids, mask, lengths = answered(side)
    # A state tells the number of its token among those of its text.
    states = np.where(mask, mask.cumsum(axis=1), -1)[None, :, :, None].astype("f4")
    told = {"input_ids": torch.from_numpy(ids), "start": len(PROMPT)}
    found = token_rows(states, mask, at="first_sentence", ends=Letters(), **told)[0]
    assert found[:, 0].tolist() == lengths
    marks = [ord(mark) for mark in ".?!\n"]
    found = token_rows(states, mask, at="first_sentence", ends=marks, **told)[0]
    by_marks = [
        next((i for i, letter in enumerate(answer, 1) if letter in ".?!\n"), len(answer))
        for answer in ANSWERS
    ]
    assert found[:, 0].tolist() == [len(PROMPT) + n for n in by_marks]
    starts = np.full(len(ANSWERS), len(PROMPT))
    starts[0] += len("In Rome. ")
    told["start"] = starts
    found = token_rows(states, mask, at="first_sentence", ends=Letters(), **told)[0]
    assert found[0, 0] == len(PROMPT + "In Rome. Or so.")


def test_what_the_first_sentence_lacks_is_told():
    ids, mask, _ = answered("right")
    states = np.ones((1, *ids.shape, 2))
    good = {"input_ids": ids, "start": 3, "ends": [46]}
    for changed, error, text in (
        ({"start": None}, ValueError, "needs start"),
        ({"start": 99}, ValueError, "start is 99 for text 0"),
        ({"start": 0.5}, TypeError, "start must be integers"),
        ({"ends": 46}, TypeError, "ends must be a tokenizer"),
        ({"input_ids": ids[:, :4]}, ValueError, "input_ids must have the shape"),
        ({"input_ids": ids / 2}, TypeError, "input_ids must be integers"),
    ):
        with pytest.raises(error, match=text):
            token_rows(states, mask, at="first_sentence", **{**good, **changed})
