"""What the study of hyperparameters makes of its runs, on runs that are made up."""

import math

import numpy as np
import pytest
from examples.ssl_selection.analysis import (
    CELLS,
    CRITERIA,
    MAIN,
    agreed,
    compared,
    loss_of,
    of_rows,
    of_targets,
    pooled_spread,
    seeds_of,
)
from examples.ssl_selection.protocol import SMALL
from examples.ssl_selection.report import summary_of
from examples.ssl_selection.tables import page

SWEEP = SMALL.sweeps[0]  # three temperatures
RANK = CRITERIA[0].of


def record(setting, seed, rank, accuracy, **rivals):
    """Make up a run: every set has this rank, every classifier this accuracy."""
    found = {
        "score": rank,
        "low": rank,
        "high": rank,
        "n_rows": 320,
        "n_cols": 16,
        "left_out": [rank - 0.01, rank + 0.01] * 4,
        "group_rows": [40] * 8,
    }
    sets = ("fashion", "fashion-test", "mnist", "digits")
    curve = {
        "rows": list(SMALL.curve),
        "scores": [0.8 * rank, 0.9 * rank, rank],
        "std_errors": [0.3, 0.2, 0.1],
        "bias_corrected": [None] * 3,
    }
    others = {"alpha_req": 1.2, "lidar": 3.0, "stable_rank": 2.0, "participation_ratio": 2.5}
    return {
        "name": setting.name,
        "seed": seed,
        "diverged": None,
        "commit": "none",
        "machine": {"processor": "none", "cores": 2, "python": "3", "torch": "2"},
        "seconds": 36.0,
        "processor_seconds": 18.0,
        "ranks": {tap: {name: dict(found) for name in sets} for tap in ("backbone", "projector")},
        "curve": dict.fromkeys(("backbone", "projector"), curve),
        "rivals": {tap: {**others, **rivals} for tap in ("backbone", "projector")},
        "accuracy": {
            name: {"probe": accuracy, "knn": accuracy}
            for name in ("fashion-test", "mnist", "digits")
        },
    }


def made_up(ranks, accuracies):
    """Make up runs of the first sweep: two seeds of each of three settings."""
    return {
        setting.name: [record(setting, i, ranks[n][i], accuracies[n][i]) for i in range(2)]
        for n, setting in enumerate(SWEEP.settings.values())
    }


# The first has the highest rank; the second is best by its mean, and by the first seed.
RUNS = made_up([(9, 9.2), (8, 8.2), (5, 5.2)], [(0.80, 0.86), (0.84, 0.84), (0.70, 0.72)])


def test_what_is_lost_by_a_choice():
    records = seeds_of(RUNS, SWEEP)
    loss = loss_of(records, RANK, MAIN)
    first, second, _ = SWEEP.settings
    assert (loss.chosen, loss.oracle) == (first, second)
    assert loss.regret == pytest.approx(84 - 83)
    assert loss.random == pytest.approx(84 - (83 + 84 + 71) / 3)
    # Variances of the seeds: 18, 0 and 2 points squared; two means of two seeds each.
    assert loss.error == pytest.approx(math.sqrt(20 / 3))
    assert loss.gain == pytest.approx(83 - (83 + 84 + 71) / 3)
    # Of the chosen mean less the mean of three, itself among them.
    assert loss.gain_error == pytest.approx(math.sqrt(20 / 3) * math.sqrt((4 / 9 + 2 / 9) / 2))
    assert loss.by_seed == pytest.approx([84 - 80, 0])
    assert loss.random_by_seed == pytest.approx([84 - 78, 86 - (86 + 84 + 72) / 3])


def test_a_table_counts_every_cell():
    found = agreed(seeds_of(RUNS, SWEEP), RANK)
    assert len(found.cells) == len(CELLS) == 6
    assert found.regret == pytest.approx(1)
    assert found.kendall.value == pytest.approx(1 / 3)


