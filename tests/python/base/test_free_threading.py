"""Threads that share arrays and accumulators, with a GIL and without one."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rankme
from fake_producers import DLPack
from helpers import output_of
from rankme import _core
from rankme._base.arrays import as_array

THREADS = 8
ROUNDS = 25

# CPython switches the GIL on, with a warning, for a module that does not declare that it can do
# without; where the interpreter has no other way than the GIL, that it has one must stay true.
IMPORT = """
import sys, warnings
import numpy
warnings.simplefilter("error")
enabled = getattr(sys, "_is_gil_enabled", lambda: True)
before = enabled()
import rankme, rankme.metrics
rankme.score(numpy.eye(3))
assert enabled() == before
print(before)
"""


def test_the_import_leaves_the_gil_as_it_was():
    assert output_of(IMPORT).strip() == str(getattr(sys, "_is_gil_enabled", lambda: True)())


def run_at_once(work):
    """Call work(i) in THREADS threads that start together, and hand on what they raise."""
    barrier = threading.Barrier(THREADS)

    def begin(i):
        barrier.wait()
        return work(i)

    with ThreadPoolExecutor(THREADS) as pool:
        return [
            done.result(timeout=300) for done in [pool.submit(begin, i) for i in range(THREADS)]
        ]


def test_update_merge_spectrum_and_score_at_once():
    # A lost or doubled update shows in the first digits, whatever the order of the sums rounds.
    z = np.random.default_rng(1).integers(-3, 4, (300, 24)).astype("f4")
    expected = rankme.score(z)
    shared, other = rankme.Accumulator(24), rankme.Accumulator(24)
    other.update(z[:50])
    view = as_array(z)
    taken = np.zeros(THREADS, int)

    def work(i):
        for turn in range(ROUNDS):
            match (i + turn) % 4:
                case 0:
                    shared.update(view)
                case 1:
                    shared.update(DLPack(z))
                case 2:
                    shared.merge(other)
                case _:
                    assert rankme.score(view) == expected
                    if shared.n_rows:
                        assert 1 < shared.spectrum().rankme() < 25
                        assert shared.copy().n_rows <= THREADS * ROUNDS * 300
            taken[i] += {0: 300, 1: 300, 2: 50, 3: 0}[(i + turn) % 4]

    run_at_once(work)
    assert shared.n_rows == taken.sum()
    whole, part = z.astype("f8").T @ z, z[:50].astype("f8").T @ z[:50]
    merged = sum((i + turn) % 4 == 2 for i in range(THREADS) for turn in range(ROUNDS))
    updates = sum((i + turn) % 4 < 2 for i in range(THREADS) for turn in range(ROUNDS))
    expected = updates * whole + merged * part
    np.testing.assert_allclose(shared.gram(), expected, rtol=0, atol=1e-12 * expected.max())


def test_views_made_and_dropped_at_once():
    producers = [DLPack(np.ones((5, 3))) for _ in range(THREADS)]
    z = np.ones((5, 3))
    before = sys.getrefcount(z)

    def work(i):
        for _ in range(200):
            views = [as_array(z), _core.ArrayView(memoryview(z)), as_array(producers[i])]
            assert [view.shape for view in views] == [(5, 3)] * 3

    run_at_once(work)
    assert sys.getrefcount(z) == before
    assert [producer.deleted for producer in producers] == [200] * THREADS


def test_one_accumulator_refuses_and_takes_at_once():
    z = np.ones((40, 6))
    bad = z.copy()
    bad[39, 5] = np.nan
    acc = rankme.Accumulator(6)

    def work(i):
        for _ in range(50):
            if i % 2:
                with pytest.raises(rankme.NonFiniteError, match=r"Z\[39, 5\] is nan"):
                    acc.update(bad)
            else:
                acc.update(z)

    run_at_once(work)
    assert acc.n_rows == THREADS // 2 * 50 * 40
