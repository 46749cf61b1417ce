"""The programs in docs/guides/clusters.md run and print the score of one process."""

import os
import re
import subprocess
import sys

import pytest

from engines import SPARK, embeddings, needs_java, one_process, write_shards
from helpers import ROOT

DOCUMENT = ROOT / "docs" / "guides" / "clusters.md"
PROGRAMS = dict(
    re.findall(
        r"^## (\w+)$.*?^```python$(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
    )
)
ROWS, COLS = 1_001, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    (folder / "embeddings").mkdir()
    for name, seed in (("part-0", 0), ("part-1", 1)):
        write_shards(folder, embeddings(ROWS, COLS, seed), 1)[0].rename(
            folder / "embeddings" / f"{name}.npy"
        )
    return folder


def printed(folder, command, program):
    (folder / "job.py").write_text(program)
    result = subprocess.run(
        [*command, "job.py"],
        cwd=folder,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", **SPARK},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [float(word) for word in result.stdout.split()]


def expected_scores():
    first, second = (one_process(embeddings(ROWS, COLS, seed)) for seed in (0, 1))
    return first.score(), (first + second).score()


def test_every_engine_has_a_program():
    assert set(PROGRAMS) == {"PyTorch", "Ray", "Dask", "Spark"}


def test_pytorch(folder):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    one, _ = expected_scores()
    assert printed(folder, command, PROGRAMS["PyTorch"]) == pytest.approx([ROWS, one], rel=1e-12)


def test_ray(folder):
    one, both = expected_scores()
    scores = printed(folder, [sys.executable], PROGRAMS["Ray"])
    assert scores == pytest.approx([both, one], rel=1e-12)


def test_dask(folder):
    one, both = expected_scores()
    scores = printed(folder, [sys.executable], PROGRAMS["Dask"])
    assert scores == pytest.approx([one, both], rel=1e-12)


@needs_java
def test_spark(folder):
    assert printed(folder, [sys.executable], PROGRAMS["Spark"]) == pytest.approx([2], rel=1e-12)
