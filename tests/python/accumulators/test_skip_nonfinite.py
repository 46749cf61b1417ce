"""Rows with NaN or infinity are left out where that is asked for, and counted wherever they go."""

import itertools
import json
import pickle
import threading

import numpy as np
import pyarrow as pa
import pytest
import torch

import rankme
from helpers import bits
from oracles import DTYPES, moderate
from rankme._accumulators import state_file

K = 6
BAD_ROWS = [0, 7, 8, 30, 59]
GOOD = np.setdiff1d(np.arange(60), BAD_ROWS)


def spoiled(dtype="f4", n=60, k=K):
    z = moderate(1, n, k, dtype)
    for row, value in zip(BAD_ROWS, itertools.cycle([np.nan, np.inf, -np.inf]), strict=False):
        z[row, row % k] = value
    return z


def skipping(**options):
    return rankme.Accumulator(K, skip_nonfinite=True, **options)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", [{}, {"center": True}, {"normalize": True}], ids=str)
@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
def test_the_score_is_that_of_the_others(dtype, options, method):
    z = spoiled(dtype)
    expected = rankme.score(z[GOOD], method=method, **options)
    for given in (z, z[::-1], np.asfortranarray(z), z.tolist()):
        found = rankme.spectrum(given, skip_nonfinite=True, method=method, **options)
        assert found.rankme() == pytest.approx(expected, rel=1e-7)
        assert (found.n_rows, found.n_skipped) == (55, 5)
    with pytest.raises(rankme.NonFiniteError):
        rankme.score(z)


def test_three_rows():
    z = np.array([[1.0, 0], [np.nan, 0], [0, 1]])
    assert rankme.score(z, skip_nonfinite=True, eps=0) == pytest.approx(2)
    assert rankme.spectrum(z[::2], skip_nonfinite=True).n_skipped == 0
    assert rankme.spectrum(z[::2]).n_skipped == 0


@pytest.mark.parametrize("shape", [(60, 6), (60, 90)], ids=["tall", "wide"])
@pytest.mark.parametrize(
    "make",
    {
        "file": lambda z, path: np.save(path / "z.npy", z) or path / "z.npy",
        "folder": lambda z, path: (
            [np.save(path / f"{i}.npy", part) for i, part in enumerate(np.array_split(z, 3))]
            and path
        ),
        "iterator": lambda z, _: iter(np.array_split(z, 9)),
        "tensor": lambda z, _: torch.from_numpy(z),
        "chunks": lambda z, _: pa.chunked_array([pa.array(list(z[:9])), pa.array(list(z[9:]))]),
        "list": lambda z, _: list(z),
    }.values(),
)
def test_wherever_the_rows_come_from(make, shape, tmp_path):
    z = spoiled("f4", *shape)
    for options in ({}, {"center": True}, {"normalize": True, "method": "qr"}):
        expected = rankme.score(z[GOOD], **options)
        found = rankme.spectrum(make(z, tmp_path), skip_nonfinite=True, **options)
        assert found.rankme() == pytest.approx(expected, rel=1e-7)
        assert (found.n_rows, found.n_skipped) == (55, 5)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_a_stream(method):
    z = spoiled()
    acc, clean = skipping(method=method), rankme.Accumulator(K, method=method)
    for block in np.array_split(z, 7):
        acc.update(block)
    for block in np.array_split(z[GOOD], 7):
        clean.update(block)
    assert (acc.n_rows, acc.n_skipped, acc.skip_nonfinite) == (55, 5, True)
    assert acc.score() == pytest.approx(clean.score(), rel=1e-12)
    assert acc.spectrum(center=True).n_skipped == 5
    assert (clean.n_skipped, clean.skip_nonfinite) == (0, False)


