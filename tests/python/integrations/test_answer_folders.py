"""Answers that are written to a folder: after a kill, with other settings, and damaged."""

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tiny_answers as tiny
from helpers import names_in
from rankme.integrations.transformers import AnswerStates, answer_states

SHORT = {"n_samples": 2, "max_new_tokens": 2, "batch_size": 1, "layers": [1, 4]}
PROMPTS = [*tiny.QUESTIONS, *tiny.QUESTIONS[:3]]

# Writes a line after each batch, and may take its time there.
CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
import tiny_answers as tiny
from rankme.integrations.transformers import answer_states

def tell(done, total):
    print(done, total, flush=True)
    time.sleep(float(sys.argv[2]))

model, tokenizer = tiny.llama(), tiny.tokenizer()
for folder in sys.argv[3:]:
    answer_states(
        model, tokenizer, tiny.QUESTIONS * 2, n_samples=2, max_new_tokens=2, batch_size=1,
        layers=[1, 4], folder=folder, progress=tell,
    )
"""


def started(pause, *folders):
    command = [sys.executable, "-c", CHILD, Path(tiny.__file__).parent, str(pause), *folders]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})


def same(one, other):
    assert one.answers == other.answers
    assert one.n_tokens == other.n_tokens
    np.testing.assert_array_equal(one.states, other.states)


def test_a_run_that_is_killed_goes_on_and_gives_the_same(tmp_path):
    with started(0.3, tmp_path / "killed") as child:
        lines = [child.stdout.readline() for _ in range(4)]
        time.sleep(0.15)
        child.kill()
        assert child.wait() == -signal.SIGKILL
    assert lines == [f"{i} 8\n" for i in (1, 2, 3, 4)]
    files = names_in(tmp_path / "killed")
    assert 4 < len(files) <= 6
    with pytest.raises(ValueError, match=r"has answers to \d of 8 questions"):
        AnswerStates.load(tmp_path / "killed")
    kept = {name: (tmp_path / "killed" / name).stat().st_mtime_ns for name in files}
    with started(0, tmp_path / "killed", tmp_path / "whole") as child:
        told, _ = child.communicate(timeout=300)
        assert child.returncode == 0
    assert told.splitlines()[0] in ("5 8", "6 8")  # what was there was not done again
    for name, time_then in kept.items():
        assert (tmp_path / "killed" / name).stat().st_mtime_ns == time_then
    assert names_in(tmp_path / "killed") == names_in(tmp_path / "whole")
    same(AnswerStates.load(tmp_path / "killed"), AnswerStates.load(tmp_path / "whole"))


@pytest.fixture(scope="module")
def asked():
    return tiny.llama(), tiny.tokenizer()


@pytest.fixture(scope="module")
def _kept(asked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    answer_states(*asked, tiny.QUESTIONS, **SHORT, folder=folder)
    return folder


@pytest.fixture
def folder(_kept, tmp_path):
    """A folder with the answers to all questions, to do harm to."""
    return shutil.copytree(_kept, tmp_path / "copy")


def test_a_folder_changes_nothing(asked, tmp_path):
    plain = answer_states(*asked, PROMPTS, **SHORT)
    calls = []
    kept = answer_states(
        *asked, PROMPTS, **SHORT, folder=tmp_path / "a" / "b", progress=lambda *n: calls.append(n)
    )
    same(kept, plain)
    assert calls == [(i, 7) for i in range(1, 8)]
    again = answer_states(
        *asked, PROMPTS, **SHORT, folder=tmp_path / "a" / "b", progress=lambda *n: calls.append(n)
    )
    same(again, plain)
    assert len(calls) == 7
    assert again.layers == (1, 4)
    same(pickle.loads(pickle.dumps(again)), plain)


def test_progress_is_shown_as_elsewhere(asked, capsys):
    answer_states(*asked, PROMPTS[:2], **SHORT, progress=True)
    assert re.fullmatch(r"rankme: answers: 2 questions in [\d.]+ s\n", capsys.readouterr().err)
    answer_states(*asked, PROMPTS[:1], **SHORT)
    assert capsys.readouterr().err == ""
    with pytest.raises(TypeError, match="progress must be True, False or None, not int"):
        answer_states(*asked, PROMPTS, **SHORT, progress=1)


def test_what_is_missing_is_made_in_batches_of_another_size(asked, tmp_path):
    whole = answer_states(*asked, PROMPTS, **SHORT, folder=tmp_path)
    for number in (1, 2, 6):
        (tmp_path / f"answers-{number:08}-{number + 1:08}.npz").unlink()
    found = answer_states(*asked, PROMPTS, **{**SHORT, "batch_size": 4}, folder=tmp_path)
    assert "answers-00000001-00000003.npz" in names_in(tmp_path)
    assert found.answers == whole.answers
    np.testing.assert_allclose(found.states, whole.states, rtol=1e-4, atol=1e-5)


def test_unequal_numbers_of_samples(asked, tmp_path):
    options = {**SHORT, "n_samples": [1, 3, 2, 2], "batch_size": 3}
    plain = answer_states(*asked, tiny.QUESTIONS, **options)
    kept = answer_states(*asked, tiny.QUESTIONS, **options, folder=tmp_path)
    assert kept.answers == plain.answers
    for one, other in zip(kept.states, plain.states, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"settings: n_samples was \[1, 3, 2, 2\] and is 2\. Take"):
        answer_states(*asked, tiny.QUESTIONS, **{**options, "n_samples": 2}, folder=tmp_path)


def test_one_number_of_samples_is_the_same_in_a_list(asked, folder):
    every = [2] * len(tiny.QUESTIONS)
    for n_samples in (every, np.array(every), np.int64(2), np.array(2)):
        found = answer_states(
            *asked, tiny.QUESTIONS, **{**SHORT, "n_samples": n_samples}, folder=folder
        )
        same(found, AnswerStates.load(folder))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"n_samples": 3}, "n_samples was 2 and is 3"),
        ({"n_samples": [2, 2, 2, 1]}, r"n_samples was 2 and is \[2, 2, 2, 1\]"),
        ({"temperature": 0.5}, "temperature was 1.0 and is 0.5"),
        ({"layers": 1}, r"layers was \[1, 4\] and is \[1\]"),
        ({"max_new_tokens": 4}, "max_new_tokens was 2 and is 4"),
        ({"stop": "\n"}, "stop was"),
        ({"top_k": 5}, "top_k was None and is 5"),
    ],
    ids=str,
)
def test_other_settings_are_refused(asked, folder, change, text):
    before = names_in(folder)
    with pytest.raises(ValueError, match=f"answers of other settings: .*{text}") as caught:
        answer_states(*asked, tiny.QUESTIONS, **{**SHORT, **change}, folder=folder)
    assert str(caught.value).count(" was ") == 1  # and nothing that is the same is named
    assert names_in(folder) == before


def test_other_prompts_and_other_weights_are_refused(folder):
    model, tokenizer = tiny.llama(), tiny.tokenizer()
    with pytest.raises(ValueError, match="prompts was"):
        answer_states(model, tokenizer, tiny.QUESTIONS[::-1], **SHORT, folder=folder)
    with pytest.raises(ValueError, match="n_questions was 4 and is 3"):
        answer_states(model, tokenizer, tiny.QUESTIONS[:3], **SHORT, folder=folder)
    model.model.layers[2].mlp.up_proj.weight.data *= 1.01
    with pytest.raises(ValueError, match="weights was"):
        answer_states(model, tokenizer, tiny.QUESTIONS, **SHORT, folder=folder)


def test_a_folder_that_is_none_of_answers_or_is_damaged(asked, tmp_path, folder):
    with pytest.raises(ValueError, match=r"no folder of answers: it has no settings\.json"):
        AnswerStates.load(tmp_path)
    file = folder / "answers-00000002-00000003.npz"
    whole = file.read_bytes()
    for damaged in (whole[:-9], b"", whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{file.name} is damaged.*remove it"):
            AnswerStates.load(folder)
    file.unlink()
    found = answer_states(*asked, tiny.QUESTIONS, **SHORT, folder=folder)
    assert file.read_bytes()
    assert len(found) == 4
    other = folder / "answers-00000000-00000002.npz"
    (folder / "answers-00000000-00000001.npz").rename(other)
    with pytest.raises(ValueError, match="has answers to 1 questions, and its name says 2"):
        AnswerStates.load(folder)
    settings = folder / "settings.json"
    told = json.loads(settings.read_text())
    settings.write_text(json.dumps({**told, "schema": "rankme.answers/2"}))
    with pytest.raises(ValueError, match=r"is of 'rankme\.answers/2'"):
        AnswerStates.load(folder)
    settings.write_text("{")
    with pytest.raises(ValueError, match="is damaged, or no file of settings"):
        answer_states(*asked, tiny.QUESTIONS, **SHORT, folder=folder)
    settings.unlink()
    with pytest.raises(ValueError, match=r"has answers and no settings\.json"):
        answer_states(*asked, tiny.QUESTIONS, **SHORT, folder=folder)
