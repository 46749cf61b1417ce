"""tests/gpu/run.sh and its report, as far as they go without a GPU."""

import json
import os
import subprocess
import sys

import pytest

from helpers import ROOT

GPU = ROOT / "tests" / "gpu"


def run_sh(*args):
    return subprocess.run(
        ["bash", GPU / "run.sh", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("/no/such/folder",),
        (GPU, "name", "and more"),
        (GPU, "name", "--stages", "build,dance"),
        (GPU, "--wrong"),
    ],
    ids=str,
)
def test_wrong_usage(args):
    done = run_sh(*args)
    assert done.returncode == 2
    assert "tests/gpu/run.sh WHEELS [NAME]" in done.stderr


def test_a_name_that_is_no_file_name():
    done = run_sh(GPU, "../elsewhere")
    assert done.returncode == 2
    assert "no good name for a report" in done.stderr


def report(work, folder, **env):
    subprocess.run(
        [sys.executable, GPU / "report.py", work, folder, "h1"],
        check=True,
        env={**os.environ, **env},
        capture_output=True,
    )
    raw = json.loads((folder / "gpu-h1.json").read_text())
    return (folder / "gpu-h1.md").read_text(), raw


def test_the_report_says_what_passed_and_what_did_not(tmp_path):
    work = tmp_path / "work"
    (work / "logs").mkdir(parents=True)
    (work / "stages.tsv").write_text("build\t0\t61\ntest\t1\t99\nsanitize\t124\t240\n")
    (work / "logs" / "build.log").write_text(
        "noise\n-- CUDA module: yes (RANKME_CUDA=ON, nvcc 13.0.88 of /opt/some/where/cuda)\n"
    )
    (work / "logs" / "test.log").write_text("===== 3 failed, 220 passed in 80.1s =====\n")
    (work / "logs" / "sanitize.log").write_text("========= ERROR SUMMARY: 0 errors\n")
    text, raw = report(work, tmp_path / "results", RANKME_COMMIT="abc1234 with changes")
    assert [(s["stage"], s["result"], s["seconds"]) for s in raw["stages"]] == [
        ("build", "passed", 61),
        ("test", "failed (1)", 99),
        ("sanitize", "out of time", 240),
    ]
    assert (raw["commit"], raw["benchmark"]) == ("abc1234 with changes", None)
    assert "at commit abc1234 with changes" in text
    assert "| test | failed (1) | 99 |" in text
    assert "3 failed, 220 passed in 80.1s" in text
    assert "ERROR SUMMARY: 0 errors" in text
    assert "/opt/some" not in text


def test_the_report_holds_the_benchmark_of_this_run_alone(tmp_path):
    work = tmp_path / "work"
    (work / "logs").mkdir(parents=True)
    (work / "bench").mkdir()
    (work / "bench" / "gpu.json").write_text('{"schema": "s"}')
    (work / "bench" / "gpu.md").write_text("# Benchmark: gpu\n\n## Goals\n\ntext\n")
    (work / "stages.tsv").write_text("build\t0\t61\n")
    text, raw = report(work, tmp_path)
    assert raw["benchmark"] is None  # it is of an earlier run
    (work / "stages.tsv").write_text("build\t0\t61\nbench\t0\t100\n")
    text, raw = report(work, tmp_path)
    assert raw["benchmark"] == {"schema": "s"}
    assert "\n## Benchmark: gpu\n\n### Goals\n" in text
