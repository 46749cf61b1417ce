"""The GIL, and several threads on one accumulator."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rankme
from helpers import output_of
from oracles import SAME_ROWS, moderate, relative_error

# ---- the GIL -----------------------------------------------------------------------------------


def operations():
    z = moderate(1, 3000, 600, "f4")
    wide = moderate(2, 500, 4000, "f4")
    acc, other = rankme.Accumulator(600), rankme.Accumulator(600)
    acc.update(z)
    other.update(z)
    stack, layers = rankme.LayerAccumulator(3, 600), [z, z, z]
    stack.update(layers)
    return {
        "score": lambda: rankme.score(z),
        "score, N < K": lambda: rankme.score(wide),
        "normalised score, N < K": lambda: rankme.score(wide, normalize=True),
        "update": lambda: acc.update(z),
        "merge": lambda: acc.merge(other),
        "spectrum": acc.spectrum,
        "gram": acc.gram,
        "state": acc.copy,
        "stack's update": lambda: stack.update(layers),
        "stack's score": stack.score,
        "stack's merge": lambda: stack.merge(stack),
        "stack's state": stack.copy,
        "a layer of a stack": lambda: stack[1],
    }


OPERATIONS = [
    "score",
    "score, N < K",
    "normalised score, N < K",
    "update",
    "merge",
    "spectrum",
    "gram",
    "state",
    "stack's update",
    "stack's score",
    "stack's merge",
    "stack's state",
    "a layer of a stack",
]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_gil_is_released(name):
    # With a switch interval of hours the interpreter changes threads only where somebody gives the
    # GIL away, so the other thread moves between the two readings only if the operation does.
    operation = operations()[name]
    ticks = 0
    running = threading.Event()
    stop = False

    def tick():
        nonlocal ticks
        running.set()
        while not stop:
            ticks += 1
            os.sched_yield()  # gives the GIL away

    interval = sys.getswitchinterval()
    sys.setswitchinterval(10_000)
    other = threading.Thread(target=tick)
    other.start()
    try:
        running.wait()
        for _ in range(1000):
            before = ticks
            operation()
            if ticks > before:
                break
        else:
            pytest.fail(f"no other thread ran during 1000 times {name}")
    finally:
        stop = True
        sys.setswitchinterval(interval)
        other.join()


# ---- one accumulator, several threads ----------------------------------------------------------


@pytest.mark.parametrize("k", [40, 300])
def test_four_threads_update_one_accumulator(k):
    z = moderate(3, 8000, k, "f4")
    one = rankme.Accumulator(k)
    one.update(z)
    many = rankme.Accumulator(k)
    barrier = threading.Barrier(5)

    def feed(part):
        barrier.wait()
        for block in np.array_split(part, 20):
            many.update(block)

    def look():
        barrier.wait()
        for _ in range(30):
            if many.n_rows:
                assert 1 <= many.score() <= k + 1
                assert np.all(np.diag(many.gram()) > 0)
                many.copy()

    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(feed, part) for part in np.split(z, 4)] + [pool.submit(look)]
        for future in futures:
            future.result(timeout=60)
    assert many.n_rows == 8000
    assert relative_error(many.score(), one.score()) < SAME_ROWS
    assert relative_error(many.score(center=True), one.score(center=True)) < SAME_ROWS


def test_threads_with_accumulators_of_their_own():
    z = moderate(4, 8000, 64, "f4")
    expected = rankme.score(z)

    def reduce(part):
        acc = rankme.Accumulator(64)
        acc.update(part)
        return acc

    with ThreadPoolExecutor(4) as pool:
        total = sum(pool.map(reduce, np.array_split(z, 16)))
        scores = list(pool.map(rankme.score, [z] * 8))
    assert relative_error(total.score(), expected) < SAME_ROWS
    assert all(relative_error(score, expected) < SAME_ROWS for score in scores)


def test_bad_blocks_beside_good_ones():
    z = moderate(5, 4000, 32, "f4")
    bad = z[:500].copy()
    bad[499, 31] = np.nan
    acc = rankme.Accumulator(32)

    def feed_good(block):
        acc.update(block)

    def feed_bad(_):
        with pytest.raises(rankme.NonFiniteError, match=r"Z\[499, 31\] is nan"):
            acc.update(bad)

    with ThreadPoolExecutor(4) as pool:
        good = [pool.submit(feed_good, block) for block in np.array_split(z, 40)]
        wrong = [pool.submit(feed_bad, i) for i in range(40)]
        for future in good + wrong:
            future.result(timeout=60)
    assert acc.n_rows == 4000
    assert relative_error(acc.score(), rankme.score(z)) < SAME_ROWS


CROSSED = """
import threading
import numpy as np, rankme

for _ in range(50):
    pair = [rankme.Accumulator(100) for _ in range(2)]
    for acc in pair:
        acc.update(np.eye(100))
    barrier = threading.Barrier(2)

    def merge(mine, theirs):
        barrier.wait()
        for _ in range(15):
            mine.merge(theirs)

    threads = [threading.Thread(target=merge, args=order) for order in (pair, pair[::-1])]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    for acc in pair:
        assert acc.n_rows >= 1600 and acc.n_rows % 100 == 0
        expected = acc.n_rows // 100 * np.eye(100)
        np.testing.assert_allclose(acc.gram(), expected, rtol=0, atol=1e-12 * expected.max())
"""


def test_merging_two_accumulators_into_each_other_at_once():
    output_of(CROSSED, timeout=60)
