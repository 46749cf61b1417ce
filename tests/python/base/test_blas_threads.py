"""No public call uses OpenBLAS's own threads, which spin where they meet."""

import sys

import pytest

from helpers import output_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a thread used")

# All threads that there are after the import, but for the calling one, are those of the two
# OpenBLAS libraries. Ours come and go.
WATCHED = """
import os, sys, time, warnings
import numpy as np
import rankme

warnings.simplefilter("ignore", rankme.PrecisionWarning)
rng = np.random.default_rng(0)

def rows(n, k):
    return rng.standard_normal((n, k), dtype=np.float32)

def collapsed(n, k):
    return np.outer(rng.standard_normal(n), rng.standard_normal(k)) + 1e-9 * rows(n, k)

narrow, square, wide = rows(20000, 128), rows(1200, 1100), rows(900, 4000)
groups = np.arange(1200) % 3
dead = np.hstack([rows(1200, 1000), 1e-9 * rows(1200, 3)])
tail = collapsed(1500, 1200)
many = [rows(1100, 1100), rows(8, 2000), rows(70, 50)]

def stream():
    # So wide that not every thread has a sum of its own.
    acc = rankme.Accumulator(2100)
    for _ in range(2):
        acc.update(rows(300, 2100))
    acc.merge(acc)
    acc.score()
    acc.score(center=True)
    acc.gram()

def qr():
    acc = rankme.Accumulator(1100, method="qr")
    acc.update(square)
    acc.merge(acc)
    acc.score()

def stack():
    acc = rankme.LayerAccumulator(1, 2100)
    acc.update([rows(300, 2100)])
    acc.score()

def grouped():
    acc = rankme.GroupedAccumulator(1100, 3)
    acc.update(square, groups=groups)
    acc.scores()
    acc.lidar()

CALLS = {
    "narrow": lambda: rankme.score(narrow),
    "square": lambda: rankme.score(square),
    "wide": lambda: rankme.score(wide),
    "centred": lambda: rankme.score(square, center=True),
    "nearly dead": lambda: rankme.score(dead),
    "collapse": lambda: rankme.score(tail),
    "batch": lambda: rankme.score_batch(many),
    "estimate": lambda: rankme.estimate(square, groups=8),
    "stream": stream,
    "qr": qr,
    "one qr": lambda: [rankme.score(z, method="qr") for z in (narrow, square, wide)],
    "stack": stack,
    "grouped": grouped,
    "lidar": lambda: rankme.metrics.lidar(rows(2200, 1100).reshape(1100, 2, 1100)),
    "coherence": lambda: rankme.metrics.coherence(square),
}

def spent():
    # Nanoseconds on a core, by thread.
    own = {}
    for thread in others:
        with open(f"/proc/self/task/{thread}/schedstat") as file:
            own[thread] = int(file.read().split()[0])
    return own

others = [thread for thread in os.listdir("/proc/self/task") if int(thread) != os.getpid()]
before = None
while before != (before := spent()):  # until they sleep
    time.sleep(0.2)
print(len(others))
for name, call in CALLS.items():
    call()
    after = spent()
    if after != before:
        print(name, sum(after.values()) - sum(before.values()))
        before = after
"""


def test_blas_threads_sleep_through_every_call():
    count, *used = output_of(WATCHED, timeout=300, RANKME_NUM_THREADS="4").splitlines()
    assert int(count) >= 3
    assert used == []
