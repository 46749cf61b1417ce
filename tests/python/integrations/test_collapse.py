"""When an alarm says that a run has collapsed, and when it does not."""

import math

import pytest

import collapse_runs
from lightning_runs import Vicreg, fit, trainer
from rankme.integrations._collapse import Alarm
from rankme.integrations.lightning import RankMeCallback


def first_told(scores, limit=64, **options):
    """Return at which score an alarm is told, or None."""
    given = {"min_share": 0.05, "min_of_best": 0.35, "patience": 2, **options}
    alarm = Alarm(**given)
    told = [i for i, score in enumerate(scores) if alarm.see("rankme", score, limit)]
    return told[0] if told else None


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([30, 30, 30], None),
        ([40, 41, 8, 7, 7], 3),  # below the level held
        ([60, 8, 9, 10, 11, 12], None),  # an untrained network's level was never held
        ([6.6, 2.8, 2.7, 4.1, 5.8, 6.0], None),  # small at first, and then it rises
        ([6.6, 1.2, 1.1, 1.05], 2),  # small, and it never was higher
        ([11, 8, 5, 4, 3.5, 3.2], 4),  # small, and it was higher
        ([30, 30, 2, 30, 2, 30], None),  # one low score is no collapse
        ([0, 0, 0], 2),  # all rows zero
        ([2.4, 2.2, 2.35, 2.6], None),  # small, and it rises
        ([30, 30, math.nan, math.nan], None),
    ],
)
def test_when_it_is_told(scores, told):
    assert first_told(scores) == told


def test_the_thresholds():
    assert first_told([30, 30, 20, 20]) is None
    assert first_told([30, 30, 20, 20], min_of_best=0.7) == 3
    assert first_told([30, 30, 20, 20], min_of_best=0.7, patience=1) == 2
    assert first_told([6, 6, 6], min_share=0.2) == 2
    # A share of what can be: the same scores, of rows in far fewer dimensions, are fine.
    assert first_told([2, 2, 2]) == 2
    assert first_told([2, 2, 2], limit=8) is None


def test_it_is_told_once_until_a_score_is_well():
    alarm = Alarm(min_share=0.05, min_of_best=0.35, patience=2)
    scores = [40, 40, 5, 5, 5, 40, 5, 5]
    assert [i for i, score in enumerate(scores) if alarm.see("a", score, 64)] == [3, 7]


def test_keys_are_apart_and_a_state_goes_on():
    alarm = Alarm(min_share=0.05, min_of_best=0.35, patience=2)
    for score in (40, 40, 5):
        assert alarm.see("a", score, 64) is None
        assert alarm.see("b", 40, 64) is None
    again = Alarm(min_share=0.05, min_of_best=0.35, patience=2)
    again.load_state_dict(alarm.state_dict())
    assert again.see("b", 5, 64) is None
    found = again.see("a", 5, 64)
    assert found == ("a", 5, 64, 40, "best")
    assert str(found) == "a is 5, and the run has held 40: the embeddings have collapsed"


@pytest.mark.parametrize("kind", ["VICReg", "invariance alone"])
def test_real_runs(kind):
    """A spot check of what bench/collapse.py shows with twenty seeds of seven kinds."""
    run = collapse_runs.trained(kind, seed=1)
    scores = [score for score, _ in run["projector"]]
    collapsed = [spread < collapse_runs.COLLAPSED for _, spread in run["projector"]]
    told = first_told(scores)
    if kind == "VICReg":
        assert not any(collapsed)
        assert told is None
    else:
        assert told - collapsed.index(True) <= 2


def collapsing_run(tmp_path, on_collapse, **options):
    callback = RankMeCallback(target="z", on_collapse=on_collapse, **options)
    made = trainer(tmp_path, callback, max_epochs=8, num_sanity_val_steps=0)
    fit(Vicreg(spread=False), made)
    return made, callback


def test_the_trainer_stops(tmp_path):
    with pytest.warns(UserWarning, match=r"^rankme is 1\.\d+, and .* collapsed; the run is stop"):
        made, callback = collapsing_run(tmp_path, "stop")
    assert made.current_epoch == len(callback.history) < 5
    assert callback.history[-1]["rankme"] < 1.5


def test_the_trainer_warns_once_and_goes_on(tmp_path):
    with pytest.warns(UserWarning, match="the embeddings have collapsed$") as caught:
        made, _ = collapsing_run(tmp_path, "warn")
    assert sum("collapsed" in str(one.message) for one in caught) == 1
    assert made.current_epoch == 8


def test_a_function_is_called(tmp_path):
    found = []
    collapsing_run(tmp_path, found.append, name="mine")
    assert [(one.key, one.limit, one.reason) for one in found] == [("mine", 16, found[0].reason)]


def test_a_healthy_run_goes_on(tmp_path):
    callback = RankMeCallback(target="z", on_collapse="stop")
    made = trainer(tmp_path, callback, max_epochs=8)
    fit(Vicreg(), made)
    assert made.current_epoch == 8
