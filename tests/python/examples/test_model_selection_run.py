"""The study of model selection runs by its command, and goes on after a kill."""

import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from examples.model_selection.files import claim
from examples.model_selection.readers import ETT_COLUMNS

from helpers import ROOT

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RANKME_NUM_THREADS"), "1")


def command(tmp_path, *more):
    return [
        *(sys.executable, "-m", "examples.model_selection", "--small"),
        *("--work", tmp_path / "work", "--out", tmp_path / "out", *more),
    ]


def start(words, **options):
    return subprocess.Popen(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, **THREADS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def pieces(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz") if path.name[0] != "."}


def write_pems(path):
    """Write a file of the layout of PEMS: daily waves of flow at three sensors."""
    rng = np.random.default_rng(0)
    wave = 100 + 50 * np.sin(np.arange(1_600) * 2 * np.pi / 288)
    flow = wave[:, None, None] * rng.uniform(0.5, 2, (1, 3, 1)) + rng.normal(0, 5, (1_600, 3, 3))
    np.savez(path, data=flow)


def write_ett(path):
    rng = np.random.default_rng(0)
    dates = pd.date_range("2016-07-01", periods=14_400, freq="h")
    table = pd.DataFrame(rng.normal(size=(14_400, 7)).cumsum(axis=0), columns=ETT_COLUMNS)
    table.insert(0, "date", dates)
    table.to_csv(path, index=False)


def test_it_is_killed_and_goes_on(tmp_path):
    """The pieces that were whole are kept; the results are complete, and hold together."""
    write_pems(tmp_path / "PEMS08.npz")
    write_ett(tmp_path / "ETTh1.csv")
    files = ["--pems", tmp_path / "PEMS08.npz", "--ett", tmp_path / "ETTh1.csv"]
    words = command(tmp_path, "--targets", "elecdemand", *files)
    first = start(words)
    try:
        until = time.monotonic() + 600  # a busy machine
        while len(pieces(tmp_path / "work")) < 4 and time.monotonic() < until:
            assert first.poll() is None, first.communicate()[1]
            time.sleep(0.02)
        with pytest.raises(SystemExit, match="another run is at work in"):
            claim(tmp_path / "work")
    finally:
        first.kill()
        first.communicate()
    kept = pieces(tmp_path / "work")
    assert len(kept) >= 4
    assert not (tmp_path / "out").exists()

    second = start(words)
    printed, errors = second.communicate(timeout=900)
    assert second.returncode == 0, errors
    every = pieces(tmp_path / "work")
    assert {path: every[path] for path in kept} == kept
    made = re.findall(r"^(\S+): (\S+), seed (\d):", printed, re.MULTILINE)
    assert len(every) == len(kept) + len(made)
    assert "warning: K differs (8, 16, 32, 64), and RankMe cannot exceed K" in printed
    check_results(tmp_path)
    check_refusal(words, tmp_path / "work" / "made-with.json")


def check_results(tmp_path):
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    targets = ["elecdemand", "ETTh1", "PEMS08"]
    names = ["mlp-32", "cnn-16", "gru-16", "transformer-8", "fracast-64"]
    scores = {(row["target"], row["name"]): row for row in results["scores"]}
    assert set(scores) == {(target, name) for target in targets for name in names}
    for (_, name), row in scores.items():
        assert row["K"] == int(name.rpartition("-")[2])
        assert 1 < row["rankme"] < row["K"]
        assert row["std_error"] > 0
    assert len(results["errors"]) == 3 * 2 * 5
    assert all(row["truth"] > 0 < row["truth_error"] for row in results["errors"])
    for one in results["criteria"].values():
        assert -1 <= one["low"] <= one["weighted_tau"] <= one["high"] <= 1
        assert list(one["by_target"]) == targets
        assert abs(np.mean([*one["by_target"].values()]) - one["weighted_tau"]) < 1e-12
        assert one["regret"] >= 0
    assert all("K differs" in " ".join(texts) for texts in results["warnings"].values())
    page = (tmp_path / "out" / "results.md").read_text()
    assert "| RankMe | the past |" in page
    assert "| widest | -0.148 |" in page
    assert (tmp_path / "out" / "results.png").read_bytes().startswith(b"\x89PNG")


def check_refusal(words, made_with):
    """Pieces of other settings are not mixed in."""
    other = json.loads(made_with.read_text())
    other["settings"]["steps"] = 7
    made_with.write_text(json.dumps(other))
    third = start(words)
    _, errors = third.communicate(timeout=600)
    assert third.returncode == 1
    assert "holds pieces of other settings or other libraries" in errors
