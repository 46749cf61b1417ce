"""What `agreement` takes, and what it says of the rest."""

import math

import numpy as np
import pandas as pd
import pytest

import rankme

SCORES = {"a": 3.0, "b": 9.0, "c": 5.0, "d": 1.0}
TRUTH = {"c": 76.0, "a": 70.0, "d": 60.0, "b": 74.0}  # in another order
CELLS = {"x": 1.0, "y": -2.0}
WIDE = {name: {cell: value * by for cell, by in CELLS.items()} for name, value in TRUTH.items()}
LONG = [
    {"model": name, "task": cell, "accuracy": value}
    for name, row in WIDE.items()
    for cell, value in row.items()
]


def agreement(scores=SCORES, truth=TRUTH, **options):
    return rankme.agreement(scores, truth, higher_is_better=True, **options)


def same(found, expected):
    assert found.to_dict() == expected.to_dict()
    assert [*found.cells] == [*expected.cells]
    for cell, one in found.cells.items():
        assert one.to_dict() == expected.cells[cell].to_dict()


@pytest.mark.parametrize(
    "make",
    [
        pd.Series,
        lambda values: {name: np.float32(value) for name, value in values.items()},
        lambda values: [{"name": n, "value": v} for n, v in values.items()],
        lambda values: pd.DataFrame({"name": [*values], "value": [*values.values()]}),
        lambda values: {name: [value, value] for name, value in values.items()},
    ],
    ids=["series", "numpy", "records", "frame", "repeats"],
)
def test_mappings_series_and_records_are_alike(make):
    expected = agreement()
    assert expected.names == ("a", "b", "c", "d")
    same(agreement(make(SCORES)), expected)
    if make is pd.Series:
        same(agreement(make(SCORES), make(TRUTH)), expected)


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series])
def test_sequences_are_in_one_order(make):
    truth = [TRUTH[name] for name in SCORES]
    found = agreement(make([*SCORES.values()]), make(truth))
    assert found.names == (0, 1, 2, 3)
    assert found.kendall.value == agreement().kendall.value


def test_long_and_wide_tables_are_alike():
    expected = agreement(truth=WIDE)
    assert expected.by == ("cell",)
    assert [*expected.cells] == ["x", "y"]
    assert expected.cells["y"].kendall.value == -expected.cells["x"].kendall.value
    same(agreement(truth=pd.DataFrame.from_dict(WIDE, orient="index")), expected)
    same(agreement(truth=LONG, by="task"), expected)
    same(
        agreement(truth=LONG[::-1], by=["task"]).mean_by("task")["x"], expected.mean_by("cell")["x"]
    )
    same(agreement(truth=pd.DataFrame(LONG), by=["task"]), expected)


def test_scores_may_have_all_cells_or_some_or_none():
    truth = [{**row, "horizon": h} for row in LONG for h in (1, 2)]
    by = ["task", "horizon"]
    none = agreement(truth=truth, by=by)
    assert [*none.cells] == [("x", 1), ("x", 2), ("y", 1), ("y", 2)]
    scores = [
        {"model": name, "task": task, "rankme": value * sign}
        for name, value in SCORES.items()
        for task, sign in CELLS.items()
    ]
    some = agreement(scores, truth, by=by)
    assert some.kendall.value == none.cells["x", 1].kendall.value
    every = agreement([{**row, "horizon": h} for row in scores for h in (2, 1)], truth, by=by)
    same(every, some)
    wide = {name: {"x": value, "y": -value} for name, value in SCORES.items()}
    assert agreement(wide, WIDE).kendall.value == some.kendall.value


def test_columns_are_found_by_name():
    # Steps are numbers too, so that only the name can tell which column is which.
    frame = pd.DataFrame({"name": [100, 200, 300], "score": [1, 3, 2], "truth": [5, 9, 7]})
    found = agreement(frame, frame)
    assert found.names == (100, 200, 300)
    assert found.kendall.value == 1
    with pytest.raises(ValueError, match=r"truth: beside the columns of by= there are \['step'"):
        agreement(frame, frame.rename(columns={"name": "step", "truth": "f1"}), by=())


