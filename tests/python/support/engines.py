"""What the tests of all engines share: data, and how a worker is killed in the middle of a task."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import rankme


def java_version():
    """The major version of the Java that Spark would start, or 0."""
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home, "bin", "java")) if home else "java"
    try:
        told = subprocess.run([command, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r'version "(\d+)', told.stderr)
    return int(found[1]) if found else 0


needs_java = pytest.mark.skipif(
    java_version() < 17,
    reason="no Java 17 or later for Spark; Debian: apt-get install openjdk-17-jre-headless",
)

# For `os.environ`. Java's second compiler, and threads that collect garbage, cost programs of
# seconds more than they bring.
SPARK = {
    "PYSPARK_PYTHON": sys.executable,
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}

# What is promised is ten; a quick run does with fewer.
REPETITIONS = int(os.environ.get("RANKME_REPETITIONS", "2"))
K = 384


def embeddings(n_rows, n_cols=K, seed=0):
    """Rows with a decaying spectrum and a mean, so that no two of them score alike."""
    rng = np.random.default_rng(seed)
    scales = np.arange(1, n_cols + 1) ** -0.7
    return (rng.standard_normal((n_rows, n_cols)) * scales + 0.1).astype(np.float32)


def one_process(z, **options):
    acc = rankme.Accumulator(z.shape[1], **options)
    acc.update(z)
    return acc


def assert_same(acc, expected):
    """The same score to 1e-12 and the same row count, centred or not."""
    assert acc.n_rows == expected.n_rows
    for center in (False, True):
        assert acc.score(center=center) == pytest.approx(expected.score(center=center), rel=1e-12)
    low, high = acc.spectrum().rankme_bounds()
    assert low <= expected.score() <= high


def assert_fast(acc, expected):
    """The same rows, multiplied in float32."""
    assert acc.fast_rows == acc.n_rows == expected.n_rows
    spectrum = acc.spectrum()
    assert spectrum.precision == "fast"
    low, high = spectrum.rankme_bounds()
    assert low <= expected.score() <= high
    assert high - low < 1e-4 * low


def write_shards(folder, z, count):
    paths = []
    for i, shard in enumerate(np.array_split(z, count)):
        paths.append(folder / f"shard-{i}.npy")
        np.save(paths[-1], shard)
    return paths


def descendants():
    return psutil.Process().children(recursive=True)


class WorkerKiller:
    """While the block runs, kills -9 one process that is in the middle of a task, once.

    `is_working` tells of a process whether it runs a task right now. It is asked again while the
    process is stopped, so that the kill cannot come between two tasks.
    """

    def __init__(self, is_working, *, seed):
        self.is_working = is_working
        self.delay = random.Random(seed).uniform(0, 0.1)  # noqa: S311
        self.killed = None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.hunt, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def hunt(self):
        while not self.done.is_set():
            working = [process for process in descendants() if self.asked(process)]
            if working:
                time.sleep(self.delay)
                if self.kill(working[0]):
                    return
            time.sleep(0.005)

    def asked(self, process):
        try:
            return self.is_working(process)
        except psutil.Error:
            return False

    def kill(self, process):
        try:
            process.suspend()
            if self.asked(process):
                os.kill(process.pid, signal.SIGKILL)
                self.killed = process.pid
                return True
            process.resume()
        except (psutil.Error, ProcessLookupError):
            pass
        return False
