"""The benchmark runs everyone it can, says who is missing and writes its report."""

import json
import os
import platform
import re
import signal
import sys

import numpy as np
import pytest
from rich.console import Console

import rankme
from rankme.bench import competitors, jobs, measure, report, run_bench, write_report
from rankme.bench.client import Worker, WorkerError, without_paths
from rankme.bench.competitors import BATCH, BATCH_REFERENCE, GRAM, REFERENCE, SCORE, Competitor
from rankme.bench.goals import goals
from rankme.bench.matrices import DECAY, write_power_law
from rankme.bench.records import Entry, Group, Results

# Relative error that each kind of competitor may show on the quick shapes.
TOLERANCE = {
    "ours": 1e-9,
    "numpy-gram64": 1e-9,
    "torch-gram64": 1e-9,
    "numpy-gram32": 1e-2,
    "torch-gram32": 1e-2,
}


def no_tell(step):
    assert step


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("bench") / "results"
    assert run_bench(quick=True, output=output, name="here") == 0
    return output


@pytest.fixture(scope="module")
def raw(folder):
    return json.loads((folder / "here.json").read_text(encoding="utf-8"))


def test_every_competitor_is_a_test_dependency():
    assert [one.key for one in (*SCORE, *GRAM, *BATCH) if not one.installed] == []


def test_every_competitor_has_a_time_and_a_small_error(raw):
    shapes = [(group["rows"], group["columns"]) for group in raw["scores"]]
    assert shapes == list(competitors.QUICK_SHAPES)
    for group in raw["scores"]:
        assert [entry["key"] for entry in group["measured"]] == [one.key for one in SCORE]
        for entry in group["measured"]:
            assert entry["failure"] is None, entry
            assert len(entry["seconds"]) == 1
            assert entry["ratio_to_ours"] > 0
            assert entry["relative_error"] < TOLERANCE.get(entry["key"], 1e-5), entry


def test_the_gram_step_is_timed_at_every_width(raw):
    assert [group["columns"] for group in raw["gram"]] == list(competitors.QUICK_WIDTHS)
    for group in raw["gram"]:
        assert group["share_of_dgemm_rate"] > 0
        timed = {entry["key"] for entry in group["measured"] if entry["seconds"]}
        assert timed == {one.key for one in GRAM}


def test_batches_are_scored_by_everyone(folder, raw):
    shapes = [(group["count"], group["rows"], group["columns"]) for group in raw["batches"]]
    assert shapes == list(competitors.QUICK_BATCHES)
    for group in raw["batches"]:
        assert [entry["key"] for entry in group["measured"]] == [one.key for one in BATCH]
        for entry in group["measured"]:
            assert entry["failure"] is None, entry
            assert len(entry["seconds"]) == 1
            tolerance = 1e-5 if "torch" in entry["key"] else 1e-9
            assert entry["relative_error"] < tolerance, entry
    text = (folder / "here.md").read_text(encoding="utf-8")
    assert "### Batch of 12 x 5 x 40, float32" in text
    assert "| rankme.score_batch | " in text


@pytest.mark.parametrize("shape", [(5, 4, 9), (5, 9, 4)], ids=str)
@pytest.mark.parametrize("key", [one.key for one in (*BATCH, BATCH_REFERENCE)])
def test_every_batch_job_scores_all_matrices(key, shape):
    zs = np.random.default_rng(2).standard_normal(shape, dtype=np.float32)
    expected = np.mean([jobs.score_reference(z)() for z in zs])
    assert jobs.JOBS[key](zs)() == pytest.approx(expected, rel=1e-6)


def test_the_report_describes_the_machine_but_not_whose_it_is(folder):
    text = (folder / "here.md").read_text(encoding="utf-8")
    for words in ("- CPU: ", "- cores: ", "- memory: ", f"CPython {platform.python_version()}"):
        assert words in text
    assert f"NumPy {np.__version__}" in text
    assert f"rankme {rankme.__version__}" in text
    assert re.search(rf"\b{re.escape(platform.node())}\b", text) is None
    assert str(folder) not in text
    assert os.path.expanduser("~") not in text  # noqa: PTH111 - as text
    for rows, columns in competitors.QUICK_SHAPES:
        assert f"### {rows:,} x {columns:,}, float32" in text
    assert "Z @ Z.T" in text  # one quick shape has N < K


