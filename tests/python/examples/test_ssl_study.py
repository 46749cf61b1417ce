"""The study of hyperparameters as one runs it: small, with files made here, and killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from examples.ssl_selection import runs
from examples.ssl_selection.protocol import FULL, SMALL

from helpers import ROOT
from ssl_files import write_digits, write_fashion

N_RUNS = len(SMALL.settings) * len(SMALL.seeds)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Give images that are made here in the layouts of the real ones."""
    folder = tmp_path_factory.mktemp("images")
    write_fashion(folder, SMALL.images, 100)
    write_digits(folder / "digits.png", noise=15)
    return folder


def command(files, out, *more):
    """Return the command of the small study; without it, warnings of few rows come by the dozen."""
    return [
        *(sys.executable, "-W", "ignore", "-m", "examples.ssl_selection", "--protocol", "small"),
        *("--fashion", files, "--digits", files / "digits.png", "--out", out, *more),
    ]


ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "ignore"}


def finished(files, out, *more):
    """Run the study to its end, and return what it said."""
    done = subprocess.run(
        command(files, out, *more),
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def study(files, tmp_path_factory):
    """Start the study, kill it and all its processes, and start it again.

    Of what was done until then one run is taken away, which is to be done again alike.
    """
    out = tmp_path_factory.mktemp("study")
    with subprocess.Popen(
        command(files, out, "--workers", "1"),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 300
        while len([*out.glob("runs/*.json")]) < 4:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*.json")}
    lost = out / "runs" / "untrained-seed0.json"
    before.pop(lost)
    record = json.loads(lost.read_text())
    lost.unlink()
    return out, before, finished(files, out, "--workers", "0"), record


def test_a_killed_study_goes_on(study):
    """Each run has a file, and none that was whole was written again."""
    out, before, said, _ = study
    assert 3 <= len(before) < N_RUNS
    assert said.startswith(f"{len(before)} of {N_RUNS} runs are done\n")
    assert said.count("RankMe") == N_RUNS - len(before)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    records = [json.loads(path.read_text()) for path in out.glob("runs/*.json")]
    assert len(records) == N_RUNS
    assert {record["protocol"] for record in records} == {SMALL.digest}
    assert {record["diverged"] for record in records} == {None}


def test_tables_and_figures_are_written(study):
    out, *_ = study
    text = (out / "tables.md").read_text()
    for sweep in SMALL.sweeps:
        assert f"## {sweep.title}\n" in text
        for label in sweep.settings:
            assert f"\n| {label} |" in text
    assert "nan" not in text
    for name in ("accuracy.png", "regret.png", "rows.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_training_with_labels_would_have_shown(study):
    """Bars of ten places are easy: what trained networks see tells the labels above chance."""
    summary = json.loads((study[0] / "summary.json").read_text())
    for sweep in summary["sweeps"]:
        for one in sweep["settings"].values():
            assert min(one["accuracy"]["fashion-test, probe"]) > 30
            assert all(1 < rank < SMALL.projector for rank in one["rank"])


def test_a_run_that_is_done_again_is_the_same(study):
    """Two files of one run differ in times only."""
    out, *_, first = study
    second = json.loads((out / "runs" / "untrained-seed0.json").read_text())
    assert first["seconds"] != second["seconds"]
    for key in ("losses", "ranks", "curve", "rivals", "accuracy"):
        assert first[key] == second[key]


def test_reports_need_all_runs(study, files, tmp_path):
    jobs = runs.jobs_of("small", SMALL.seeds, tmp_path, files, files / "digits.png")
    shutil.copytree(study[0] / "runs", tmp_path / "runs")
    assert len(runs.read_runs(jobs)) == len(SMALL.settings)
    jobs[3].path.unlink()
    with pytest.raises(FileNotFoundError, match=f"1 of {N_RUNS} runs are missing, {jobs[3].name}"):
        runs.read_runs(jobs)


def test_runs_of_another_protocol_are_refused(study):
    path = next(study[0].glob("runs/*.json"))
    with pytest.raises(
        ValueError, match=f"followed the protocol {SMALL.digest}, and {FULL.digest}"
    ):
        runs.read_run(path, FULL.digest)


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": "rankme.score/1"}'])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="is no run of this study"):
        runs.read_run(tmp_path / "a.json", SMALL.digest)


@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")  # few rows
def test_a_run_that_fails_is_told_after_all_others(files, tmp_path):
    """What can be done is done; nothing is written of what failed."""
    jobs = [
        runs.Job("small", index, 0, tmp_path, fashion, files / "digits.png", "none")
        for index, fashion in enumerate((files / "missing", files))
    ]
    told = []
    threads = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="1 runs failed, the first one is untrained-seed0"):
        runs.run_all(jobs, 0, told.append)
    torch.set_num_threads(threads)
    assert [job.path.exists() for job in jobs] == [False, True]
    assert told[0] == "0 of 2 runs are done"
    assert "FileNotFoundError" in told[1]
