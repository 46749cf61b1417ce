"""Sampled answers and their states: against the same drawn by hand, a token at a time, unpadded."""

import numpy as np
import pytest
import torch

import rankme
import tiny_answers as tiny
from rankme.integrations.transformers import AnswerStates, answer_states

SHORT = {"n_samples": 3, "max_new_tokens": 5, "batch_size": 2, "layers": "all"}


def scores_of(model, tokens):
    """Scores of the next token, and the states of all layers at the last one."""
    with torch.no_grad():
        out = model(torch.tensor([tokens]), output_hidden_states=True)
    return out.logits[0, -1].double().numpy(), [one[0, -1].numpy() for one in out.hidden_states]


def drawn(scores, number, temperature, top_k):
    """The token that a number from 0 to 1 stands for."""
    if temperature == 0:
        return int(scores.argmax())
    order = np.arange(len(scores)) if top_k is None else np.argsort(-scores)[:top_k]
    weights = np.exp((scores[order] - scores.max()) / temperature)
    return int(order[np.searchsorted(weights.cumsum(), number * weights.sum(), "right")])


def by_hand(
    model, tokenizer, question, sample, *, most=5, top_k=None, stop=None, seed=0, ends=(1,)
):
    """Text, number of tokens and states of one answer."""
    prompt = tokenizer(tiny.QUESTIONS[question])["input_ids"]
    numbers = np.random.default_rng([seed, question, sample]).random(most + 1)
    tokens = []
    while len(tokens) < most:
        scores, _ = scores_of(model, prompt + tokens)
        token = drawn(scores, numbers[len(tokens)], 1.0 if sample else 0.1, top_k)
        if token in ends:
            break
        tokens.append(token)
        if stop is not None and stop in tokenizer.decode(tokens):
            tokens.pop()  # in this tokenizer a stop is one token
            break
    _, states = scores_of(model, prompt + tokens)
    return tokenizer.decode(tokens, skip_special_tokens=True).strip(), len(tokens), states


def check(found, model, tokenizer, **options):
    for question in range(len(found)):
        seen = {}
        for sample, text in enumerate(found.answers[question]):
            expected, n_tokens, states = by_hand(model, tokenizer, question, sample, **options)
            assert (text, found.n_tokens[question][sample]) == (expected, n_tokens)
            states = seen.setdefault(text.lower(), states)
            for layer, own in enumerate(found.by_layer[question][sample]):
                np.testing.assert_allclose(own, states[layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [tiny.llama, tiny.gemma, tiny.gpt2, tiny.bloom])
def test_models_of_several_kinds(make):
    model, tokenizer = make(), tiny.tokenizer()
    found = answer_states(model, tokenizer, tiny.QUESTIONS, stop="\n", **SHORT)
    assert found.layers == (0, 1, 2, 3, 4)
    assert found.states.shape == (4, 3 * 5, 16)
    assert found.states.dtype == np.float32
    check(found, model, tokenizer, stop="\n")


def test_a_model_without_attention():
    model, tokenizer = tiny.mamba(), tiny.tokenizer()
    options = {**SHORT, "n_samples": 1, "max_new_tokens": 2}
    check(answer_states(model, tokenizer, tiny.QUESTIONS, **options), model, tokenizer, most=2)


@pytest.mark.parametrize(
    "options", [{"top_k": 3}, {"top_k": 1000}, {"seed": 7}, {"first_temperature": 0.1}], ids=str
)
def test_how_tokens_are_drawn(options):
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT, **options)
    expected = {key: options[key] for key in ("top_k", "seed") if key in options}
    if expected.get("top_k") == 1000:
        expected = {}  # more than there are words
    check(found, model, tokenizer, **expected)


