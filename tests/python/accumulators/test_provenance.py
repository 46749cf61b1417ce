"""Tags and fingerprints of accumulators: kept by saving, copying and merging."""

import copy
import json
import os
import pickle
import struct

import numpy as np
import pytest

import rankme
from helpers import accumulated

Z = np.random.default_rng(0).standard_normal((12, 4))
TAGS = {"model": "vicreg", "step": 1000, "rate": 0.5, "ema": True}


def with_ids(ids, cuts=(), z=Z):
    """An accumulator that took in rows with ids, cut into calls at these places."""
    acc = rankme.Accumulator(4)
    for rows, names in zip(np.split(z, cuts), np.split(np.asarray(ids), cuts), strict=True):
        acc.update(rows, ids=names)
    return acc


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_tags_travel(method, tmp_path):
    acc = rankme.Accumulator(4, method=method, tags=TAGS)
    acc.update(Z, ids=range(12))
    acc.save(tmp_path / "a")
    copies = [
        rankme.Accumulator.load(tmp_path / "a"),
        pickle.loads(pickle.dumps(acc)),
        acc.copy(),
        copy.deepcopy(acc),
        sum([acc]),
        rankme.Accumulator(4, method=method) + acc,
    ]
    for other in copies:
        assert other.tags == TAGS
        assert type(other.tags["ema"]) is bool
        assert other.fingerprint == acc.fingerprint is not None
    acc.reset()
    assert acc.tags == TAGS
    assert acc.fingerprint is None


