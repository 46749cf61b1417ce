"""What `rankme.compare` refuses, and how each text says to insist."""

import numpy as np
import pandas as pd
import pytest

import rankme
from simulated_runs import estimate_with, rows

A, B = rows(0.0, n=320, seed=1), rows(0.5, n=320, seed=2)
E = estimate_with(10.0)


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        ({}, "takes two runs or more, and there is none"),
        ({"a": A}, r"takes two runs or more, and there is 'a'; rankme\.estimate"),
        ({"a": A, "b": []}, "run 'b': there is no set: the list of its repeats is empty"),
        ({"a": A, "b": [B, B[:, :8]]}, "run 'b': its repeats have K = 8 and 16: repeats differ"),
        ({"a": A, "b": A[:0]}, r"run 'b': sets\['b'\] is empty: it has shape \(0, 16\)"),
        ({"a": A, "b": B[:7]}, "run 'b': it has 7 rows, and a sampling error takes 8"),
        ({"a": A, "b": A[None]}, r"run 'b': sets\['b'\] must be 2-D"),
        ({"a": A, "b": np.full((320, 16), np.nan)}, "run 'b': .* is nan; every entry"),
    ],
)
def test_what_cannot_be_compared(sets, text):
    with pytest.raises(ValueError, match=text):
        rankme.compare(sets)


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        ([A, B], "sets must be a mapping from names to sets"),
        ({"a": A, 2: B}, "the names of sets must be texts, and 2 is int"),
        ({"a": A, "b": (block for block in [B])}, "run 'b': it is generator, whose rows may come"),
        (
            {"a": [[1.0, 2.0], [3.0, 4.0]], "b": B},
            "run 'a': it is a list of vectors, .*numpy.asarray",
        ),
        ({"a": A, "b": list(B)}, "run 'b': it is a list of vectors, and the entries of a list"),
        ({"a": A, "b": (1.0, 2.0)}, "run 'b': it is a list of vectors"),
        ({"a": A, "b": A.astype(int)}, "run 'b': .* has dtype int64"),
    ],
)
def test_what_is_no_set(sets, text):
    with pytest.raises(TypeError, match=text):
        rankme.compare(sets)


def test_a_missing_file_is_its_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        rankme.compare({"a": A, "b": tmp_path / "absent.npy"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rows": 321}, "run 'a': rows=321 is more than its 320 rows; rows=320 is the most"),
        ({"rows": "all"}, "rows must be 'equal' or a number, not 'all'"),
        ({"rows": 7}, "^rows must be 8 or more, not 7"),
        ({"groups": 7}, "^groups must be from 8 to 65536, not 7"),
        ({"seed": -1}, "seed must be from 0"),
        ({"eps": 2}, "eps must be from 0 to 1"),
        ({"baseline": "c"}, "baseline='c' is none of the runs 'a', 'b'"),
        ({"tags": {"c": {}}}, "tags tells of 'c', and the runs are 'a', 'b'"),
        ({"ids": {"c": []}}, "ids tells of 'c', and the runs are 'a', 'b'"),
        ({"ids": {"a": [1, 2]}}, "run 'a': there are 2 ids and 320 rows"),
        ({"allow": "dtype"}, "allow takes 'eps', .* not 'dtype'"),
        ({"rule": "last", "order": [1, 2]}, "rule must be 'max' or 'plateau', not 'last'"),
        ({"rule": "plateau"}, "pass order="),
        ({"after": 3}, "pass order="),
        ({"order": [1, 2], "after": 3}, "after=3 leaves no checkpoint: the last is at 2"),
        ({"order": [1]}, "order has 1 steps, and there are 2 runs"),
        ({"order": [1, 1]}, "order has a step twice"),
        ({"order": {"a": 1}}, "order has no step of run 'b'"),
        ({"order": [1, 10**400]}, "order has 10+ for run 'b'; a step is a finite number"),
        ({"order": [1, float("nan")]}, "order has nan for run 'b'"),
        ({"order": np.array([1, np.nan])}, "order has nan for run 'b'"),
        ({"order": [1, 2], "after": float("nan")}, "after=nan leaves no checkpoint"),
    ],
)
def test_options_that_cannot_be(options, text):
    with pytest.raises(ValueError, match=text):
        rankme.compare({"a": A, "b": B}, **options)


