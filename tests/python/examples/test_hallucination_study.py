"""The arithmetic of the hallucination example: probe, splits, layers and questions."""

import numpy as np
import pytest
import torch
from examples.hallucination.detection import (
    Score,
    answer_scores,
    difference_error,
    layer_sets,
    state_scores,
    within,
)
from examples.hallucination.layers import kind_alone, ranks_of_layers, study_layers, unit_rows
from examples.hallucination.probe import LETTER, Recipe, network, trained
from examples.hallucination.questions import Question
from examples.hallucination.splits import Split, error_over_splits, splits
from examples.hallucination.study import Answered, Protocol, detection_results, layer_results

import rankme


def clouds(n=240, width=16, *, apart=1.0, seed=0):
    """Rows of two kinds, and which kind each is."""
    rng = np.random.default_rng(seed)
    right = rng.random(n) < 0.5
    rows = rng.standard_normal((n, width)) + apart * np.where(right, 1, -1)[:, None]
    return rows.astype(np.float32), right


def test_the_probe_is_the_papers():
    shapes = [tuple(one.weight.shape) for one in network(640) if isinstance(one, torch.nn.Linear)]
    assert shapes == [(512, 640), (256, 512), (128, 256), (64, 128), (2, 64)]
    assert (LETTER.batch, LETTER.epochs, LETTER.rate, LETTER.decay) == (2048, 15, 1e-2, 1e-4)
    assert LETTER.rows_a_step(9000) == 2048
    assert [Recipe(batch=0).rows_a_step(n) for n in (500, 501)] == [100, 101]


def test_the_probe_learns_what_is_there_and_nothing_else():
    rows, right = clouds()
    new, kind = clouds(seed=1)
    chances, loss = trained(rows, right, new, seed=0, recipe=Recipe(batch=0))
    assert rankme.auroc(chances, kind).value > 0.99
    assert loss < 0.1
    noise = clouds(apart=0.0, seed=2)[0]
    chances, loss = trained(noise, right, clouds(apart=0.0, seed=3)[0], seed=0)
    assert abs(rankme.auroc(chances, kind).value - 0.5) < 0.12
    assert loss > 0.5


def test_the_probe_is_repeatable_and_leaves_the_generator_alone():
    rows, right = clouds(60, apart=0.1)
    before = torch.random.get_rng_state()
    one, two, other = (trained(rows, right, rows, seed=s)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-3
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_probe_keeps_the_best_epoch():
    """The rate does not depend on how many epochs are to come, so the best is one of the first."""
    rows, right = clouds(100, apart=0.3)
    recipes = [Recipe(batch=16, epochs=n) for n in (1, 2, 4, 8, 15)]
    losses = [trained(rows, right, rows, seed=3, recipe=recipe)[1] for recipe in recipes]
    assert losses == sorted(losses, reverse=True)
    best = min(losses)
    again, _ = trained(rows, right, rows, seed=3, recipe=recipes[losses.index(best)])
    last, _ = trained(rows, right, rows, seed=3, recipe=recipes[-1])
    np.testing.assert_array_equal(again, last)


def test_too_few_rows_for_a_probe():
    rows, right = clouds(4)
    with pytest.raises(ValueError, match="0 of 4 rows are held out"):
        trained(rows, right, rows, seed=0)


def test_subjects_are_on_one_side():
    subjects = [f"s{i % 30}" for i in range(100)]
    drawn = splits(subjects, 5, 0.3, seed=0)
    for train, test in drawn:
        assert sorted([*train, *test]) == list(range(100))
        assert len({subjects[i] for i in test}) == 9
        assert not {subjects[i] for i in test} & {subjects[i] for i in train}
    assert len({tuple(test) for _, test in drawn}) == 5
    with pytest.raises(ValueError, match="0 of 2 subjects"):
        splits(["a", "b"], 1, 0.1, 0)


def test_error_over_splits():
    drawn = [Split(np.arange(60), np.arange(60, 90))] * 4
    values = np.array([0.5, 0.7, 0.6, 0.8])
    assert error_over_splits(values, drawn) == pytest.approx(
        np.sqrt((1 / 4 + 1 / 2) * values.var(ddof=1))
    )
    assert np.isnan(error_over_splits(values[:1], drawn[:1]))


@pytest.fixture(scope="module")
def layers():
    """Three layers: 0 and 1 know nothing, 1 has the higher rank, 2 tells right from wrong."""
    rng = np.random.default_rng(0)
    rows, right = clouds(300)
    narrow = rng.standard_normal((300, 16)) * 0.5 ** np.arange(16)
    states = np.stack([narrow, rng.standard_normal((300, 16)), rows * 3], axis=1)
    kinds = [f"k{i % 3}" for i in range(300)]
    drawn = splits([f"s{i // 2}" for i in range(300)], 3, 1 / 3, seed=0)
    states = states.astype(np.float32)
    ranks = ranks_of_layers(states, drawn)
    study = study_layers(states, right, kinds, drawn, ranks, recipe=Recipe(batch=0))
    return states, study, drawn


def test_rankme_is_of_normalised_training_rows(layers):
    states, study, drawn = layers
    unit = unit_rows(states)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, rtol=1e-6)
    for s, (train, _) in enumerate(drawn):
        expected = [rankme.score(np.ascontiguousarray(unit[train, layer])) for layer in range(3)]
        np.testing.assert_allclose(study.ranks.by_split[s], expected, rtol=1e-6)
    curve = study.curve()
    assert [one["layer"] for one in curve] == [0, 1, 2]
    assert curve[2]["rankme"] == pytest.approx(rankme.score(unit[:, 2].copy()), rel=1e-6)


