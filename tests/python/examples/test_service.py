"""The service of the examples, over HTTP, with the real model and the parser of Prometheus."""

import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from examples.service.__main__ import parser
from examples.service.client import answer, cut, page, requests, sentences
from prometheus_client.parser import text_string_to_metric_families

import rankme
from helpers import ROOT
from watched import wait_for

WINDOW = 48
SENTENCES = 200  # of the reference


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def module():
    def run(*args, **options):
        return subprocess.Popen(
            [sys.executable, "-m", "examples.service", *map(str, args)],
            cwd=ROOT,
            env={**os.environ, "RANKME_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    return run


@pytest.fixture(scope="module")
def reference(kept, module):
    path = kept / "usual.npy"
    with module("reference", path, "--sentences", SENTENCES) as process:
        assert process.communicate(timeout=500)[1] == ""
    return path


@pytest.fixture
def service(kept, module, reference):
    """Start the service on a free port; what is yielded is its address and its process."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    process = module(
        "serve", "--reference", reference, "--window", WINDOW, "--resamples", 99,
        "--state", kept / "state", "--port", port,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def is_there():
        assert process.poll() is None, process.stderr.read()
        try:
            return "rankme_info" in page(url)
        except OSError:
            return False

    wait_for(is_there, 300)
    yield url, process
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stderr.close()


def samples(url):
    return {
        (one.name, *(text for label, text in sorted(one.labels.items()) if label != "model")): (
            one.value
        )
        for family in text_string_to_metric_families(page(url))
        for one in family.samples
    }


def watched(url, rows):
    wait_for(lambda: samples(url)[("rankme_rows_total",)] == rows, 60)
    return samples(url)


def test_from_the_first_answer_to_the_alarm(service, kept, reference):
    url, process = service
    assert np.load(reference).shape == (SENTENCES, 384)
    texts = sentences(SENTENCES)[1]
    given = []
    for request in requests(texts, 2 * WINDOW, seed=1):
        found = answer(url, request)
        assert found["model"] == "all-MiniLM-L6-v2"
        given += found["embeddings"]
    usual = watched(url, 2 * WINDOW)
    rows = np.array(given, np.float32)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert usual["rankme_score",] == pytest.approx(rankme.score(rows[WINDOW:]), rel=1e-6)
    assert usual["rankme_windows_total",] == 2
    assert usual["embedding_rows_unwatched_total",] == 0
    for request in requests(texts, 2 * WINDOW, seed=2):
        answer(url, cut(request))
    other = watched(url, 4 * WINDOW)
    assert other["rankme_alarm",] == 1
    assert other["rankme_outside",] > 0
    assert other["rankme_drift", "frechet"] > usual["rankme_drift", "frechet"]
    assert json.loads(page(url, "monitor"))["alarm"]
    for request in requests(texts, 20, seed=3):
        answer(url, request)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=60)[1]
    assert "WARNING: window 3: RankMe " in log
    # What was in no window yet was saved too.
    assert rankme.Monitor.load(kept / "state").n_rows == 4 * WINDOW + 20


def test_a_restart_goes_on_and_bad_questions_count_nothing(service, kept):
    before = rankme.Monitor.load(kept / "state").n_rows
    url, _ = service
    assert samples(url)["rankme_rows_total",] == before
    for texts in ([], [""], ["x"] * 300, "text"):
        with pytest.raises(OSError, match="422"):
            answer(url, texts if isinstance(texts, list) else [None])
    assert samples(url)["rankme_rows_total",] == before
    answer(url, ["a good one"])
    watched(url, before + 1)


def test_what_the_page_says_fits_together(module, reference):
    made = parser().parse_args(["reference", "usual.npy"])
    served = parser().parse_args(["serve", "--reference", "usual.npy", "--state", "m.rankme"])
    assert made.sentences >= 7 * served.window
    with module("serve", "--reference", reference, "--window", SENTENCES) as process:
        said = process.communicate(timeout=300)[1]
    assert process.returncode == 1
    assert said.startswith("error: bands of windows of 200 rows need a reference of 400 rows")
    assert said.count("\n") == 1
