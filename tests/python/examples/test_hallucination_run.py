"""The hallucination example from end to end, on a small model with random weights."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from examples.hallucination.__main__ import main
from examples.hallucination.asking import answered, given
from examples.hallucination.labels import normalised
from examples.hallucination.model import Asked, loaded
from examples.hallucination.offline import drawn
from examples.hallucination.published import read
from examples.hallucination.questions import Given, Question

import tiny_answers as tiny
from helpers import ROOT

N = 40
WORDS = ["what", "capital", "rome", "paris", "tokyo", "lima", "oslo", "yes", "no"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a model and its tokenizer."""
    folder = tmp_path_factory.mktemp("model")
    tiny.llama().save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def asked_texts():
    rng = np.random.default_rng(0)
    return [" ".join(WORDS[i] for i in rng.integers(0, len(WORDS), 4)) for _ in range(N)]


@pytest.fixture(scope="module")
def question_file(model, tmp_path_factory):
    """TriviaQA's layout; every other question accepts what the model answers."""
    path = tmp_path_factory.mktemp("set") / "triviaqa.json"

    def written(spellings):
        data = [
            {"Question": text, "QuestionId": f"q{i}", "Answer": {"Value": value, "Aliases": []}}
            for i, (text, value) in enumerate(zip(asked_texts(), spellings, strict=True))
        ]
        path.write_text(json.dumps({"Data": data}), "utf-8")

    written(["none"] * N)
    questions, _ = drawn(read("triviaqa", path), N, 0)
    folder = tmp_path_factory.mktemp("first")
    how = {"n_sampled": 0, "n_samples": 1, "batch": 4, "seed": 0, "folder": folder}
    once = answered(loaded(str(model)), questions, {}, **how)
    said = {one.id: samples[0] for one, samples in zip(questions, once.answers, strict=True)}
    assert len({normalised(text) for text in said.values()}) > N // 4
    written([said[f"q{i}"] if i % 2 else "none" for i in range(N)])
    return path


@pytest.fixture(scope="module")
def whole(model, question_file, tmp_path_factory):
    """What the command was called with, the folder of its results, and what it said."""
    folder = tmp_path_factory.mktemp("run")
    options = ["--model", model, "--set", "triviaqa", "--file", question_file, "--examples", "0"]
    small = ["--sampled", "20", "--samples", "3", "--splits", "2", "--probes", "paper"]
    places = ["--work", folder / "work", "--out", folder / "out"]
    command = [*map(str, [*options, *small, *places])]
    return command, folder, run(command)


