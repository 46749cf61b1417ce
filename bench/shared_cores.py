"""What a score costs where other programs want the cores: processor time beside that of one thread.

    python bench/shared_cores.py [FOLDER]... [--case NAME]... [--rounds 3]

Each folder holds a version, put there by ``pip install --target FOLDER .``; without one it is the
installed version. A case runs alone on one thread, alone on all threads, beside as many busy
processes as there are cores, and four times at once, on all threads and on one each. Rounds go
through all of it in turn.
"""
# ruff: noqa: INP001, T201

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack

CASES = ("score", "score of a collapse", "stream", "qr", "stack")

WORKER = """
import json, resource, sys, time, warnings
if sys.argv[1]:
    sys.path.insert(0, sys.argv[1])
import numpy as np, rankme
warnings.simplefilter("ignore", rankme.PrecisionWarning)
rng = np.random.default_rng(0)
def rows(n, k):
    return rng.standard_normal((n, k), dtype=np.float32)
def prepare(case):
    if case == "score":
        z = rows(10_000, 2_048)
        return lambda: rankme.score(z)
    if case == "score of a collapse":
        z = rows(4_000, 8) @ rows(8, 1_536) + 1e-6 * rows(4_000, 1_536)
        return lambda: rankme.score(z)
    if case == "stream":
        z = rows(3_000, 4_096)
        def stream():
            accumulator = rankme.Accumulator(4_096)
            for block in np.split(z, 3):
                accumulator.update(block)
            accumulator.score()
        return stream
    if case == "qr":
        z = rows(100_000, 768)
        return lambda: rankme.score(z, method="qr")
    z = [rows(2_000, 2_048) for _ in range(4)]
    def stack():
        accumulator = rankme.LayerAccumulator(4, 2_048)
        for begin in range(0, 2_000, 500):
            accumulator.update([layer[begin : begin + 500] for layer in z])
        accumulator.score()
    return stack
def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for line in sys.stdin:
    operation = prepare(line.strip())
    time.sleep(0.5)  # until the BLAS threads of NumPy sleep
    print("ready", flush=True)
    sys.stdin.readline()
    wall, processor = time.perf_counter(), spent()
    operation()
    print(json.dumps([time.perf_counter() - wall, spent() - processor]), flush=True)
    operation = None
"""

BUSY = "while True: pass"


class Worker:
    """A process with one version of rankme."""

    def __init__(self, folder: str, threads: int) -> None:
        budget = {"RANKME_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | budget,
        )

    def tell(self, line: str) -> None:
        """Send a line."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def prepare(self, case: str) -> None:
        """Have it make its rows, and wait for it."""
        self.tell(case)
        self.process.stdout.readline()

    def result(self) -> list[float]:
        """Return the wall and the processor time."""
        return json.loads(self.process.stdout.readline())


def together(workers: list[Worker], case: str) -> list[float]:
    """Run a case in all of them at once; return the longest wall and the mean processor time."""
    for worker in workers:
        worker.prepare(case)
    for worker in workers:
        worker.tell("go")
    walls, processors = zip(*[worker.result() for worker in workers], strict=True)
    return [max(walls), statistics.fmean(processors)]


def beside_busy(worker: Worker, case: str, neighbours: int) -> list[float]:
    """Run a case beside processes that do nothing but compute."""
    worker.prepare(case)
    with ExitStack() as stack:
        for _ in range(neighbours):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
            stack.callback(busy.kill)
        worker.tell("go")
        return worker.result()


def main() -> None:
    """Print a table in Markdown for each version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=[""])
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    versions = [
        ([Worker(folder, 1) for _ in range(4)], [Worker(folder, cores) for _ in range(4)])
        for folder in options.folders
    ]
    for case in options.case or CASES:
        times = [{} for _ in versions]
        for _ in range(options.rounds):
            for (singles, workers), kept in zip(versions, times, strict=True):
                for name, seconds in (
                    ("one thread", together(singles[:1], case)),
                    ("four at once, one thread each", together(singles, case)),
                    (f"{cores} threads", together(workers[:1], case)),
                    (f"{cores} busy neighbours", beside_busy(workers[0], case, cores)),
                    ("four at once", together(workers, case)),
                ):
                    kept.setdefault(name, []).append(seconds)
        for folder, kept in zip(options.folders, times, strict=True):
            base = min(processor for _, processor in kept["one thread"])
            for name, seconds in kept.items():
                walls, processors = zip(*seconds, strict=True)
                print(
                    f"| {folder or 'installed'} | {case} | {name} | {min(walls):.3f} "
                    f"| {min(processors):.3f} | {min(processors) / base:.2f} "
                    f"| {statistics.median(processors) / base:.2f} |",
                    flush=True,
                )
    for singles, workers in versions:
        for worker in (*singles, *workers):
            worker.process.stdin.close()
            worker.process.wait()


if __name__ == "__main__":
    main()