def test_the_raw_numbers_name_their_schema(raw):
    assert raw["schema"] == "rankme.bench/1"


def test_the_picture_is_a_png(folder):
    assert (folder / "here.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "](here.png)" in (folder / "here.md").read_text(encoding="utf-8")


def test_without_matplotlib_the_tables_are_written_and_the_lack_is_told(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "rankme.bench.plot", None)
    results = Results([], [], 1)
    write_report(results, {"CPU": "one"}, tmp_path, name="x", console=Console())
    assert "Matplotlib is not installed" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.md"]
    assert ".png" not in (tmp_path / "x.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [{"repeats": 0}, {"shapes": [(0, 3)]}, {"shapes": [(3, -1)]}])
def test_nothing_is_measured_for_sizes_that_make_no_sense(options):
    with pytest.raises(ValueError, match="must be positive"):
        run_bench(**options)


def test_a_quick_run_takes_no_number_of_rounds():
    with pytest.raises(ValueError, match="quick takes one round"):
        run_bench(quick=True, repeats=3)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "z.npy"
    write_power_law(path, rows=64, columns=8)
    return path


def test_a_competitor_that_is_not_installed_is_named(small):
    absent = Competitor("scipy-svdvals", "svdvals", "rankme_no_such_module", "no-such-package")
    contest = measure.Contest([SCORE[0], absent], small, tell=no_tell)
    contest.run(2)
    ours, entry = contest.entries
    assert len(ours.seconds) == 2
    assert (entry.failure, entry.installed) == ("not installed (no-such-package)", False)
    table = report.score_table(Group(64, 8, contest.entries)).markdown()
    assert "svdvals: not installed (no-such-package)" in table


def test_a_competitor_that_fails_is_an_entry_and_the_others_go_on(small):
    unknown = Competitor("no-such-job", "broken", "numpy", "numpy")
    contest = measure.Contest([unknown, SCORE[1]], small, tell=no_tell)
    contest.run(1)
    assert contest.entries[0].failure == "KeyError: 'no-such-job'"
    assert len(contest.entries[1].seconds) == 1


def test_a_killed_worker_is_reported(small):
    with Worker("numpy-svd") as one:
        one.ask("open", path=str(small))
        os.kill(one._process.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="SIGKILL, probably out of memory"):
            one.ask("run")


def test_a_worker_out_of_memory_is_reported(tmp_path):
    # K x K float64 would need more than the 128 TiB that a process can address.
    path = tmp_path / "wide.npy"
    np.save(path, np.zeros((1, 4_500_000), dtype=np.float32))
    contest = measure.Contest([GRAM[1]], path, tell=no_tell)
    contest.run(1)
    assert contest.entries[0].failure == "out of memory"


def test_peak_memory_sees_a_copy_that_a_competitor_makes(tmp_path):
    path = tmp_path / "z.npy"
    write_power_law(path, rows=100_000, columns=64)
    keys = ("ours", "numpy-gram64")
    contest = measure.Contest([one for one in SCORE if one.key in keys], path, tell=no_tell)
    contest.run(0)
    ours, shortcut = contest.entries
    copy = 100_000 * 64 * 8 / 2**20
    assert copy - 1 < shortcut.peak_mib < copy + 64
    assert ours.peak_mib < 64 + 3 * 64**2 * 8 / 2**20


def test_the_matrices_are_repeatable_and_have_the_spectrum_they_claim(tmp_path):
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path in paths:
        write_power_law(path, rows=20_000, columns=16, seed=3)
    a, b = (np.load(path) for path in paths)
    np.testing.assert_array_equal(a, b)
    sigma = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    expected = np.sqrt(20_000) * np.arange(1, 17) ** -DECAY
    np.testing.assert_allclose(sigma, expected, rtol=0.05)


def test_worker_jobs_and_competitors_agree():
    everyone = (*SCORE, *GRAM, *BATCH, REFERENCE, BATCH_REFERENCE)
    assert {one.key for one in everyone} == set(jobs.JOBS)


@pytest.mark.parametrize("key", [one.key for one in GRAM])
def test_every_gram_job_computes_the_product_it_is_timed_for(key):
    rows = jobs.ROWS_PER_BLOCK + 5
    z = np.random.default_rng(1).standard_normal((rows, 6), dtype=np.float32) + np.float32(2)
    done = jobs.JOBS[key](z)()
    a = z.astype(np.float64)
    if key == "dgemm":  # its second operand is the first one, a row later
        gram, expected = done, a.T @ np.roll(a, -1, axis=0)
    else:
        gram = done.covariance_ * rows if key == "gram-onedal-blocks" else done.gram()
        expected = a.T @ a
    np.testing.assert_allclose(gram, expected, rtol=1e-12)


@pytest.mark.parametrize("rate", [1e9, 1e11, 1e14])
@pytest.mark.parametrize("columns", competitors.WIDTHS)
def test_gram_runs_are_sized_by_time_and_by_memory(columns, rate):
    rows = measure.gram_rows(columns, rate=rate)
    assert rows % measure.GRAM_ROUNDING == 0
    assert rows == measure.GRAM_ROUNDING or (
        2 * rows * columns**2 / rate <= measure.GRAM_RUN_SECONDS
        and 8 * rows * columns <= measure.GRAM_OPERAND_BYTES
    )


def test_ratios_are_medians_of_ratios_within_a_round():
    ours = Entry("ours", "ours", seconds=[1.0, 10.0, 2.0])
    slow = Entry("slow", "slow", seconds=[2.0, 30.0, 20.0])
    group = Group(4, 4, [ours, slow], reference=2.0)
    assert group.ratio("slow", "ours") == 3.0
    assert slow.median_seconds == 20.0
    slow.score = 2.5
    assert group.error(slow) == 0.25
    assert group.error(ours) is None


@pytest.mark.parametrize(("seconds", "verdict"), [(4.0, "met"), (3.9, "not met"), (None, None)])
def test_goals_are_held_against_what_was_measured(seconds, verdict):
    times = [] if seconds is None else [seconds]
    measured = [Entry("ours", "ours", seconds=[1.0]), Entry("numpy-svd", "svd", seconds=times)]
    measured += [Entry(key, key) for key in ("torch-svdvals", "numpy-gram64")]
    first, *others = goals(Results([Group(25_600, 2048, measured)], [], 1))
    assert "at least 4 times faster than numpy.linalg.svd" in first.text
    assert first.verdict == (verdict or "not measured")
    assert {goal.verdict for goal in others} == {"not measured"}


def test_a_gram_goal_counts_half_the_flops_for_ours():
    measured = [Entry("dgemm", "", seconds=[1.0]), Entry("gram-ours", "", seconds=[0.6])]
    measured += [
        Entry("gram-ours-blocks", "", seconds=[1.0]),
        Entry("gram-onedal-blocks", "", seconds=[2]),
    ]
    told = goals(Results([], [Group(8, 1024, measured)], 1))
    by_text = {goal.text: goal for goal in told}
    share = by_text["Gram step, K = 1024: at least 85% of the rate of one dgemm"]
    assert (share.measured, share.met) == ("83%", False)
    onedal = by_text["Gram step, K = 1024: no slower than oneDAL on the same float64 blocks"]
    assert (onedal.measured, onedal.met) == ("2.00", True)


def test_a_batch_goal_counts_times_faster():
    batch = Group(50, 4096, [Entry("batch-ours", "", seconds=[1.0])], None, 500)
    batch.measured.append(Entry("batch-torch-svdvals", "", seconds=[19.0]))
    batch.measured.append(Entry("batch-numpy-loop", "", seconds=[3.0]))
    told = [goal for goal in goals(Results([], [], 1, batches=[batch])) if "batch" in goal.text]
    assert [goal.verdict for goal in told] == ["not met", "met", "not measured"]
    assert told[0].text.startswith("batch of 500 x 50 x 4,096: at least 20 times faster than torch")


def test_folders_are_dropped_from_messages():
    told = without_paths("OSError: cannot open '/opt/x/libtbb.so.12', 3/4 of https://x.org/y")
    assert told == "OSError: cannot open 'libtbb.so.12', 3/4 of https://x.org/y"