def test_repeats_count_by_their_mean():
    repeats = {name: [value - 1, value + 1, value] for name, value in TRUTH.items()}
    found = agreement(truth=repeats)
    assert found.kendall.value == agreement().kendall.value
    assert found.truth_error == pytest.approx(np.full((1, 4), 1 / math.sqrt(3)))
    assert (found.freedom == 2).all()
    # One run without repeats: no error is known.
    assert agreement(truth=repeats | {"a": 70.0}).truth_error is None


def test_errors_may_be_told_for_each_run_and_cell():
    errors = {name: {"x": 1.0, "y": 2.0} for name in TRUTH}
    assert agreement(truth=WIDE, truth_error=errors).truth_error.tolist() == [[1] * 4, [2] * 4]
    assert agreement(truth=WIDE, truth_error=dict.fromkeys(TRUTH, 3)).truth_error.max() == 3


def without(table, name):
    return {other: value for other, value in table.items() if other != name}


BAD = [
    ({"scores": SCORES | {"b": math.nan}}, ValueError, "scores of run 'b' is nan; wanted a finite"),
    ({"truth": TRUTH | {"c": math.inf}}, ValueError, "truth of run 'c' is inf"),
    ({"truth": TRUTH | {"c": 1e308}}, ValueError, r"truth of run 'c' is 1e\+308, and its square"),
    ({"truth": pd.Series(TRUTH | {"c": None})}, ValueError, "truth of run 'c' is nan"),
    ({"truth": TRUTH | {"c": None}}, TypeError, r"truth of run 'c' is None \(NoneType\)"),
    (
        {"truth": TRUTH | {"c": "0.7"}},
        TypeError,
        r"truth of run 'c' is '0.7' \(str\); wanted a num",
    ),
    ({"truth": TRUTH | {"c": []}}, ValueError, "truth of run 'c' is an empty list"),
    ({"truth": TRUTH | {"c": [1, math.nan]}}, ValueError, "truth of run 'c' is nan"),
    ({"truth": without(TRUTH, "d")}, ValueError, "run 'd' has no truth; every run needs one"),
    ({"scores": without(SCORES, "d")}, ValueError, "run 'd' has no score; every run needs one"),
    ({"scores": {"a": 1}, "truth": {"a": 1}}, ValueError, "two runs or more.*has one: 'a'"),
    ({"scores": {}, "truth": {}}, ValueError, "two runs or more.*has none"),
    ({"scores": [1, 2, 3], "truth": [1, 2]}, ValueError, "run 2 has no truth"),
    ({"scores": [1, 2, 3]}, TypeError, "truth has names of runs, and scores is a sequence"),
    ({"truth": np.ones(4)}, TypeError, r"scores has names.*dict\(zip\(names, truth\)\)"),
    ({"truth": "accuracy.csv"}, TypeError, "truth must be a mapping .* not str"),
    ({"truth": 5}, TypeError, "truth must be a mapping .* not int"),
    ({"truth": iter([1, 2])}, TypeError, "truth must be a mapping .* not list_iterator"),
    (
        {"scores": pd.Series([1, 2, 3], index=["a", "b", "a"])},
        ValueError,
        "scores has run 'a' twice; give each run one name",
    ),
    ({"truth": [*LONG, LONG[2]], "by": "task"}, ValueError, "truth has run 'a' twice in cell 'x'"),
    ({"truth": LONG[1:], "by": "task"}, ValueError, "run 'c' has no truth in cell 'x'"),
    (
        {"truth": WIDE | {"b": {"x": 1.0, "y": math.nan}}},
        ValueError,
        "truth of run 'b' in cell 'y' is nan",
    ),
    ({"truth": LONG, "by": "target"}, ValueError, "by names 'target', and truth has no such col"),
    ({"by": "task"}, ValueError, "by names 'task', and truth has no such"),
    ({"truth": [*LONG, {"model": "e"}], "by": "task"}, ValueError, "row 8 has the columns"),
    ({"truth": LONG}, ValueError, r"there are \['model', 'task', 'accuracy'\]; wanted are two"),
    (
        {"scores": {n: {"x": 1.0, "z": 2.0} for n in TRUTH}, "truth": WIDE},
        ValueError,
        "scores has nothing in cell 'y', which truth has",
    ),
    (
        {"scores": {n: {"x": 1.0, "y": 1.0, "z": 2.0} for n in TRUTH}, "truth": WIDE},
        ValueError,
        "truth has nothing in cell 'z', which scores has",
    ),
    (
        {"truth": pd.DataFrame([[1, 2]] * 4, index=[*TRUTH], columns=["x", "x"])},
        ValueError,
        "truth has the column 'x' twice; drop or rename one",
    ),
    (
        {"truth": pd.DataFrame(LONG).assign(task=["x", None] * 4), "by": "task"},
        ValueError,
        r"truth has -152.0 for run 'c' in cell (None|nan), where (None|nan) is no name; name it",
    ),
    (
        {"truth": pd.Series([1.0, 2.0], index=["a", np.nan])},
        ValueError,
        "truth has 2.0 for run nan, where nan is no name",
    ),
    (
        {"scores": pd.Series([1.0, 2.0], index=[pd.Timestamp(0), pd.NaT])},
        ValueError,
        "scores has 2.0 for run NaT, where NaT is no name",
    ),
    ({"scores": {"a": 1.0, pd.NA: 2.0}}, ValueError, "for run <NA>, where <NA> is no name"),
    (
        {"truth": np.ma.masked_array([1.0, 2.0], [False, True])},
        TypeError,
        "truth is a masked array, whose mask would be lost; leave the masked runs out",
    ),
    ({"truth_error": -1.0}, ValueError, "truth_error must be 0 or more"),
    ({"truth_error": dict.fromkeys(TRUTH, -1)}, ValueError, "truth_error holds -1"),
    ({"truth_error": {"a": 1.0}}, ValueError, "run 'b' has no truth_error"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), BAD)