def test_choices_and_what_they_lose(layers):
    _, study, drawn = layers
    assert study.best() == 2
    assert study.chosen("RankMe").tolist() == [1, 1, 1]
    assert study.chosen("validation loss").tolist() == [2, 2, 2]
    assert study.chosen("last layer").tolist() == [2, 2, 2]
    assert study.chosen("middle layer").tolist() == [1, 1, 1]
    lost = study.auroc[:, 2] - study.auroc[:, 1]
    regret, error = study.regret(study.chosen("RankMe"))
    assert regret == pytest.approx(lost.mean())
    assert 0.3 < regret < 0.7
    assert error == pytest.approx(error_over_splits(lost, drawn))
    assert study.regret(study.chosen("last layer")) == (0.0, 0.0)
    assert study.random_regret()[0] == pytest.approx(regret / 2)
    assert study.agreement().regret == pytest.approx(regret)


def test_layer_0_is_not_chosen(layers):
    states, _, drawn = layers
    even = np.random.default_rng(1).standard_normal((300, 16)).astype(np.float32)
    others = np.stack([even, states[:, 0], states[:, 0] + states[:, 2]], axis=1)
    right = np.arange(300) % 2 == 0
    ranks = ranks_of_layers(others, drawn)
    study = study_layers(others, right, ["k"] * 300, drawn, ranks, recipe=Recipe(epochs=1))
    assert ranks.by_split.argmax(axis=1).tolist() == [0, 0, 0]
    assert 0 not in study.chosen("RankMe")
    assert 0 not in study.chosen("validation loss")


def test_a_judge_that_knows_the_kind_alone():
    drawn = splits([str(i) for i in range(120)], 4, 1 / 3, seed=0)
    kinds = ["easy" if i % 2 else "hard" for i in range(120)]
    assert kind_alone(kinds, np.array([one == "easy" for one in kinds]), drawn)[0] == 1.0
    assert kind_alone(["one"] * 120, np.arange(120) % 3 == 0, drawn)[0] == 0.5


def test_the_four_sets_of_layers():
    assert layer_sets(33) == {  # of a model with 32 layers
        "middle": [16],
        "middle five": [14, 15, 16, 17, 18],
        "last": [32],
        "last five": [28, 29, 30, 31, 32],
    }
    assert layer_sets(3)["middle five"] == layer_sets(3)["last five"] == [0, 1, 2]


def sampled(n=30, samples=6, n_layers=7, width=24, seed=0):
    """Answers and states: equal answers share their states; every third question has one answer."""
    rng = np.random.default_rng(seed)
    answers, states = [], []
    for i in range(n):
        texts = ["same"] * samples if i % 3 == 0 else [f"t{t}" for t in rng.integers(0, 4, samples)]
        own = {text: rng.standard_normal((n_layers, width)).astype("f4") for text in texts}
        answers.append(texts)
        states.append(np.stack([own[text] for text in texts]))
    return answers, states


