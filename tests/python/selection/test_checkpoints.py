"""Checkpoints along a run: which one a rule chooses."""

import numpy as np
import pandas as pd
import pytest

import rankme
from simulated_runs import estimate_with_error

SCORES = {10: 30.0, 0: 45.0, 20: 41.0, 30: 40.0, 40: 41.8, 50: 42.0, 60: 39.0}
SETS = {f"step {step}": estimate_with_error(score, 0.5) for step, score in SCORES.items()}


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ({}, "step 0"),
        ({"after": 1}, "step 50"),
        ({"rule": "plateau"}, "step 0"),
        ({"rule": "plateau", "after": 1}, "step 40"),
        ({"rule": "plateau", "after": 50}, "step 50"),
        ({"after": 60}, "step 60"),
    ],
)
def test_the_choice(options, choice):
    found = rankme.compare(SETS, order=list(SCORES), **options)
    assert found.choice == choice
    assert found.best == "step 0"


def test_local_maxima_are_listed_in_order():
    found = rankme.compare(SETS, order={f"step {step}": step for step in SCORES})
    assert found.local_maxima == ("step 0", "step 20", "step 50")
    assert {run.name: run.step for run in found.runs} == {f"step {s}": s for s in SCORES}


@pytest.mark.parametrize(
    "order",
    [
        np.array(list(SCORES)),
        np.array(list(SCORES), "f4"),
        pd.Series(list(SCORES)),
        pd.Series({f"step {step}": step for step in reversed(SCORES)}),
        tuple(SCORES),
    ],
)
def test_an_order_is_any_sequence_or_mapping(order):
    found = rankme.compare(SETS, order=order, after=np.int64(1))
    assert {run.name: run.step for run in found.runs} == {f"step {s}": s for s in SCORES}
    assert found.choice == "step 50"


def test_an_order_may_be_a_range():
    found = rankme.compare(SETS, order=range(len(SETS)))
    assert [run.step for run in sorted(found.runs, key=lambda run: run.step)] == list(range(7))


def test_without_an_order_there_are_none():
    found = rankme.compare(SETS)
    assert (found.choice, found.local_maxima) == (found.best, ())
    assert {run.step for run in found.runs} == {None}