def test_bad_input(arguments, error, text):
    with pytest.raises(error, match=text):
        agreement(**arguments)


def test_what_the_texts_advise_works():
    truth = [70.0, 74.0, 76.0, 60.0]
    same(agreement(truth=dict(zip(SCORES, truth, strict=True))), agreement())
    seeds = [{"model": n, "seed": seed, "f1": v} for n, v in TRUTH.items() for seed in (0, 1)]
    with pytest.raises(ValueError, match=r"name the others in by=, or leave them out"):
        agreement(truth=seeds)
    assert len(agreement(truth=seeds, by="seed").cells) == 2


@pytest.mark.parametrize("direction", [None, "False", 1, 0.0, np.nan])
@pytest.mark.parametrize("argument", ["higher_is_better", "score_higher_is_better"])
def test_a_direction_is_true_or_false(argument, direction):
    # None and "False" would turn a ranking round, or not, without a word.
    with pytest.raises(TypeError, match=rf"^{argument} must be True or False, not "):
        rankme.agreement(SCORES, TRUTH, **({"higher_is_better": True} | {argument: direction}))
    for same_as in (True, False):
        found = rankme.agreement(
            SCORES, TRUTH, **({"higher_is_better": True} | {argument: np.bool_(same_as)})
        )
        assert getattr(found, argument) is same_as


def test_mean_by_wants_a_column_of_by():
    with pytest.raises(ValueError, match=r"column must be one of \(\), not 'task'"):
        agreement().mean_by("task")


@pytest.mark.parametrize("truth", [{70.0, 74.0}, frozenset({70.0, 74.0})])
def test_a_set_has_no_order(truth):
    with pytest.raises(TypeError, match="truth must be a mapping from names to numbers"):
        agreement([1.0, 2.0], truth)


def test_flags_of_numpy_are_no_numbers_either():
    with pytest.raises(TypeError, match=r"truth of run 1 is .*True.*; wanted a number"):
        agreement([1.0, 2.0], [0.0, np.bool_(True)])


def test_an_array_without_dimensions_is_a_number_and_not_repeats():
    same(agreement({name: np.array(score) for name, score in SCORES.items()}), agreement())


def test_an_integer_beyond_float64_is_not_finite():
    with pytest.raises(ValueError, match=r"truth of run 'b' is inf; wanted a finite number"):
        agreement({"a": 1, "b": 2}, {"a": 1, "b": 10**400})
