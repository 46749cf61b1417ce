"""An accumulator knows which shards its rows came from, and counts none of them twice."""

import contextlib
import copy
import pickle
import signal
import threading
import time

import numpy as np
import pytest

import rankme
from helpers import bits
from oracles import moderate

METHODS = ["gram", "qr"]


def of_shards(method="gram", **rows):
    acc = rankme.Accumulator(4, method=method)
    for shard, count in rows.items():
        acc.update(moderate(count, count, 4), shard=shard)
    return acc


@pytest.mark.parametrize("method", METHODS)
def test_rows_are_counted_under_their_shard(method):
    acc = of_shards(method, a=3, b=5)
    acc.update(moderate(1, 10, 4))
    acc.update(moderate(2, 7, 4), shard="a")
    assert acc.shards == {"a": 10, "b": 5}
    assert acc.n_rows == 25
    acc.shards["a"] = 0  # a snapshot
    assert acc.shards == {"a": 10, "b": 5}


@pytest.mark.parametrize("method", METHODS)
def test_an_id_changes_no_number(method):
    named, plain = (rankme.Accumulator(4, method=method) for _ in range(2))
    z = moderate(3, 50, 4)
    named.update(z, shard="a")
    plain.update(z)
    assert bits(named)._replace(shards={}) == bits(plain)._replace(shards={})


@pytest.mark.parametrize("method", METHODS)
def test_a_shard_that_is_in_both_is_refused(method):
    acc, other = of_shards(method, a=3, b=5), of_shards(method, c=6, b=7)
    before = bits(acc), bits(other)
    with pytest.raises(ValueError, match=r"both hold rows of shard 'b' \(5 and 7\)"):
        acc.merge(other)
    with pytest.raises(ValueError, match="counted twice"):
        acc += acc
    assert (bits(acc), bits(other)) == before


@pytest.mark.parametrize("method", METHODS)
def test_merging_joins_the_tables(method):
    acc = of_shards(method, a=3)
    acc.merge(of_shards(method, b=5, c=6))
    acc.merge(of_shards(method))
    plain = rankme.Accumulator(4, method=method)
    plain.update(moderate(4, 9, 4))
    acc.merge(plain)
    acc.merge(plain)  # nobody can tell rows without a shard apart
    assert acc.shards == {"a": 3, "b": 5, "c": 6}
    assert acc.n_rows == 32
    assert (acc + of_shards(method, d=2)).shards == {"a": 3, "b": 5, "c": 6, "d": 2}


# The last is what Python makes of a file name with a byte that is no UTF-8.
IDS = ["", "a.npy", "s3://b/k#x", "Ümläut/日本.npy", "\0\n\"'\\", "\ud800", "x\udcff.npy"]


@pytest.mark.parametrize("method", METHODS)
def test_the_table_travels_with_the_state(method, tmp_path):
    acc = rankme.Accumulator(4, method=method)
    for count, shard in enumerate(IDS, start=1):
        acc.update(moderate(count, count, 4), shard=shard)
    acc.save(tmp_path / "a")
    for other in (
        rankme.Accumulator.load(tmp_path / "a"),
        pickle.loads(pickle.dumps(acc)),
        copy.deepcopy(acc),
        acc.copy(),
    ):
        assert other.shards == {shard: count for count, shard in enumerate(IDS, start=1)}
        assert bits(other) == bits(acc)
        with pytest.raises(ValueError, match="both hold rows of shard"):
            other.merge(acc)
    acc.reset()
    assert acc.shards == {}
    assert other.shards[IDS[-1]] == len(IDS)


def test_a_pair_of_surrogates_is_the_character_that_it_stands_for(tmp_path):
    # In the header it is written in the same way.
    pair, lone = "\ud83d\ude00", "\udcff"
    acc = of_shards(**{pair: 3, "\U0001f600": 4, lone: 5})
    assert acc.shards == {"\U0001f600": 7, lone: 5}
    acc.save(tmp_path / "a.rankme")
    assert rankme.Accumulator.load(tmp_path / "a.rankme").shards == acc.shards


def test_the_error_names_any_shard():
    for shard in IDS:
        with pytest.raises(ValueError, match="both hold") as caught:
            of_shards(**{shard: 2}).merge(of_shards(**{shard: 3}))
        assert repr(shard) in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("known", [False, True])
def test_a_bad_block_leaves_no_entry(method, known):
    acc = of_shards(method, **({"a": 3} if known else {}))
    before = bits(acc)
    bad = np.ones((5, 4))
    bad[3, 2] = np.nan
    for block in (bad, np.ones((5, 3)), np.ones((0, 3))):
        with pytest.raises(ValueError, match="Z"):
            acc.update(block, shard="a")
    assert bits(acc) == before
    acc.update(np.ones((0, 4)), shard="a")  # no rows, and no shard
    assert bits(acc) == before


@pytest.mark.parametrize("shard", [b"a", 5, ["a"]], ids=repr)
def test_an_id_that_is_no_text(shard):
    acc = of_shards()
    with pytest.raises(TypeError, match="shard must be a str or None, not"):
        acc.update(np.ones((2, 4)), shard=shard)
    assert acc.n_rows == 0


@pytest.mark.parametrize("method", METHODS)
def test_rows_and_shards_are_of_one_instant(method):
    acc = rankme.Accumulator(4, method=method)
    z = moderate(1, 3, 4)
    stop = threading.Event()

    def feed(shard):
        while not stop.is_set():
            acc.update(z, shard=shard)
            time.sleep(1e-5)  # a mutex is not fair

    threads = [threading.Thread(target=feed, args=(str(i),)) for i in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            seen = acc.copy()
            assert seen.n_rows == sum(seen.shards.values())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert acc.n_rows == sum(acc.shards.values()) > 0


def test_an_interrupt_cannot_part_rows_from_their_shard():
    acc = rankme.Accumulator(64)
    z = moderate(1, 200, 64)
    end = time.monotonic() + 60  # of a machine that does other things
    interrupts = 0
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        while interrupts < 200 and time.monotonic() < end:
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.003 * (interrupts % 17) / 17)
                while True:
                    acc.update(z, shard="a")
            interrupts += 1
            assert acc.n_rows == acc.shards.get("a", 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert interrupts == 200
    assert acc.n_rows > 0
