"""Small things that several test files do."""

import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

import rankme
from rankme._accumulators.state_header import KINDS

ROOT = Path(__file__).parents[3]

# Linux counts the memory of the process that starts another one as that one's own peak, so the
# starter is a small interpreter and not this one.
MEASURE = """
import json, resource, subprocess, sys
out = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([json.loads(out), peak]))
"""


def accumulated(*blocks, normalize=False):
    acc = rankme.Accumulator(blocks[0].shape[1], normalize=normalize)
    for block in blocks:
        acc.update(block)
    return acc


def in_blocks(z, *, method, normalize=False, lengths=(7, 100, 1)):
    """An accumulator that has seen Z in blocks of these lengths, in turn."""
    acc = rankme.Accumulator(z.shape[1], method=method, normalize=normalize)
    ends = itertools.accumulate(itertools.cycle(lengths))
    cuts = itertools.takewhile(lambda end: end < len(z), ends)
    for block in np.split(z, list(cuts)):
        acc.update(block)
    return acc


def quietly(call, *args, **options):
    """Call without the warning of a wide interval."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rankme.PrecisionWarning)
        return call(*args, **options)


def half_width(spectrum, eps=1e-7):
    """How far the score may be from the exact one, relative."""
    low, high = spectrum.rankme_bounds(eps=eps)
    return (high - low) / 2 / spectrum.rankme(eps=eps)


def bits(acc):
    """Everything that an accumulator knows, as values that compare bit for bit."""
    state = acc._state()
    arrays = tuple(array.tobytes() for array in state.arrays)
    return state._replace(arrays=arrays, skipped=None)


def contents(acc):
    """What an accumulator knows, by the names that its saved file has."""
    state = acc._state()
    kind = KINDS[state.kind]
    return {
        "n_rows": state.n_rows,
        **dict(zip(kind.numbers, state.numbers, strict=True)),
        **dict(zip(kind.arrays, state.arrays, strict=True)),
    }


def with_array(acc, name, change):
    """The accumulator as it would be had `change` happened to one of its arrays."""
    state = acc._state()
    arrays = dict(zip(KINDS[state.kind].arrays, state.arrays, strict=True))
    arrays[name] = change(arrays[name].copy())
    return type(acc)._from_state(state._replace(arrays=tuple(arrays.values())), "cpu", "float64")


def run_python(code, *args, timeout=120, **env):
    """Run a script in a fresh interpreter; a hang is an error after `timeout` seconds."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def output_of(code, *args, **kwargs):
    result = run_python(code, *args, **kwargs)
    assert result.returncode == 0, result.stderr
    return result.stdout


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def sparse_npy(path, n_rows, n_cols, order="C"):
    """Write a float32 file of zeros that takes no room on the disk; return where the data begin."""
    header = {"descr": "<f4", "fortran_order": order == "F", "shape": (n_rows, n_cols)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        offset = file.tell()
        file.truncate(offset + n_rows * n_cols * 4)
    return offset