def test_a_temperature_of_0_takes_the_likeliest():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    found = answer_states(
        model, tokenizer, tiny.QUESTIONS, temperature=0, first_temperature=0, **SHORT
    )
    for question, answers in enumerate(found.answers):
        assert len(set(answers)) == 1
        # Not all that a tokenizer of Transformers 4.57 gives is for the model.
        ids = tokenizer(tiny.QUESTIONS[question], return_tensors="pt")["input_ids"]
        greedy = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=5,
            pad_token_id=0,
        )
        text = tokenizer.decode(greedy[0, ids.shape[1] :], skip_special_tokens=True)
        assert answers[0] == text.strip()


@pytest.mark.parametrize("options", [{"padding": False}, {"padding": False, "end": False}], ids=str)
def test_tokenizers_that_lack_special_tokens(options):
    model = tiny.llama()
    expected = answer_states(model, tiny.tokenizer(), tiny.QUESTIONS, **SHORT)
    found = answer_states(model, tiny.tokenizer(**options), tiny.QUESTIONS, **SHORT)
    assert found.answers == expected.answers
    np.testing.assert_array_equal(found.states, expected.states)


def test_several_tokens_that_end_a_text_or_none():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    model.generation_config.eos_token_id = [1, 2, 12]
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    check(found, model, tokenizer, ends=(1, 2, 12))
    model.generation_config.eos_token_id = None
    tokenizer = tiny.tokenizer(padding=False, end=False)
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    assert {n for sizes in found.n_tokens for n in sizes} == {5}
    check(found, model, tokenizer, ends=())


def test_settings_of_the_model_that_draw_are_not_used():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    expected = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    model.generation_config.update(do_sample=True, temperature=0.01, top_k=1, top_p=0.1)
    model.generation_config.update(num_return_sequences=1, num_beams=1)
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    assert found.answers == expected.answers
    assert model.generation_config.do_sample


def test_the_batch_does_not_matter():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    found = [
        answer_states(model, tokenizer, tiny.QUESTIONS, **{**SHORT, "batch_size": size})
        for size in (1, 3, 100)
    ]
    for other in found[1:]:
        assert other.answers == found[0].answers
        np.testing.assert_allclose(other.states, found[0].states, rtol=1e-4, atol=1e-5)
    few = answer_states(model, tokenizer, tiny.QUESTIONS, **{**SHORT, "n_samples": 2})
    assert few.answers == [answers[:2] for answers in found[0].answers]


def test_a_prompt_is_read_once_and_not_for_each_answer():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    seen = []
    model.model.embed_tokens.register_forward_hook(
        lambda _module, given, _out: seen.append(given[0].shape)
    )
    answer_states(model, tokenizer, tiny.QUESTIONS[:1], **{**SHORT, "n_samples": 7})
    length = len(tokenizer(tiny.QUESTIONS[0])["input_ids"])
    assert seen[:2] == [(1, length - 1), (7, 1)]
    assert all(shape == (7, 1) for shape in seen[2:])


def test_equal_answers_share_their_states_and_tie():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    options = {**SHORT, "n_samples": 4, "max_new_tokens": 1, "layers": 2, "temperature": 0.1}
    options["batch_size"] = 16
    found = answer_states(model, tokenizer, tiny.QUESTIONS * 4, **options)
    kinds = [len({text.lower() for text in texts}) for texts in found.answers]
    assert kinds.count(1) > 1
    assert max(kinds) > 1
    for kind, matrix in zip(kinds, found.states, strict=True):
        assert len(np.unique(matrix, axis=0)) == kind
    scores, (low, high) = found.effective_rank()
    assert ((low <= scores) & (scores <= high)).all()
    agreed = np.array(kinds) == 1
    np.testing.assert_allclose(scores[agreed], 1, atol=1e-6)
    assert (scores[~agreed] > 1.01).all()
    # Where all answers agree rounding must not say which question is the surer one.
    among = np.flatnonzero(agreed)
    wrong = np.arange(len(among)) % 2 == 0
    tied = rankme.auroc(scores[among], wrong, (low[among], high[among]))
    assert tied.value == 0.5
    upper = rankme.auroc(scores, ~agreed, (low, high))
    assert (upper.value, upper.low, upper.high) == (1, 1, 1)


