"""Forked workers compute, and finish."""

import pytest

from helpers import output_of

FORKED = """
import multiprocessing, os, sys, threading
import numpy as np
import rankme

rng = np.random.default_rng(0)
narrow = rng.standard_normal((20000, 64), dtype=np.float32)
square = rng.standard_normal((320, 300), dtype=np.float32)
wide = rng.standard_normal((300, 3000), dtype=np.float32)
acc = rankme.Accumulator(64)
acc.update(narrow)

def work(_):
    mine = acc.copy()
    mine.update(narrow)
    return [rankme.score(z) for z in (narrow, square, wide)] + [mine.score()]

expected = work(0)
busy = sys.argv[1] == "busy"
stop = threading.Event()

def compute():
    other = rankme.Accumulator(64)
    while not stop.is_set():
        other.update(narrow)
        rankme.score(square)

threads = [threading.Thread(target=compute) for _ in range(2 if busy else 0)]
for thread in threads:
    thread.start()
try:
    for _ in range(5 if busy else 2):
        children = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    np.testing.assert_allclose(work(0), expected, rtol=1e-12)
                    code = 0
                finally:
                    os._exit(code)
            children.append(pid)
        for pid in children:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    if not busy:
        with multiprocessing.get_context("fork").Pool(3) as pool:
            for scores in pool.map(work, range(6)):
                np.testing.assert_allclose(scores, expected, rtol=1e-12)
finally:
    stop.set()
    for thread in threads:
        thread.join()
np.testing.assert_allclose(work(0), expected, rtol=1e-12)
print("done")
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_forked_workers_finish(state):
    # In a fresh interpreter, whose time limit turns a deadlock into a failure.
    assert output_of(FORKED, state, timeout=100, PYTHONWARNINGS="ignore") == "done\n"


def test_a_fork_keeps_the_budget():
    code = """
import os
import numpy as np, rankme
from rankme import _core
rankme.score(np.ones((5000, 100)))
pid = os.fork()
if pid == 0:
    os._exit(_core.num_threads())
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert output_of(code, RANKME_NUM_THREADS="3", PYTHONWARNINGS="ignore") == "3\n"
