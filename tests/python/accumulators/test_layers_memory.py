"""Memory of a stack: L matrices of K x K and 64 MiB beside them, whatever the number of rows."""

import json

import pytest

from helpers import output_of

# Updates with one array, again and again, so that the input is in the memory measured before.
MEASURE = """
import json, sys
import numpy as np
import rankme

layers, k, n, updates, what = json.loads(sys.argv[1])

def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

def work(acc, zs):
    for _ in range(updates):
        acc.update(zs)
    if what == "score":
        acc.score()
    if what == "save":
        acc.save(sys.argv[2])

small = rankme.LayerAccumulator(2, 3)
small.update(np.ones((2, 4, 3), "f4"))
small.score()
zs = np.random.default_rng(0).standard_normal((layers, n, k), dtype=np.float32)
before = memory("VmRSS:")
work(rankme.LayerAccumulator(layers, k), zs)
print(memory("VmHWM:") - before)
"""

CASES = {
    "few rows": (16, 512, 100, 1, "update"),
    "eighty times the rows": (16, 512, 800, 10, "update"),
    "score": (16, 512, 800, 1, "score"),
    "one wide layer": (1, 2048, 600, 1, "update"),
    "save": (16, 512, 100, 1, "save"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_peak_memory(case, tmp_path):
    layers, k, *_, what = case
    peak = int(output_of(MEASURE, json.dumps(case), tmp_path / "saved", RANKME_NUM_THREADS="2"))
    matrices = layers if layers > 1 else 2  # two threads on one layer: a sum more
    if what == "save":
        matrices *= 1.5  # the packed triangles
    assert peak <= matrices * k * k * 8 + 64 * 2**20