def written(folder):
    """When each file of a folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def run(options):
    return subprocess.run(
        [sys.executable, "-m", "examples.hallucination", *options],
        cwd=ROOT,
        env={**os.environ, "RANKME_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


# 40 rows in 16 groups: two or three a group, of which one may well be odd.
@pytest.mark.filterwarnings("ignore:group:rankme.PrecisionWarning")
def test_one_command_and_again(whole):
    """It writes the results, and a second run draws no answer again and finds the same."""
    options, folder, done = whole
    assert done.returncode == 0, done.stderr
    assert re.findall(r"answered: (\d+) of (\d+)", done.stderr) == [
        ("20", str(N)),
        (str(N), str(N)),
    ]
    first = json.loads((folder / "out" / "triviaqa.json").read_text("utf-8"))
    assert first["schema"] == "rankme.example.hallucination/1"
    assert first["kinds"]["triviaqa"]["n"] == N
    # About a half: the threads of another process may tip a token that is as likely as another one.
    assert 0.2 < first["kinds"]["triviaqa"]["share_right"] < 0.8
    assert [one["layer"] for one in first["layers"]["probes"]["paper"]["curve"]] == [0, 1, 2, 3, 4]
    assert first["detection"]["n_questions"] == 20
    page = (folder / "out" / "triviaqa.md").read_text("utf-8")
    assert "| effective rank, middle five |" in page
    assert (folder / "out" / "triviaqa.png").read_bytes().startswith(b"\x89PNG")
    files = written(folder / "work")
    main(options)
    assert written(folder / "work") == files
    second = json.loads((folder / "out" / "triviaqa.json").read_text("utf-8"))
    for part in ("kinds", "layers", "detection"):
        assert second[part] == first[part]


def test_other_settings_in_the_same_folder_are_an_error(whole):
    options, _, done = whole
    assert done.returncode == 0, done.stderr
    with pytest.raises(ValueError, match="answers of other settings"):
        main([*options, "--seed", "1"])


def test_more_questions_go_on_from_those_that_are_there(model, tmp_path):
    """Parts are cut at the same places, and the number of samples is that of the part."""
    asked = loaded(str(model))
    questions = [Question(str(i), text, ()) for i, text in enumerate(asked_texts() * 3)]
    how = {"n_samples": 2, "batch": 16, "seed": 0, "folder": tmp_path}
    few = answered(asked, questions[:60], {}, n_sampled=10, **how)
    files = written(tmp_path)
    told = []
    more = answered(
        asked, questions, {}, n_sampled=10, **how, progress=lambda *done: told.append(done)
    )
    assert told == [(10, 120), (50, 120), (100, 120), (120, 120)]
    assert [len(one) for one in more.answers] == [2] * 10 + [1] * 110
    assert more.answers[:50] == few.answers[:50]
    now = written(tmp_path)
    assert len(files) > 3
    assert {path: now[path] for path in files} == files


def test_given_answers_by_the_command(model, tmp_path):
    """HaluEval's own answers, right and wrong, with nothing generated."""
    path = tmp_path / "qa_data.json"
    pairs = [("yes", "no"), ("rome", "paris"), ("lima", "oslo")]
    records = [
        {"knowledge": "", "question": text, "right_answer": right, "hallucinated_answer": wrong}
        for text, (right, wrong) in zip(asked_texts(), pairs * N, strict=False)
    ]
    path.write_text("\n".join(map(json.dumps, records)), "utf-8")
    places = ["--work", tmp_path / "work", "--out", tmp_path, "--name", "given"]
    options = ["--model", model, "--set", "halueval", "--file", path, "--given", "--splits", "2"]
    main([*map(str, [*options, *places]), "--probes", "more steps"])
    found = json.loads((tmp_path / "given.json").read_text("utf-8"))
    assert found["layers"]["n_answers"] == 2 * N
    assert found["layers"]["share_right"] == 0.5
    assert found["detection"] is None
    # The last token tells a right answer from a wrong one here, already in the embedding layer.
    assert found["layers"]["probes"]["more steps"]["curve"][0]["auroc"] > 0.95
    assert "Questions one by one" not in (tmp_path / "given.md").read_text("utf-8")


def test_given_answers_have_the_states_of_what_is_read(model):
    asked = loaded(str(model))
    questions = [
        Question("0", "what rome", (), given=(Given("yes", wrong=False), Given("no", wrong=True))),
        Question("1", "is tokyo a capital", (), "in lima", given=(Given("oslo", wrong=True),)),
        Question("2", "not read", ()),
    ]
    found = given(asked, questions, batch=2)
    assert [one.id for one in found.questions] == ["0", "0", "1"]
    assert found.right.tolist() == [True, False, False]
    texts = [
        "Q: what rome\nA: yes",
        "Q: what rome\nA: no",
        "in lima\nQ: is tokyo a capital\nA: oslo",
    ]
    for text, states in zip(texts, found.states, strict=True):
        with torch.no_grad():
            out = asked.model(
                **asked.tokenizer(text, return_tensors="pt"), output_hidden_states=True
            )
        expected = [layer[0, -1].numpy() for layer in out.hidden_states]
        np.testing.assert_allclose(states, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="no question comes with an answer"):
        given(asked, questions[2:], batch=2)


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(SystemExit, match=r"there is no folder .*nowhere"):
        loaded(str(tmp_path / "nowhere"))


def test_a_model_is_in_float32(model):
    asked = loaded(str(model))
    assert isinstance(asked, Asked)
    assert {one.dtype for one in asked.model.parameters()} == {torch.float32}
    assert not asked.model.training
