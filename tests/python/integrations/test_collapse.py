"""When an alarm says that a run has collapsed, and when it does not."""

import itertools
import math

import numpy as np
import pytest
import torch

import collapse_runs
import rankme
from lightning_runs import Vicreg, fit, trainer
from rankme.integrations._collapse import MIN_OF_BEST, MIN_SHARE, MIN_SPREAD, PATIENCE, Alarm
from rankme.integrations._observer import Observer
from rankme.integrations._reading import Sight
from rankme.integrations.lightning import RankMeCallback

THRESHOLDS = {
    "min_spread": MIN_SPREAD,
    "min_share": MIN_SHARE,
    "min_of_best": MIN_OF_BEST,
    "patience": PATIENCE,
}


def first_told(scores, limit=64, spreads=None, **options):
    """Return at which score an alarm is told, or None."""
    alarm = Alarm(**THRESHOLDS | options)
    sights = map(Sight, scores, itertools.repeat(limit), spreads or itertools.repeat(1.0))
    told = [i for i, sight in enumerate(sights) if alarm.see("rankme", sight)]
    return told[0] if told else None


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([30, 30, 30], None),
        ([40, 41, 8, 7, 7], 3),  # below the level held
        ([60, 8, 9, 10, 11, 12], None),  # an untrained network's level was never held
        ([6.6, 2.8, 2.7, 4.1, 5.8, 6.0], None),  # small at first, and then it rises
        ([6.6, 1.2, 1.1, 1.05], 2),  # small, and it never was higher
        ([11, 9, 7, 5.5, 4.1, 3.9], None),  # it falls, and is not small yet
        ([30, 30, 2, 30, 2, 30], None),  # one low score is no collapse
        ([0, 0, 0], 2),  # all rows zero
        ([2.4, 2.2, 2.35, 2.6], None),  # small, and it rises
        ([30, 30, math.nan, math.nan], None),
    ],
)
def test_when_it_is_told(scores, told):
    assert first_told(scores) == told


def test_rows_on_one_line_are_a_collapse_whatever_the_score():
    flat, wide = MIN_SPREAD / 2, 2 * MIN_SPREAD
    assert first_told([30] * 4, spreads=[wide, wide, flat, flat]) == 3
    assert first_told([30] * 4, spreads=[wide, wide, flat, flat], min_spread=0) is None
    assert first_told([30] * 4, spreads=[wide, flat, wide, flat]) is None
    # A pass that is flat, and one that is low.
    near = [0.9 * MIN_SPREAD, 1.1 * MIN_SPREAD]
    assert first_told([30, 30, 30, 2], spreads=[wide, wide, *near]) == 3
    # Flat before it was trained, as behind a bias that outweighs all else; and on its way up.
    assert first_told([30] * 4, spreads=[flat, 0.9 * flat, 0.8 * flat, 0.75 * flat]) is None
    assert first_told([30] * 4, spreads=[wide, 0.1 * flat, 0.3 * flat, flat]) is None


def test_a_run_that_is_on_its_way_up_has_not_collapsed():
    assert first_told([30, 30, 5, 5]) == 3
    assert first_told([30, 30, 5, 5.5, 6.1, 6.8]) is None  # by its score
    assert first_told([30, 30, 5, 5], spreads=[0.5, 0.5, 0.1, 0.2]) is None  # by its spread
    assert first_told([30, 30, 5, 5], spreads=[0.5, 0.5, 0.1, 0.11]) == 3
    assert first_told([30, 30, 1.5, 1.6, 1.7, 1.8]) is None


def test_the_thresholds():
    assert first_told([30, 30, 20, 20]) is None
    assert first_told([30, 30, 20, 20], min_of_best=0.7) == 3
    assert first_told([30, 30, 20, 20], min_of_best=0.7, patience=1) == 2
    assert first_told([6, 6, 6], min_share=0.1) == 2
    # A share of what can be: the same scores, of rows in far fewer dimensions, are fine.
    assert first_told([2, 2, 2]) == 2
    assert first_told([2, 2, 2], limit=8) is None


def test_it_is_told_once_until_a_score_is_well():
    alarm = Alarm(**THRESHOLDS)
    scores = [40, 40, 5, 5, 5, 40, 5, 5]
    told = [i for i, score in enumerate(scores) if alarm.see("a", Sight(score, 64, 1.0))]
    assert told == [3, 7]


def test_keys_are_apart_and_a_state_goes_on():
    alarm = Alarm(**THRESHOLDS)
    for score in (40, 40, 5):
        assert alarm.see("a", Sight(score, 64, 1.0)) is None
        assert alarm.see("b", Sight(40, 64, 1.0)) is None
    again = Alarm(**THRESHOLDS)
    again.load_state_dict(alarm.state_dict())
    assert again.see("b", Sight(5, 64, 1.0)) is None
    found = again.see("a", Sight(5, 64, 1.0))
    assert found == ("a", 5, 64, 1.0, 40, "best")
    assert str(found) == "a is 5, and the run has held 40: the embeddings have collapsed"


def test_it_says_why():
    alarm = Alarm(**THRESHOLDS | {"patience": 1})
    told = [alarm.see("a", Sight(1.2, 2, spread)) for spread in (0.1, 0.1, 1e-4)]
    assert told[:2] == [None, None]
    assert str(told[2]).startswith("a is 1.2, and 0.0001 of the rows' energy is off one line: ")
    told = [alarm.see("b", Sight(1.2, 64, 1.0)) for _ in range(2)]
    assert str(told[1]).startswith("b is 1.2, and it could be 64: ")


def test_the_spread_is_that_of_directions():
    """Of rows of any lengths that lie closely about one direction, SimSiam's check squared."""
    random = np.random.default_rng(0)
    rows = np.full((4000, 16), 0.25) + 0.01 * random.standard_normal((4000, 16))
    rows *= random.choice([0.5, 2.0], (4000, 1))
    check = 16 * rankme.metrics.unit_std(rows) ** 2
    for center in (False, True):
        observer = Observer(["z"], center=center)
        observer.take("z", torch.from_numpy(rows))
        assert observer.result().sights["z"].spread == pytest.approx(check, rel=0.1)


@pytest.mark.parametrize("kind", ["VICReg", "invariance alone"])
def test_real_runs(kind):
    """A spot check of what bench/collapse.py shows with twenty seeds of seven kinds."""
    run = collapse_runs.trained(kind, seed=1)
    scores, spreads, checks, _ = zip(*run["projector"], strict=True)
    collapsed = [check < collapse_runs.COLLAPSED for check in checks]
    told = first_told(scores, spreads=spreads)
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