def test_alpha_is_best_at_one():
    alpha = next(one for one in CRITERIA if one.name == "alpha-ReQ")
    setting = next(iter(SWEEP.settings.values()))
    values = [alpha.of(record(setting, 0, 5, 0.5, alpha_req=a)) for a in (0.4, 0.9, 1.0, 1.2, 3.0)]
    assert int(np.argmax(values)) == 2
    assert np.argsort(values).tolist() == [4, 0, 3, 1, 2]


def test_each_criterion_reads_its_own_number():
    setting = next(iter(SWEEP.settings.values()))
    one = record(setting, 0, 5, 0.5)
    for i, tap in enumerate(("backbone", "projector")):
        one["ranks"][tap]["fashion"]["score"] = 10 + i
        one["rivals"][tap] = {
            key: 20 + 10 * j + i
            for j, key in enumerate(("alpha_req", "lidar", "stable_rank", "participation_ratio"))
        }
    found = {(criterion.name, criterion.tap): criterion.of(one) for criterion in CRITERIA}
    assert found == {
        ("RankMe", "backbone"): 10,
        ("RankMe", "projector"): 11,
        ("alpha-ReQ", "backbone"): -19,
        ("alpha-ReQ", "projector"): -20,
        ("LiDAR", "backbone"): 30,
        ("LiDAR", "projector"): 31,
        ("stable rank", "backbone"): 40,
        ("stable rank", "projector"): 41,
        ("participation ratio", "backbone"): 50,
        ("participation ratio", "projector"): 51,
    }


def test_a_setting_that_diverged_once_is_left_out():
    runs = {name: [dict(one) for one in some] for name, some in RUNS.items()}
    name = list(SWEEP.settings.values())[1].name
    runs[name][1]["diverged"] = "the loss is not finite in epoch 2"
    assert list(seeds_of(runs, SWEEP)) == [*SWEEP.settings][::2]


def test_the_untrained_network_is_never_chosen():
    untrained = [record(SMALL.settings[0], i, 12, 0.5) for i in range(2)]
    found = compared({**RUNS, "untrained": untrained}, SWEEP)
    assert found.best == next(iter(SWEEP.settings))
    assert found.runs[0].name == "untrained"
    assert any("not above the untrained" in text for text in found.warnings)


def test_the_spread_of_seeds():
    assert pooled_spread({"a": [1, 3], "b": [5, 5]}) == pytest.approx(1)


def full():
    """Make up runs of all sweeps."""
    rng = np.random.default_rng(0)
    return {
        setting.name: [
            record(setting, i, 5 + 5 * rng.random(), 0.8 + 0.1 * rng.random()) for i in range(2)
        ]
        for setting in SMALL.settings
    }


def test_targets_of_equal_ranks_agree():
    for row in of_targets(full(), SMALL):
        assert row["pearson"].value == pytest.approx(1)
        assert row["by_source"] == row["by_target"]
        assert row["source_rows"] == 320


def test_the_order_of_fewer_rows_is_held_against_all():
    found = of_rows(full(), SMALL)
    assert [row["rows"] for row in found] == [80, 160, 320] * 3
    assert [row["share"] for row in found[:3]] == pytest.approx([0.8, 0.9, 1])
    assert all(row["kendall"].value == 1 for row in found)


def test_the_page_tells_what_the_summary_holds():
    runs = full()
    summary = summary_of(runs, SMALL)
    text = page(summary, {sweep.name: "compared" for sweep in SMALL.sweeps})
    assert summary["n_runs"] == len(SMALL.settings) * 2
    assert summary["hours"] == pytest.approx(summary["n_runs"] / 100)
    for sweep in summary["sweeps"]:
        loss = sweep["criteria"][0]["losses"]["fashion-test, probe"]
        wanted = "0" if loss["regret"] == 0 else f"{loss['regret']:.2f} ± {loss['error']:.2f}"
        assert f"| RankMe, projector | {loss['chosen']} | {wanted} |" in text
        assert f"**by lot** |  | {loss['random']:.2f} ±" in text
