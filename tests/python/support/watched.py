"""Rows of one kind, in files and in pipes, for the tests of ``rankme watch``."""

import json
import signal
import subprocess
import time

import numpy as np
import pytest

import rankme
from command import RANKME, environment

K = 6
WINDOW = 100
FOLDER = ("--once", "--settle", 0, "--json", "--window", WINDOW)
_RNG = np.random.default_rng(3)
MIXING = _RNG.standard_normal((K, K))
MEAN = 2 * _RNG.standard_normal(K)


def draw(n, seed=0, scale=1.0):
    return scale * (np.random.default_rng(seed).standard_normal((n, K)) @ MIXING.T + MEAN)


def expected(rows, **options):
    return rankme.Monitor(K, window=WINDOW, **options).update(rows)


def same(found, wanted):
    assert [one["index"] for one in found] == [one["index"] for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one["n_rows"] == other["n_rows"]
        assert one["rankme"] == pytest.approx(other["rankme"], rel=1e-12)
        if other["std_error"] is not None:
            assert one["std_error"] == pytest.approx(other["std_error"], rel=1e-9)


def put(folder, name, rows):
    """Put a file into a folder as a careful writer does: under another name first."""
    temporary = folder / f".{name}.part"
    with temporary.open("wb") as file:
        np.save(file, rows)
    temporary.rename(folder / name)


def lines_of(rows, **columns):
    """Return rows as lines of JSON."""
    names = list(columns)
    return "".join(
        json.dumps({"embedding": row.tolist(), **dict(zip(names, some, strict=True))}) + "\n"
        for row, *some in zip(rows, *columns.values(), strict=True)
    )


def started(*args, **options):
    """Start the command in a process that goes on."""
    return subprocess.Popen(
        [RANKME, "watch", *map(str, args)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def windows(text):
    return [json.loads(line) for line in text.splitlines()]


def next_window(process):
    """Wait for a line of the command."""
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return json.loads(line)


def ended(process, number=signal.SIGTERM):
    """End the command, and return its exit status, what it still printed and said."""
    process.send_signal(number)
    out, said = process.communicate(timeout=30)
    return process.returncode, out, said


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)
