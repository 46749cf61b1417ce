"""A run that is asked to end saves what it has, unless it is asked twice."""

import signal
import subprocess
import sys
import time

import pytest

import rankme
from command import environment
from helpers import sparse_npy
from runs import record, rows_in, running

# A source that stops giving blocks, and checkpoints that take longer than the test from the second
# one on. The times are those of the signals.
SLOW = """
import os, signal, sys, threading, time
import numpy as np
from rankme._accumulators import state_file
from rankme._scoring import resumable
from rankme._scoring.meter import NoMeter
from rankme.sources import Identity, RowSource

class Source(RowSource):
    name, identity = "slow", Identity("slow", 1, "1")
    n_rows, n_cols, dtype = 10_000, 8, np.dtype(np.float64)

    def blocks(self, start=0, *, hold=0):
        for first in range(start, self.n_rows, 10):
            if first >= int(sys.argv[2]):
                time.sleep(3600)
            yield np.random.default_rng(first).standard_normal((10, 8))

count, write = 0, state_file.write

def slow_write(path, state):
    global count
    count += 1
    print("writing", flush=True)
    if count > 1:
        time.sleep(3600)
    write(path, state)

state_file.write = slow_write
resumable.accumulate(Source(), sys.argv[1], normalize=False, method="gram", device="cpu",
                every=float(sys.argv[3]), meter=NoMeter(), warn=print)
"""


@pytest.mark.parametrize(
    ("blocks_until", "every"),
    [(100, 3600), (10_000, 0)],
    ids=["waiting for a block", "writing a checkpoint"],
)
def test_a_second_ctrl_c_does_not_wait(tmp_path, blocks_until, every):
    state = tmp_path / "run.rankme"
    arguments = [state, blocks_until, every]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "writing\n"
        if every == 0:
            assert process.stdout.readline() == "writing\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        if every:  # the last checkpoint
            assert process.stdout.readline() == "writing\n"
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert output == ""  # no further checkpoint was begun
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert rankme.Accumulator.load(state).n_rows == 0  # the first one stands
    assert [path.name for path in tmp_path.iterdir()] == ["run.rankme"]


def test_termination_writes_a_last_checkpoint(tmp_path):
    shard, state = tmp_path / "zeros.npy", tmp_path / "run.rankme"
    sparse_npy(shard, 2_000_000, 512)
    with running(shard, "--state", state, "--checkpoint-every", 3600) as process:
        while not state.exists():
            time.sleep(0.01)
        time.sleep(2)
        before = rows_in(state)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert before == 0 < rows_in(state)


def test_what_killed_runs_left_is_removed(tmp_path):
    shard, state = tmp_path / "zeros.npy", tmp_path / "run.rankme"
    sparse_npy(shard, 100_000, 512)
    rankme.Accumulator(512).save(tmp_path / "other.rankme")
    kept = tmp_path / ".rankme-0123456789abcdef-0123456789abcdef.tmp"  # of another file
    kept.write_bytes(b"")
    for _ in range(20):
        with running(shard, "--state", state, "--checkpoint-every", 0) as process:
            while len(list(tmp_path.glob(".rankme-*"))) < 2 and process.poll() is None:
                pass
            process.kill()
            process.wait()
        if len(list(tmp_path.glob(".rankme-*"))) > 1:
            break
        state.unlink(missing_ok=True)
    else:
        pytest.fail("no run was killed while it wrote")
    record(shard, "--state", state)
    assert list(tmp_path.glob(".rankme-*")) == [kept]
