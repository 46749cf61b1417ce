"""A large array (244 MiB, half of it in bfloat16) of any library is scored without a copy."""

import pytest

from helpers import output_of

MEASURE = """
import sys
from pathlib import Path
import numpy as np
import rankme

def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

def score(made):
    acc = rankme.Accumulator(64)
    acc.update(made)
    return rankme.score(made), acc.score()

n, k = 1_000_000, 64
def rows(n):
    z = np.empty((n, k), np.float32)
    z[:] = 0
    z[:, 0] = 1
    z[np.arange(n), np.arange(n) % k] += 1
    return z

{make}
score(make(rows(1000)))
z = make(rows(n))
Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS, proc(5)
before = memory("VmRSS:")
assert before >= n * k * 2
one, streamed = score(z)
assert abs(one / streamed - 1) < 1e-12
print(memory("VmHWM:") - before)
"""
PRODUCERS = {
    "torch": """
import torch
make = torch.from_numpy""",
    "torch bfloat16": """
import torch
make = lambda z: torch.from_numpy(z).to(torch.bfloat16)""",
    "jax": """
import jax.numpy as jnp
make = lambda z: jnp.asarray(z).block_until_ready()""",
    "pyarrow": """
import pyarrow as pa
make = lambda z: pa.FixedSizeListArray.from_arrays(pa.array(z.reshape(-1)), k)""",
    "pyarrow tensor": """
import pyarrow as pa
make = pa.Tensor.from_numpy""",
    "polars": """
import polars as pl
make = pl.Series""",
    "memoryview": "make = memoryview",
    "mapped": """
def make(z):
    np.save(sys.argv[1], z)
    mapped = np.load(sys.argv[1], mmap_mode="r")
    assert mapped.sum() > 0  # its pages are there before the measurement
    return mapped""",
}


@pytest.mark.parametrize("make", PRODUCERS.values(), ids=PRODUCERS)
def test_peak_memory(make, tmp_path):
    peak = int(output_of(MEASURE.replace("{make}", make), tmp_path / "z.npy"))
    assert peak <= 48 * 2**20