def test_the_count_goes_with_the_sums(tmp_path):
    acc = skipping()
    acc.update(spoiled(), shard="a")
    acc.save(tmp_path / "a.rankme")
    for again in (
        acc.copy(),
        pickle.loads(pickle.dumps(acc)),
        rankme.Accumulator.load(tmp_path / "a.rankme"),
        acc + rankme.Accumulator(K),
        sum([rankme.Accumulator(K), acc]),
    ):
        assert (again.n_rows, again.n_skipped, again.shards) == (55, 5, {"a": 55})
    again = pickle.loads(pickle.dumps(acc))
    assert again.skip_nonfinite
    again.update(spoiled())
    assert (again.n_rows, again.n_skipped) == (110, 10)
    with pytest.raises(ValueError, match="both hold rows of shard 'a'"):
        again.merge(acc)
    assert (again.n_rows, again.n_skipped) == (110, 10)
    twice = skipping()
    twice.update(spoiled())
    twice.merge(twice)
    assert (twice.n_rows, twice.n_skipped) == (110, 10)
    total = rankme.Accumulator(K)
    total += acc
    assert (total.n_skipped, total.skip_nonfinite) == (5, False)
    with pytest.raises(rankme.NonFiniteError):
        total.update(spoiled())
    assert total.n_skipped == 5
    total.reset()
    assert (total.n_rows, total.n_skipped) == (0, 0)


def test_what_has_skipped_nothing_is_saved_as_before(tmp_path):
    acc, strict = skipping(), rankme.Accumulator(K)
    for one in (acc, strict):
        one.update(spoiled()[GOOD])
    strict.save(tmp_path / "a.rankme")
    header = (tmp_path / "a.rankme").read_bytes()[16:400]
    assert b"skipped" not in header
    assert state_file.read(tmp_path / "a.rankme").skipped == (0, {}, False)


NOTES = [
    5,
    {},
    {"rows": -1, "shards": {}, "allowed": True},
    {"rows": True, "shards": {}, "allowed": True},
    {"rows": 1, "shards": {"a": 2}, "allowed": True},
    {"rows": 3, "shards": {"a": 1.5}, "allowed": True},
    {"rows": 3, "shards": [], "allowed": True},
    {"rows": 3, "shards": {}, "allowed": 1},
]


@pytest.mark.parametrize("note", NOTES, ids=json.dumps)
def test_a_note_that_cannot_be(note):
    from rankme._accumulators.state_header import parse_header, write_header

    acc = skipping()
    acc.update(spoiled())
    fields = json.loads(write_header(acc._state()))
    assert parse_header(json.dumps(fields).encode(), 3)[0].skipped.rows == 5
    fields["skipped"] = note
    with pytest.raises(ValueError, match="a note of skipped rows of another form"):
        parse_header(json.dumps(fields).encode(), 3)


def test_an_error_counts_nothing():
    acc = skipping()
    acc.update(spoiled())
    before = bits(acc)
    for z, error in ((np.ones((3, K + 1)), ValueError), (np.full((3, K + 1), np.nan), ValueError)):
        with pytest.raises(error, match="columns"):
            acc.update(z)
    with pytest.raises(TypeError, match="shard must be a str"):
        acc.update(spoiled(), shard=3)
    assert (bits(acc), acc.n_skipped) == (before, 5)


def test_all_rows_are_bad():
    z = np.full((4, K), np.nan)
    acc = skipping()
    acc.update(z, shard="a")
    assert (acc.n_rows, acc.n_skipped, acc.shards) == (0, 4, {})
    with pytest.raises(ValueError, match="all 4 were left out, for each holds NaN or infinity"):
        acc.score()
    for given in (z, iter([z, z[:1]]), iter([z] * 3)):
        with pytest.raises(ValueError, match="NaN or infinity"):
            rankme.score(given, skip_nonfinite=True)


def test_tensors_of_a_dtype_without_numpy():
    z = torch.from_numpy(spoiled()).to(torch.bfloat16)
    found = rankme.spectrum(z, skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (55, 5)
    assert found.rankme() == rankme.score(z[torch.from_numpy(GOOD)])


def test_rows_and_count_are_of_one_instant():
    acc = skipping()
    stop = threading.Event()
    wrong = []

    def look():
        while not stop.is_set():
            state = acc._state()
            if state.n_rows * 5 != state.skipped.rows * 55:
                wrong.append(state)

    watcher = threading.Thread(target=look)
    watcher.start()
    adders = [
        threading.Thread(target=lambda: [acc.update(spoiled()) for _ in range(60)])
        for _ in range(3)
    ]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    stop.set()
    watcher.join()
    assert not wrong
    assert (acc.n_rows, acc.n_skipped) == (180 * 55, 180 * 5)