def test_texts_that_differ_in_case_alone_are_equal():
    from rankme.integrations._generation import _shared

    states = np.arange(8.0).reshape(4, 1, 2)
    shared = _shared(["Rome", "paris", "rome", "ROME"], states)
    np.testing.assert_array_equal(shared, states[[0, 1, 0, 0]])


def test_unequal_numbers_of_samples():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    counts = [3, 1, 4, 2]
    found = answer_states(
        model, tokenizer, tiny.QUESTIONS, **{**SHORT, "n_samples": counts, "layers": [1, -1]}
    )
    assert found.layers == (1, 4)
    assert [matrix.shape for matrix in found.states] == [(2 * n, 16) for n in counts]
    assert [len(texts) for texts in found.answers] == counts
    whole = answer_states(
        model, tokenizer, tiny.QUESTIONS, **{**SHORT, "n_samples": 4, "layers": [1, -1]}
    )
    assert [texts[:n] for texts, n in zip(whole.answers, counts, strict=True)] == found.answers
    assert len(found.effective_rank()[0]) == len(found.eigen_score()[0]) == 4


def test_scores_of_some_layers():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    middle = answer_states(model, tokenizer, tiny.QUESTIONS, **{**SHORT, "layers": "middle"})
    assert middle.layers == (2,)
    np.testing.assert_array_equal(middle.states, found.of_layers(2))
    ranks, _ = found.effective_rank(layers=2)
    np.testing.assert_array_equal(ranks, rankme.score_batch(middle.states, eps=0))
    scores, _ = found.eigen_score(layers=[2], alpha=0.5)
    np.testing.assert_array_equal(scores, rankme.eigen_score_batch(middle.states, alpha=0.5))
    # Sample after sample, in each the layers.
    by_sample = np.stack(found.by_layer)
    np.testing.assert_array_equal(found.states.reshape(by_sample.shape), by_sample)
    np.testing.assert_array_equal(found.of_layers([4, 0])[:, 3], by_sample[:, 1, 0])
    assert answer_states(
        model, tokenizer, tiny.QUESTIONS[:1], **{**SHORT, "layers": "last_five"}
    ).layers == (0, 1, 2, 3, 4)
    for layers in (7, [], [0, 5]):
        with pytest.raises(ValueError, match="here are the layers"):
            found.of_layers(layers)


def test_it_shows_counts_and_not_a_million_states():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    told = "AnswerStates(n_layers=5, layers=(0, 1, 2, 3, 4), width=16): 4 questions of 3 answers"
    assert repr(found) == str(found) == told
    options = {**SHORT, "n_samples": [3, 1, 4, 2], "layers": "middle"}
    found = answer_states(model, tokenizer, tiny.QUESTIONS, **options)
    told = "AnswerStates(n_layers=1, layers=(2), width=16): 4 questions of 1 to 4 answers"
    assert repr(found) == told
    deep = AnswerStates([["a"]], [np.zeros((1, 33, 8), "f4")], [[1]], tuple(range(33)))
    told = "AnswerStates(n_layers=33, layers=(0, 1, ..., 32), width=8): 1 questions of 1 answers"
    assert repr(deep) == told
    assert repr(AnswerStates([], [], [], (1,))) == (
        "AnswerStates(n_layers=1, layers=(1)): 0 questions"
    )


def test_dtypes_prompts_in_tokens_and_modes():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    tokens = [tokenizer(text)["input_ids"] for text in tiny.QUESTIONS]
    expected = answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT)
    np.testing.assert_array_equal(
        answer_states(model, tokenizer, tokens, **SHORT).states, expected.states
    )
    model.model.layers[1].train()
    answer_states(model.double(), tokenizer, tokens[:1], **SHORT)
    assert model.model.layers[1].training
    assert not model.model.layers[0].training
    assert answer_states(model, tokenizer, tokens, **SHORT).states.dtype == np.float64
    half = answer_states(model.bfloat16(), tokenizer, tokens, **SHORT)
    assert half.states.dtype == np.float32
    assert torch.equal(
        torch.from_numpy(half.states), torch.from_numpy(half.states).bfloat16().float()
    )


