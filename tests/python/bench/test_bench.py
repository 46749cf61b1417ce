"""The benchmark runs everyone it can, says who is missing and writes its report."""

import json
import os
import platform
import re
import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from rich.console import Console

import rankme
from rankme import bench
from rankme.bench import (
    checked_threads,
    contest,
    report,
    run_bench,
    sections,
    write_report,
)
from rankme.bench.competitors import (
    BATCH,
    EIGENVALUES,
    FAST,
    GRAM,
    LAYERS,
    PEERS,
    QUICK,
    SCORE,
    Competitor,
)
from rankme.bench.measure import Terms
from rankme.bench.records import SECTIONS, Results, Run
from rankme.bench.sections import Plan, measure_sections

CORES = len(os.sched_getaffinity(0))
# Relative error that each kind of competitor may show on the quick shapes.
TOLERANCE = {
    "ours": 1e-9,
    "numpy-gram64": 1e-9,
    "torch-gram64": 1e-9,
    "numpy-gram32": 1e-2,
    "torch-gram32": 1e-2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("bench") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contest, "REST_SECONDS", 0)
        # Threads of BLAS that spin for each other would take minutes beside other tests.
        assert run_bench(quick=True, output=output, name="here", threads=[1]) == 0
    return output


@pytest.fixture(scope="module")
def raw(folder):
    return json.loads((folder / "here.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(raw):
    (run,) = raw["runs"]
    assert run["threads"] == 1
    return run


def test_every_competitor_is_a_test_dependency():
    groups = [SCORE, GRAM, BATCH, LAYERS, EIGENVALUES, *(number.measured for number in PEERS)]
    absent = {one.key for group in groups for one in group if not one.installed}
    assert absent <= {"file-reptrix"}  # it brings torchvision, which fits one build of PyTorch


def check_times(groups, wanted, rounds=1):
    for group in groups:
        assert [entry["key"] for entry in group["measured"]] == [one.key for one in wanted]
        for entry in group["measured"]:
            assert entry["failure"] is None, entry
            assert len(entry["seconds"]) == len(entry["processor"]) == rounds
            yield entry


def test_every_competitor_has_a_time_and_a_small_error(run):
    for section, wanted in (("scores", SCORE), ("fast", FAST)):
        shapes = [(group["rows"], group["columns"]) for group in run[section]]
        assert shapes == list(getattr(QUICK, section))
        for entry in check_times(run[section], wanted):
            assert entry["ratio_to_ours"] > 0
            assert entry["relative_error"] < TOLERANCE.get(entry["key"], 1e-5), entry


def test_layers_are_scored_by_everyone(folder, run):
    shapes = [(group["count"], group["rows"], group["columns"]) for group in run["layers"]]
    assert shapes == list(QUICK.layers)
    for entry in check_times(run["layers"], LAYERS):
        tolerance = 1e-9 if entry["key"] in ("layers-ours", "layers-numpy-gram64") else 1e-5
        assert entry["relative_error"] < tolerance, entry
    text = (folder / "here.md").read_text(encoding="utf-8")
    assert "#### Layers: 2 of 32, each 60 x 24, float32" in text


def test_eigenvalues_are_timed(folder, run):
    assert [group["columns"] for group in run["eigenvalues"]] == list(QUICK.orders)
    for entry in check_times(run["eigenvalues"], EIGENVALUES):
        assert entry["relative_error"] < 1e-12, entry
    text = (folder / "here.md").read_text(encoding="utf-8")
    assert "#### Eigenvalues alone, processor time, 1 thread" in text


def test_peers_have_a_line_each_beside_ours(folder, run):
    assert [group["what"] for group in run["peers"]] == [number.what for number in PEERS]
    text = (folder / "here.md").read_text(encoding="utf-8")
    for group, number in zip(run["peers"], PEERS, strict=True):
        for entry, one in zip(group["measured"], number.measured, strict=True):
            assert entry["failure"] == (None if one.installed else "not installed (reptrix)")
            assert f"\n| {one.title}{'' if one.installed else ': not installed'}" in text
            if one.installed:
                assert entry["relative_error"] < (1e-9 if one.module == "rankme" else 1e-3), entry
    assert re.search(r"Each may take \d+ GiB and 900 s\.", text)


def test_the_gram_step_is_timed_at_every_width(run):
    assert [group["columns"] for group in run["gram"]] == list(QUICK.widths)
    for group in run["gram"]:
        assert group["share_of_dgemm_rate"] > 0
        timed = {entry["key"] for entry in group["measured"] if entry["seconds"]}
        assert timed == {one.key for one in GRAM}


def test_batches_are_scored_by_everyone(folder, run):
    shapes = [(group["count"], group["rows"], group["columns"]) for group in run["batches"]]
    assert shapes == list(QUICK.batches)
    for entry in check_times(run["batches"], BATCH):
        tolerance = 1e-5 if "torch" in entry["key"] else 1e-9
        assert entry["relative_error"] < tolerance, entry
    text = (folder / "here.md").read_text(encoding="utf-8")
    assert "#### Batch of 12 x 5 x 40, float32" in text
    assert "| rankme.score_batch | " in text


def test_the_report_describes_the_machine_but_not_whose_it_is(folder):
    text = (folder / "here.md").read_text(encoding="utf-8")
    for words in (
        "- CPU: ",
        "- vectors: ",
        "- cores: ",
        "- memory: ",
        "- load at the start: ",
        f"CPython {platform.python_version()}",
    ):
        assert words in text
    assert f"NumPy {np.__version__}" in text
    assert f"rankme {rankme.__version__}" in text
    assert re.search(rf"\b{re.escape(platform.node())}\b", text) is None
    assert str(folder) not in text
    assert os.path.expanduser("~") not in text  # noqa: PTH111 - as text
    for rows, columns in QUICK.scores:
        assert f"#### {rows:,} x {columns:,}, float32" in text
    assert "Z @ Z.T" in text  # one quick shape has N < K


def test_the_raw_numbers_name_their_schema(raw):
    assert raw["schema"] == "rankme.bench/2"


def test_the_pictures_are_for_light_and_dark_pages(folder):
    text = (folder / "here.md").read_text(encoding="utf-8")
    corners = []
    for name in ("here.png", "here-dark.png"):
        assert f'="{name}"' in text
        corners.append(plt.imread(folder / name)[0, 0, :3].mean())
    assert corners[0] == 1.0
    assert corners[1] < 0.2


def test_without_matplotlib_the_tables_are_written_and_the_lack_is_told(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "rankme.bench.plot", None)
    results = Results([Run(1)], 1)
    write_report(results, {"CPU": "one"}, tmp_path, name="x", console=Console())
    assert "Matplotlib is not installed" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.md"]
    assert ".png" not in (tmp_path / "x.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 0}, "repeats must be positive, not 0"),
        ({"shapes": [(0, 3)]}, "shapes must be positive"),
        ({"shapes": [(3, -1)]}, "shapes must be positive"),
        ({"quick": True, "repeats": 3}, "quick takes one round"),
        ({"threads": [0]}, "threads must be different numbers of 1 to"),
        ({"threads": [CORES + 1]}, "threads must be different numbers of 1 to"),
        ({"threads": [1, 1]}, "threads must be different numbers of 1 to"),
        ({"only": ["scores", "nothing"]}, "only may be one of scores, fast, .*, not nothing"),
    ],
    ids=str,
)
def test_nothing_is_measured_for_what_makes_no_sense(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run_bench(**options, output=tmp_path / "results")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_says_how_many_threads(monkeypatch):
    monkeypatch.setenv("RANKME_NUM_THREADS", " 1 ")
    assert checked_threads(None) == (1,)
    assert checked_threads([CORES]) == (CORES,)
    monkeypatch.setenv("RANKME_NUM_THREADS", "100000")
    assert checked_threads(None) == (CORES,)
    monkeypatch.setenv("RANKME_NUM_THREADS", "0")
    with pytest.raises(ValueError, match="threads must be"):
        checked_threads(None)


class FakeWorker:
    """Answers at once, and computes nothing."""

    def __init__(self, key, **limits):
        assert key
        assert limits["threads"] >= 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def ask(self, op, path=""):
        assert (op, path != "") in {("open", True), ("run", False)}
        return {"libraries": {}, "seconds": 1.0, "processor": 1.0, "score": 2.0, "peak_mib": 1}


@pytest.fixture
def fake_workers(monkeypatch):
    monkeypatch.setattr(contest, "Worker", FakeWorker)
    monkeypatch.setattr(contest, "REST_SECONDS", 0)
    monkeypatch.setattr(Competitor, "installed", True)


@pytest.mark.usefixtures("fake_workers")
@pytest.mark.parametrize("section", SECTIONS)
def test_the_progress_bar_knows_its_length(section):
    steps = []
    terms = Terms(3, (1, 2), steps.append)
    plan = Plan(QUICK, (section,))
    results = measure_sections(plan, terms, lambda *_: None)
    assert len(steps) == plan.steps(terms)
    assert [run.threads for run in results.runs] == [1, 2]
    for run in results.runs:
        assert {name for name, _ in run.groups()} == {section}
        assert run.groups()[0][1].measured[0].median_seconds == 1.0


@pytest.mark.usefixtures("fake_workers")
def test_tables_are_written_after_every_shape(tmp_path, monkeypatch, capsys):
    written = []
    write = bench.write_tables

    def watch(results, *rest, **options):
        write(results, *rest, **options)
        raw = json.loads((tmp_path / "cpu.json").read_text(encoding="utf-8"))
        written.append([len(run["gram"]) for run in raw["runs"]])

    monkeypatch.setattr(bench, "write_tables", watch)
    assert run_bench(quick=True, output=tmp_path, only=["gram"], threads=[1]) == 0
    assert written == [[1], [2], [2], [2]]
    # On the terminal a table of lines comes once, when it is whole.
    assert capsys.readouterr().out.count("Gram step of float32 rows") == 1


@pytest.mark.usefixtures("fake_workers")
def test_every_number_of_threads_has_its_tables():
    plan = Plan(QUICK, ("scores", "eigenvalues"))
    results = measure_sections(plan, Terms(1, (2,), lambda _: None), lambda *_: None)
    text = report.markdown(results, {}, name="two", image=False)
    two, one = text.partition("## How")[2].partition("\n## 2 threads\n")[2].split("\n## 1 thread\n")
    assert "#### 600 x 24, float32" in two
    assert "#### Eigenvalues alone, wall time, 2 threads" in two
    assert "#### Eigenvalues alone, processor time, 1 thread" in one
    assert "#### 600 x 24, float32" not in one  # which is there for the eigenvalues alone
    assert text.count(report.EIGEN_METHOD.rstrip()) == 1
    raw = report.as_json(results, {})
    assert [run["threads"] for run in raw["runs"]] == [2, 1]
    assert ["scores" in run for run in raw["runs"]] == [True, False]


@pytest.mark.usefixtures("fake_workers")
@pytest.mark.parametrize(("key", "status"), [("gram-ours", 1), ("dgemm", 0)])
def test_only_a_failure_of_ours_is_one_of_the_benchmark(key, status, capsys, monkeypatch):
    job = sections.measure_sections

    def fail(*arguments):
        results = job(*arguments)
        results.runs[0].gram[0].entry(key).failure = "told so"
        return results

    monkeypatch.setattr(bench, "measure_sections", fail)
    assert run_bench(quick=True, only=["gram"], threads=[1]) == status
    assert ("failed: Accumulator.update" in capsys.readouterr().out) == bool(status)