def test_scores_of_states_are_those_of_a_float64_svd():
    _, states = sampled()
    scores = state_scores(states)
    assert len(scores) == 8
    for name, layers in layer_sets(7).items():
        for i, one in enumerate(states):
            matrix = one[:, layers].reshape(-1, 24).astype(np.float64)
            values = np.linalg.svd(matrix, compute_uv=False)
            shares = values[values > 1e-6 * values[0]] / values.sum()
            rank = np.exp(-(shares * np.log(shares)).sum())
            assert scores[f"effective rank, {name}"].values[i] == pytest.approx(rank, rel=1e-4)
            covariance = np.cov(matrix) + 1e-3 * np.eye(len(matrix))
            expected = np.linalg.slogdet(covariance)[1] / len(matrix)
            assert scores[f"EigenScore, {name}"].values[i] == pytest.approx(expected, rel=1e-4)


def test_questions_with_one_answer_tie():
    answers, states = sampled()
    one = np.array([len(set(texts)) == 1 for texts in answers])
    ranks = state_scores(states)["effective rank, middle"]
    some = ranks.of(np.flatnonzero(one))
    wrong = np.arange(one.sum()) % 2 == 0
    assert some.auroc(wrong).value == 0.5
    assert ranks.auroc(~one).value == 1.0


def test_scores_of_answers():
    answers = [["Lome", "lome ", "LOME"], ["a", "b", "a"], ["b", "a", "a"], ["a", "b", "c"]]
    scores = answer_scores(answers)
    assert scores["distinct answers"].values.tolist() == [1, 2, 2, 3]
    entropy = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    np.testing.assert_allclose(
        scores["entropy of answers"].values, [0, entropy, entropy, np.log(3)], atol=1e-11
    )
    assert scores["entropy of answers"].values[1] == scores["entropy of answers"].values[2]


def test_pairs_within_kinds_by_counting_them():
    rng = np.random.default_rng(0)
    kinds = [*("abc"[i] for i in rng.integers(0, 3, 60)), "right", "right", "wrong"]
    wrong = np.array([*(rng.random(60) < 0.4), False, False, True])
    values = rng.integers(0, 5, 63).astype(float)
    won = total = 0.0
    for i in np.flatnonzero(wrong):
        for j in np.flatnonzero(~wrong):
            if kinds[i] == kinds[j]:
                total += 1
                won += (values[i] > values[j]) + 0.5 * (values[i] == values[j])
    share, areas = within(Score(values), wrong, kinds)
    assert share == pytest.approx(won / total)
    assert set(areas) == {"a", "b", "c"}
    assert np.isnan(within(Score(values[:2]), wrong[-2:], ["x", "y"])[0])


def test_bootstrap_error_of_a_mean():
    values = np.random.default_rng(0).standard_normal(200)
    error = difference_error(lambda at: float(values[at].mean()), 200, n_draws=1000)
    assert error == pytest.approx(values.std() / np.sqrt(200), rel=0.1)
    with pytest.raises(ValueError, match="not defined for most draws"):
        difference_error(lambda _: np.nan, 5)


def test_results_are_plain_and_whole():
    answers, states = sampled(60)
    questions = [
        Question(str(i), f"q{i}?", ("same",), kind=f"k{i % 2}", subject=f"s{i}") for i in range(60)
    ]
    asked = Answered(questions, answers, states)
    assert asked.right().tolist() == [i % 3 == 0 for i in range(60)]
    assert asked.wrong_by_rouge().tolist() == [i % 3 != 0 for i in range(60)]
    protocol = Protocol(n_splits=2, n_draws=10, probes=("paper", "more steps"))
    found = detection_results(asked, protocol)
    rank = found["labels"]["no exact match"]["scores"]["effective rank, middle"]
    assert rank["auroc"] == 1.0
    assert found["share_with_one_answer"] >= 1 / 3
    first = np.stack([one[0] for one in states])
    layers = layer_results(first, asked.right(), questions, protocol)
    assert list(layers["probes"]) == ["paper", "more steps"]
    for probe in layers["probes"].values():
        assert len(probe["curve"]) == 7
        assert set(probe["rules"]) == {"RankMe", "validation loss", "last layer", "middle layer"}
        best = max(one["auroc"] for one in probe["curve"][1:])
        assert probe["curve"][probe["best_layer"]]["auroc"] == best
        regrets = [one["regret"] for one in [*probe["rules"].values(), probe["random"]]]
        assert probe["random"]["regret"] >= 0
        assert min(regrets) < 0.5
