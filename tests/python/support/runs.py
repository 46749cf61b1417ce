"""Runs of the command with --state, for the tests that stop them on their way."""

import contextlib
import json
import subprocess
import time

import numpy as np

import rankme
from command import RANKME, environment, run
from oracles import moderate

ROWS = (20_000, 9_000, 1, 20_001)
WIDTH = 512  # blocks of 8192 rows


def write_shards(folder):
    """Write shards of a few blocks each; a run over them takes about a second."""
    folder.mkdir()
    for i, rows in enumerate(ROWS):
        np.save(folder / f"part-{i}.npy", moderate(i, rows, WIDTH).astype(np.float32))
    return folder


def start(*args, **extra):
    return subprocess.Popen(
        [RANKME, "score", *map(str, args), "--json"],
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_in(state):
    """How many rows a state file has; it must be whole whenever it is looked at."""
    if not state.exists():
        return 0
    acc = rankme.Accumulator.load(state)
    assert acc.n_rows == sum(acc.shards.values())
    return acc.n_rows


def wait_for_rows(process, state, more_than):
    """Wait until a run has saved more rows than so many; return False where it ended before."""
    while process.poll() is None:
        if rows_in(state) > more_than:
            return True
        time.sleep(0.002)
    return False


@contextlib.contextmanager
def running(*args, **extra):
    """A run that is killed at the end, whatever the test found."""
    process = start(*args, **extra)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def record(*args, **extra):
    result = run("score", *args, "--json", **extra)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
