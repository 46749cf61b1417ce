"""Statistics of what was measured, and the goals that it is held against."""

import pytest

from rankme.bench.goals import EIGENVALUES, goals
from rankme.bench.records import Entry, Group, Results, Run


def told_of(*runs):
    return {goal.text: (goal.measured, goal.met) for goal in goals(Results(list(runs), 1))}


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
    measured += [Entry(key, key) for key in ("torch-svdvals", "numpy-gram64", "ours-fast")]
    run = Run(2, scores=[Group(25_600, 2048, measured)])
    first, *others = goals(Results([run], 1))
    assert "at least 4 times faster than numpy.linalg.svd" in first.text
    assert first.verdict == (verdict or "not measured")
    assert {goal.verdict for goal in others} == {"not measured"}


def test_a_gram_goal_counts_half_the_flops_for_ours():
    measured = [Entry("dgemm", "", seconds=[1.0]), Entry("gram-ours", "", seconds=[0.6])]
    measured += [
        Entry("gram-ours-blocks", "", seconds=[1.0]),
        Entry("gram-onedal-blocks", "", seconds=[2]),
    ]
    told = goals(Results([Run(2, gram=[Group(8, 1024, measured)])], 1))
    by_text = {goal.text: goal for goal in told}
    share = by_text["Gram step, K = 1024: at least 85% of the rate of one dgemm"]
    assert (share.measured, share.met) == ("83%", False)
    onedal = by_text["Gram step, K = 1024: no slower than oneDAL on the same float64 blocks"]
    assert (onedal.measured, onedal.met) == ("2.00", True)


def test_a_batch_goal_counts_times_faster():
    batch = Group(50, 4096, [Entry("batch-ours", "", seconds=[1.0])], None, 500)
    batch.measured.append(Entry("batch-torch-svdvals", "", seconds=[19.0]))
    batch.measured.append(Entry("batch-numpy-loop", "", seconds=[3.0]))
    told = [goal for goal in goals(Results([Run(2, batches=[batch])], 1)) if "batch" in goal.text]
    assert [goal.verdict for goal in told] == ["not met", "met", "not measured"]
    assert told[0].text.startswith("batch of 500 x 50 x 4,096: at least 20 times faster than torch")


def timed(**seconds):
    return [Entry(key.replace("_", "-"), "", seconds=[one]) for key, one in seconds.items()]


def test_a_group_is_found_by_its_sizes():
    run = Run(1, batches=[Group(5, 4, [], count=2), Group(5, 4, [], count=3), Group(6, 4, [])])
    assert run.find("batches", rows=5, columns=4, count=3) is run.batches[1]
    assert run.find("batches", columns=4) is run.batches[0]
    assert run.find("batches", rows=6, columns=5) is None


def test_goals_of_fast_sums_count_times_of_a_float32_way():
    measured = timed(ours=4.0, ours_fast=1.05, numpy_gram32=1.0, torch_gram32=1.1)
    run = Run(2, fast=[Group(25_600, 2048, measured), Group(200_000, 512, measured)])
    told = told_of(run)
    paper = '25,600 x 2,048, precision="fast": at most 1 times the time of the float32 Gram '
    assert told[paper + "one-liner in NumPy"] == ("1.05", False)
    assert told[paper + "one-liner in PyTorch"] == ("0.95", True)
    narrow = '200,000 x 512, precision="fast": at most 1.1 times the time of the float32 Gram '
    assert told[narrow + "one-liner in NumPy"] == ("1.05", True)


def test_goals_of_layers_count_times_faster_than_an_svd():
    one = timed(ours=3.0, ours_fast=2.0, torch_svdvals=3.9)
    stack = timed(layers_ours=3.0, layers_ours_fast=2.0, layers_torch_svdvals=3.8)
    told = told_of(
        Run(2, fast=[Group(10_000, 4096, one)], layers=[Group(10_000, 4096, stack, count=2)])
    )
    svd = "faster than torch.linalg.svdvals"
    layer = "10,000 x 4,096"
    assert told[f"{layer}, healthy: at least 1.3 times {svd}"] == ("1.30", True)
    assert told[f'{layer}, healthy, precision="fast": at least 1.9 times {svd}'] == ("1.95", True)
    assert told[f"layers of {layer}: at least 1.3 times {svd}"] == ("1.27", False)
    assert told[f'layers of {layer}, precision="fast": at least 1.9 times {svd}'] == ("1.90", True)


def test_goals_of_eigenvalues_are_of_all_threads_and_of_one():
    def run(threads, seconds, processor):
        ours = Entry("eigen-ours", "", seconds=[1.0], processor=[1.0])
        torch = Entry("eigen-torch", "", seconds=[seconds], processor=[processor])
        return Run(threads, eigenvalues=[Group(512, 512, [ours, torch], count=8)])

    told = told_of(run(1, 9.0, 1.3), run(2, 1.5, 9.0))
    mkl = "at least 1.4 times faster than torch.linalg.eigvalsh (MKL)"
    assert told[f"eigenvalues, K = 512, wall time: {mkl}"] == ("1.50", True)
    assert told[f"eigenvalues, K = 512, processor time of one thread: {mkl}"] == ("1.30", False)
    unmeasured = [met for text, (_, met) in told.items() if "K = 128, processor" in text]
    assert unmeasured == [None]
    assert EIGENVALUES[128] == EIGENVALUES[256] == 1.0


def test_most_goals_are_held_against_the_run_with_the_most_threads():
    runs = [
        Run(threads, scores=[Group(25_600, 2048, timed(ours=1.0, numpy_svd=svd))])
        for threads, svd in ((2, 4.0), (1, 3.0))
    ]
    for run in runs:
        run.scores[0].measured += [Entry("torch-svdvals", ""), Entry("numpy-gram64", "")]
    first = goals(Results(runs, 1))[0]
    assert first.measured == "4.00"