def test_a_list_of_vectors_is_one_set_as_an_array():
    found = rankme.compare({"a": A, "b": np.asarray(list(B))})  # as the text says
    assert found.scores == rankme.compare({"a": A, "b": B}).scores
    series = pd.Series(list(B))  # of vectors: a set, and so a list of them is repeats
    assert len(rankme.compare({"a": A, "b": [series, B]}).runs[1].scores) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"rule": "last", "order": [1, 2]},
        {"after": 3},
        {"order": [1, 2], "after": 3},
        {"order": [1, 2], "after": 2, "baseline": "b"},
        {"groups": 7},
        {"rows": 7},
    ],
)
def test_options_are_refused_before_rows_are_read(options):
    with pytest.raises(ValueError, match=r"^(rule|after|groups|rows)\b"):
        rankme.compare({"a": A, "b": np.full((320, 16), np.nan)}, **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"paired": "no"}, "paired must be True, False or None, not 'no'"),
        ({"paired": 1}, "paired must be True, False or None, not 1"),
        ({"order": [1, 2], "after": "1"}, r"after must be a step, a number, not '1' \(str\)"),
        ({"order": 3}, "order must be a mapping from names to steps, or a list or array"),
        ({"order": "12"}, "order must be a mapping"),
    ],
)
def test_options_of_another_kind(options, text):
    with pytest.raises(TypeError, match=text):
        rankme.compare({"a": A, "b": B}, **options)


@pytest.mark.parametrize(("key", "other"), [("eps", 0.0), ("center", True), ("normalize", True)])
def test_another_definition_is_refused(key, other):
    sets = {"a": E, "b": estimate_with(9.0, **{key: other})}
    with pytest.raises(
        ValueError, match=rf"run 'b': it was computed with {key}={other!r}, .*allow="
    ):
        rankme.compare(sets)
    found = rankme.compare(sets, allow=key)  # as the text says
    assert len({run.definition for run in found.runs}) == 2
    both = {"a": sets["b"], "b": sets["b"]}
    assert rankme.compare(both, **{key: other}).best == "a"  # as it says too


@pytest.mark.parametrize("key", ["layer", "tap", "split", "data"])
def test_tags_that_should_be_alike(key):
    tags = {"a": {key: "one", "model": "m"}, "b": {key: "two", "model": "n", "step": 3}}
    with pytest.raises(ValueError, match=rf"run 'a' has {key} 'one' and run 'b' has {key} 'two'"):
        rankme.compare({"a": A, "b": B}, tags=tags)
    found = rankme.compare({"a": A, "b": B}, tags=tags, allow=[key])
    assert {run.name: dict(run.tags) for run in found.runs} == tags


def test_tags_of_what_is_compared_may_differ():
    tags = {"a": {"model": "m", "step": 1, "data": "x"}, "b": {"model": "n", "step": 2}}
    assert rankme.compare({"a": A, "b": B}, tags=tags).best == "a"


@pytest.mark.parametrize(
    ("sets", "ids", "text"),
    [
        ({"a": A, "b": B[:300]}, None, "run 'a' has 320 rows and run 'b' 300"),
        ({"a": [A, B[:300]], "b": B}, None, "and repeats of run 'a' have 320 and 300 rows"),
        (
            {"a": E, "b": estimate_with(9, [9] * 20, n_rows=2560)},
            None,
            "groups of runs 'a' and 'b'",
        ),
        ({"a": A, "b": B}, {"a": range(320), "b": range(1, 321)}, "are not the same in the same"),
    ],
)
def test_what_are_no_pairs(sets, ids, text):
    with pytest.raises(ValueError, match=f"{text}.*paired=False"):
        rankme.compare(sets, ids=ids, paired=True)
    assert not rankme.compare(sets, ids=ids, paired=False).paired
    assert not rankme.compare(sets, ids=ids).paired


def merged_sum(cut, *, with_ids):
    """The sum of 320 rows of which those behind a cut were merged in."""
    whole, part = (rankme.Accumulator(16, groups=16, run_length=5) for _ in "ab")
    whole.update(A[:cut], ids=range(cut) if with_ids else None)
    part.update(A[cut:], ids=range(cut, 320) if with_ids else None)
    return whole + part


def test_sums_merged_at_other_rows_are_no_pairs():
    # At 80 rows a round has gone by, and at 37 and 117 the groups have as many rows but others.
    whole, cut, later = (merged_sum(cut, with_ids=True) for cut in (80, 37, 117))
    assert np.array_equal(cut.estimate().group_rows, later.estimate().group_rows)
    for pair in ({"a": cut, "b": later}, {"a": whole, "b": cut}):
        assert not rankme.compare(pair).paired
        with pytest.raises(ValueError, match=r"(are not the same in the same|groups of runs)"):
            rankme.compare(pair, paired=True)