def test_a_state_without_tags_says_nothing_of_them(tmp_path):
    accumulated(Z).save(tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    header = json.loads(data[16 : 16 + struct.unpack_from("<I", data, 12)[0]])
    assert not {"tags", "ids"} & header.keys()


def test_merging_keeps_the_tags_of_both():
    a, b = rankme.Accumulator(4, tags={"step": 1, "x": 2}), rankme.Accumulator(4, tags={"step": 1})
    b.tags = {**b.tags, "y": 3}
    assert (a + b).tags == (b + a).tags == {"step": 1, "x": 2, "y": 3}


def test_merging_refuses_a_tag_that_differs_and_changes_nothing():
    a, b = rankme.Accumulator(4, tags={"step": 1}), rankme.Accumulator(4, tags={"step": 2})
    a.update(Z)
    b.update(Z)
    with pytest.raises(ValueError, match=r"tag 'step' is 1 here and 2 in the other"):
        a.merge(b)
    assert (a.n_rows, a.tags) == (12, {"step": 1})
    b.tags = a.tags  # as the text says
    a.merge(b)
    assert a.n_rows == 24


@pytest.mark.parametrize(
    ("tags", "error", "text"),
    [
        ("step", TypeError, "tags must be a mapping"),
        ({1: 2}, TypeError, "keys of tags must be texts"),
        ({"step": [1]}, TypeError, "tag 'step' must be a text, a number or a boolean, not list"),
        ({"rate": float("nan")}, ValueError, "tag 'rate' must be finite"),
    ],
)
def test_what_no_tag_can_be(tags, error, text):
    with pytest.raises(error, match=text):
        rankme.Accumulator(4, tags=tags)
    acc = rankme.Accumulator(4)
    with pytest.raises(error, match=text):
        acc.tags = tags


def test_scalars_of_numpy_are_tags_like_others(tmp_path):
    tags = {"step": np.int64(3), "rate": np.float32(0.5), "train": np.bool_(False)}
    acc = rankme.Accumulator(4, tags=tags)
    assert repr(acc.tags) == "{'step': 3, 'rate': 0.5, 'train': False}"
    acc.save(tmp_path / "sum")
    assert rankme.Accumulator.load(tmp_path / "sum").tags == acc.tags
    with pytest.raises(ValueError, match="tag 'rate' must be finite"):
        rankme.Accumulator(4, tags={"rate": np.float32("nan")})


@pytest.mark.parametrize("ids", [np.arange(12), [f"image-{i}.png" for i in range(12)]])
def test_a_fingerprint_depends_on_order_and_not_on_calls(ids):
    whole = with_ids(ids).fingerprint
    assert whole is not None
    assert with_ids(ids, (1, 5, 5, 7)).fingerprint == whole
    assert with_ids(ids[::-1]).fingerprint != whole
    assert with_ids(np.roll(ids, 1)).fingerprint != whole


def test_texts_are_told_apart_where_they_end():
    a = with_ids(["ab", "c"], z=Z[:2])
    assert a.fingerprint != with_ids(["a", "bc"], z=Z[:2]).fingerprint


def test_ids_of_a_tensor_and_of_a_list_are_the_same():
    torch = pytest.importorskip("torch")
    acc = rankme.Accumulator(4)
    acc.update(torch.from_numpy(Z), ids=torch.arange(12))
    assert acc.fingerprint == with_ids(list(range(12))).fingerprint


@pytest.mark.parametrize("ids", [list(range(12)), [f"image-{i}.png" for i in range(12)]])
def test_ids_of_a_series_and_of_an_index_are_those_of_a_list(ids):
    pandas = pytest.importorskip("pandas")
    expected = with_ids(ids).fingerprint
    for made in (pandas.Series(ids, index=range(12)[::-1]), pandas.Index(ids)):
        acc = rankme.Accumulator(4)
        acc.update(Z, ids=made)
        assert acc.fingerprint == expected


def test_names_of_files_that_are_no_utf8_are_ids():
    names = [os.fsdecode(bytes([200 + i])) for i in range(12)]
    assert with_ids(names).fingerprint == with_ids(names).fingerprint
    assert with_ids(names).fingerprint != with_ids(names[::-1]).fingerprint


def test_rows_without_an_id_leave_no_fingerprint():
    acc = rankme.Accumulator(4)
    assert acc.fingerprint is None
    acc.update(Z[:6], ids=range(6))
    assert acc.fingerprint is not None
    acc.update(Z[6:])
    assert acc.fingerprint is None


def test_a_row_that_was_left_out_leaves_no_fingerprint():
    bad = Z.copy()
    bad[3, 2] = np.nan
    acc = rankme.Accumulator(4, skip_nonfinite=True)
    acc.update(bad, ids=range(12))
    assert (acc.n_rows, acc.fingerprint) == (11, None)
    acc.update(Z[:1])  # as many rows as there were ids, and not the same ones
    assert (acc.n_rows, acc.fingerprint) == (12, None)


def dealt(cuts, merged_at=None, ids=range(512)):
    """A sum in groups of 512 rows, saved at cuts, or with what is behind a row merged in."""
    z = np.random.default_rng(1).standard_normal((512, 4))
    acc = rankme.Accumulator(4, groups=8, run_length=16)
    for rows, names in zip(np.split(z, cuts), np.split(np.asarray(ids), cuts), strict=True):
        part = acc if merged_at is None else rankme.Accumulator(4, groups=8, run_length=16)
        part.update(rows, ids=names)
        acc = acc.copy() if merged_at is None else acc + part
    return acc


def test_a_fingerprint_is_of_what_the_groups_hold():
    whole = dealt([])
    assert not whole.merged
    for cuts in ([100], [1, 300, 301]):  # saved there
        assert dealt(cuts).fingerprint == whole.fingerprint
    rounds = dealt([128, 384], merged_at=True)  # a round of all groups is 128 rows
    assert rounds.fingerprint == whole.fingerprint
    assert rounds.merged
    assert dealt([100], merged_at=True).fingerprint != whole.fingerprint
    swapped = np.arange(512)
    swapped[[0, 1]] = 1, 0  # within a group
    assert dealt([], ids=swapped).fingerprint == whole.fingerprint
    swapped[[0, 16]] = 16, 1
    assert dealt([], ids=swapped).fingerprint != whole.fingerprint


def test_a_saved_sum_knows_that_it_was_merged(tmp_path):
    merged = dealt([100], merged_at=True)
    merged.save(tmp_path / "a")
    assert rankme.Accumulator.load(tmp_path / "a").merged is True
    merged.reset()
    assert merged.merged is False
    assert rankme.Accumulator(4).merged is None
    stack = rankme.LayerAccumulator(2, 4, groups=8)
    stack.update(np.ones((2, 300, 4)))
    assert ((stack + stack)[0].merged, stack[0].merged) == (True, False)


def test_ids_of_all_integers_are_told_apart():
    ids = [np.array([-1]), np.array([2**64 - 1], np.uint64), ["-1"], ["18446744073709551615"]]
    assert len({with_ids(one, z=Z[:1]).fingerprint for one in ids}) == 4


def test_a_merge_is_not_a_stream():
    parts = with_ids(range(6), z=Z[:6]) + with_ids(range(6, 12), z=Z[6:])
    again = with_ids(range(6), z=Z[:6]) + with_ids(range(6, 12), z=Z[6:])
    assert parts.fingerprint == again.fingerprint != with_ids(range(12)).fingerprint


@pytest.mark.parametrize(
    ("ids", "error", "text"),
    [
        (range(11), ValueError, "there are 11 ids and 12 rows"),
        ("abcdefghijkl", TypeError, "ids must be a list or array of an id a row, not str"),
        ([1.5] * 12, TypeError, "ids must be integers or texts"),
        ([[1, 2]] * 12, TypeError, "ids must be integers or texts"),
    ],
)
def test_what_no_ids_can_be(ids, error, text):
    acc = rankme.Accumulator(4)
    with pytest.raises(error, match=text):
        acc.update(Z, ids=ids)
    assert acc.n_rows == 0


@pytest.mark.parametrize(
    "change",
    [
        {"tags": [1]},
        {"tags": {"a": None}},
        {"ids": {"rows": -1, "blake2b": ""}},
        {"ids": {"rows": True, "blake2b": ""}},
        {"ids": {"rows": 3, "blake2b": "xyz"}},
        {"ids": {"rows": 3}},
        {"ids": 3},
    ],
)
def test_a_header_that_cannot_be_is_refused(change):
    from rankme._accumulators.state_header import parse_header, write_header

    fields = {**json.loads(write_header(accumulated(Z)._state())), **change}
    with pytest.raises(ValueError, match="the header has"):
        parse_header(json.dumps(fields).encode(), 3)