def test_what_is_refused():
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    ask = tiny.QUESTIONS
    for given, options, error, text in (
        ((model.model, tokenizer, ask), {}, TypeError, "model must be a causal language model"),
        ((model, tokenizer, "one"), {}, TypeError, "prompts must be a sequence of texts"),
        ((model, tokenizer, []), {}, ValueError, "prompts is empty"),
        ((model, tokenizer, ["a", ""]), {}, ValueError, r"prompts\[1\] has no token"),
        ((model, tokenizer, [1.5]), {}, TypeError, r"prompts\[0\] must be a text or its tokens"),
        ((model, tokenizer, None), {}, TypeError, "prompts must be a sequence .* not NoneType"),
        ((model, None, ask), {}, TypeError, "tokenizer must be the tokenizer .* not NoneType"),
        ((model, None, [[5, 6]]), {}, TypeError, "tokenizer must be the tokenizer .* not NoneType"),
        ((model, "gpt2", ask), {}, TypeError, "tokenizer must be the tokenizer .* not str"),
        ((model, len, ask), {}, TypeError, "tokenizer must be the tokenizer .* not builtin"),
        ((model, tokenizer, ask), {"n_samples": None}, TypeError, "n_samples must be an integer"),
        ((model, tokenizer, ask), {"n_samples": "9"}, TypeError, "n_samples must be an integer"),
        ((model, tokenizer, ask), {"n_samples": [1, 2.5]}, TypeError, r"n_samples\[1\] must be"),
        ((model, tokenizer, [[5] * 60]), {}, ValueError, "more than the 64 that the model can"),
        ((model, tokenizer, ask), {"n_samples": 0}, ValueError, "n_samples must be 1 or more"),
        ((model, tokenizer, ask), {"n_samples": [1]}, ValueError, "n_samples has 1 numbers"),
        ((model, tokenizer, ask), {"layers": "first"}, ValueError, "layers must be 'middle'"),
        ((model, tokenizer, ask), {"layers": 5}, IndexError, "layers has 5, and there are 5"),
        ((model, tokenizer, ask), {"temperature": -1}, ValueError, "temperature must be 0 or"),
        ((model, tokenizer, ask), {"top_k": 0}, ValueError, "top_k must be 1 or more"),
        ((model, tokenizer, ask), {"stop": ["a", ""]}, ValueError, "stop has an empty text"),
        ((model, tokenizer, ask), {"stop": 3}, TypeError, "stop must be a text or several"),
        ((model, tokenizer, ask), {"seed": -1}, ValueError, "seed must be from 0"),
        ((model, tokenizer, ask), {"batch_size": 0}, ValueError, "batch_size must be 1 or more"),
    ):
        with pytest.raises(error, match=text):
            answer_states(*given, **{**SHORT, **options})
    with torch.no_grad():
        model.model.norm.weight[0] = torch.nan
    with pytest.raises(ValueError, match=r"scores of the tokens .* prompts\[0\] hold NaN"):
        answer_states(model, tokenizer, ask, **SHORT)


def test_states_that_are_infinite_are_refused(monkeypatch):
    """As of a layer in float16 whose overflow the norm behind it hides."""
    model = tiny.llama()

    def overflow(_module, _inputs, output):
        return output.masked_fill(output == output.amax(), torch.inf)

    monkeypatch.setattr(model.lm_head, "forward", lambda states: torch.zeros(*states.shape[:2], 27))
    model.model.norm.register_forward_hook(overflow)
    with pytest.raises(ValueError, match=r"hidden states of an answer to prompts\[\d\] hold NaN"):
        answer_states(model, tiny.tokenizer(), tiny.QUESTIONS, **SHORT)