def test_ids_that_are_told_later_do_not_prove_what_a_merged_sum_holds():
    sets = {"a": merged_sum(37, with_ids=False), "b": merged_sum(117, with_ids=False)}
    with pytest.raises(ValueError, match=r"run 'a': ids cannot tell .* of a sum that was merged"):
        rankme.compare(sets, ids={"a": range(320), "b": range(320)})
    with pytest.raises(ValueError, match=r"each group of run 'a' holds.*acc\.update.*paired=False"):
        rankme.compare(sets, paired=True)
    assert not rankme.compare(sets).paired


def test_estimates_know_how_their_rows_were_dealt():
    cut, later = merged_sum(37, with_ids=False), merged_sum(117, with_ids=False)
    for pair in ({"a": cut.estimate(), "b": later.estimate()}, {"a": cut, "b": later.estimate()}):
        with pytest.raises(ValueError, match="nothing tells which rows each group of run 'a' hol"):
            rankme.compare(pair, paired=True)
        with pytest.raises(ValueError, match=r"run 'a': ids cannot tell .* merged holds"):
            rankme.compare(pair, ids={"a": range(320)})
    known = merged_sum(80, with_ids=True)
    assert rankme.compare({"a": known.estimate(), "b": known}).paired
    # Of as many rows in each group: dealt in runs of five, and cut into 16 runs.
    stream, whole = rankme.Accumulator(16, groups=16, run_length=5), rankme.estimate(A)
    stream.update(A)
    blocks = rankme.estimate(iter([A]), run_length=5)
    for dealt in (stream, stream.estimate(), blocks):
        with pytest.raises(ValueError, match="of runs 'a' and 'b' were dealt to groups in other"):
            rankme.compare({"a": dealt, "b": whole}, paired=True)
    ids = {"a": range(320), "b": range(320)}
    assert rankme.compare({"a": stream.estimate(), "b": blocks}, ids=ids).paired
    assert rankme.compare({"a": whole, "b": B}, ids=ids).paired
    assert not rankme.compare({"a": whole, "b": stream}, ids=ids).paired


def test_ids_that_are_told_later_are_dealt_as_the_rows_of_one_stream():
    sum_ = rankme.Accumulator(16, groups=16, run_length=5)
    sum_.update(A)
    sets = {"a": sum_, "b": merged_sum(80, with_ids=True)}
    assert rankme.compare(sets, ids={"a": range(320)}).paired
    assert not rankme.compare(sets, ids={"a": range(320)[::-1]}).paired
    named = merged_sum(320, with_ids=True)
    with pytest.raises(ValueError, match="run 'a': ids are not those that came with its rows"):
        rankme.compare({"a": named, "b": sum_}, ids={"a": range(1, 321)})


def test_unequal_sets_are_paired_by_their_first_rows():
    sets = {"a": A, "b": B[:300]}
    with pytest.raises(ValueError, match="rows=300, seed=None takes the first ones of both"):
        rankme.compare(sets, paired=True)
    found = rankme.compare(sets, paired=True, rows=300, seed=None)  # as the text says
    same = rankme.compare({"a": A[:300], "b": B[:300]}, paired=True)
    assert (found.paired, found.runs[1].gap_error) == (True, same.runs[1].gap_error)


def test_estimates_of_other_numbers_of_rows_cannot_be_made_equal():
    sets = {"a": E, "b": estimate_with(9.0, n_rows=2000)}
    with pytest.raises(ValueError, match="run 'a' has 2560 rows and run 'b' has 2000"):
        rankme.compare(sets)
    with pytest.raises(ValueError, match="run 'a' has 2560 rows and rows=1000"):
        rankme.compare(sets, rows=1000)


@pytest.mark.parametrize("argument", ["tags", "ids"])
def test_what_is_told_of_runs_has_their_names(argument):
    with pytest.raises(TypeError, match=f"{argument} must be a mapping from the names of runs"):
        rankme.compare({"a": A, "b": B}, **{argument: ["x", "y"]})
    with pytest.raises(TypeError, match=r"run 'a': (tags|ids) must be"):
        rankme.compare({"a": A, "b": B}, **{argument: {"a": 3}})
