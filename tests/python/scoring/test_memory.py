"""Peak memory over the input: at most 3 K x K float64 matrices and 64 MiB, whatever N."""

import json

import pytest

from helpers import output_of

# The input is filled in place, so that its making leaves no higher peak than itself.
MEASURE = """
import json, sys
import numpy as np
import rankme

n, k, dtype, what, options = json.loads(sys.argv[1])

def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

def score(z):
    if what == "score":
        return rankme.score(z, **options)
    acc = rankme.Accumulator(z.shape[1])
    whole = {"whole": [z], "a part and the whole": [z[:16000], z]}
    for block in whole.get(what) or np.array_split(z, 3):
        acc.update(block)
    if what == "accumulate" or what in whole:
        return acc.score()
    if what == "gram":
        return acc.gram()[0, 0]
    if what == "save":
        acc.save(sys.argv[2])
        return acc.n_rows

rng = np.random.default_rng(0)
score(np.ones((4, 3), dtype))
z = np.empty((n, k), dtype)
for start in range(0, n, 64):
    z[start : start + 64] = rng.standard_normal((min(64, n - start), k), dtype=np.float32)
before = memory("VmRSS:")
assert before >= z.nbytes
assert score(z) > 0
print(memory("VmHWM:") - before)
"""

CASES = {
    "K = 1024": (8192, 1024, "f4", "score", {}),
    "K = 1024, four times the rows": (32768, 1024, "f4", "score", {}),
    "K = 2048": (2560, 2048, "f4", "score", {}),
    "K = 128": (400_000, 128, "f4", "score", {}),
    "N < K": (1024, 16384, "f4", "score", {}),
    "N < K, normalised and centred": (
        512,
        32768,
        "f4",
        "score",
        {"normalize": True, "center": True},
    ),
    "N > K, normalised and centred": (
        8192,
        1024,
        "f4",
        "score",
        {"normalize": True, "center": True},
    ),
    "float16": (16384, 1024, "f2", "score", {}),
    "float64": (8192, 1024, "f8", "score", {}),
    "accumulator": (2560, 2048, "f4", "accumulate", {}),
    "accumulator's gram": (2560, 2048, "f4", "gram", {}),
    "accumulator's save": (2560, 2048, "f4", "save", {}),
}


def bound(m):
    return 3 * m * m * 8 + 64 * 2**20


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_peak_memory(case, tmp_path):
    n, k, *_ = case
    m = min(n, k)  # the side that the Gram matrix is taken on
    peak = int(output_of(MEASURE, json.dumps(case), tmp_path / "saved"))
    assert peak <= bound(m)


# Rows enough for each thread to take several pieces, if memory allowed a sum for each.
@pytest.mark.parametrize(
    ("what", "threads"), [("whole", 8), ("whole", 32), ("a part and the whole", 24)]
)
def test_peak_memory_of_many_threads(what, threads, tmp_path):
    case = (270_000, 256, "f2", what, {})
    peak = int(
        output_of(MEASURE, json.dumps(case), tmp_path / "saved", RANKME_NUM_THREADS=str(threads))
    )
    assert peak <= bound(256)
