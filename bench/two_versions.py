"""Two installed versions of rankme in turns: what a score and the Gram step take, and the ratio.

    python bench/two_versions.py FOLDER_BEFORE FOLDER_AFTER [score | gram | large]...

Each folder holds what ``pip install --target FOLDER .`` puts there. One thread each. ``large`` is
two scores that take minutes.
"""
# ruff: noqa: INP001, T201

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parents[1] / "tests" / "data" / "minilm_wordnet_2000x384_f16.npy"

# rows, columns, what they are, whether they are centred (None: the Gram step alone), rounds
CASES = {
    "score": (
        (10_000, 128, "Gaussian", False, 41),
        (2_000, 384, "MiniLM, WordNet", False, 41),
        (2_000, 384, "MiniLM, WordNet", True, 41),
        (4_000, 512, "Gaussian", False, 21),
        (4_000, 512, "columns k^-1", False, 21),
        (4_000, 512, "rank 8", False, 11),
        (10_000, 768, "Gaussian", False, 9),
    ),
    "gram": (
        (40_000, 128, "Gaussian", None, 41),
        (20_000, 384, "Gaussian", None, 31),
        (20_000, 768, "Gaussian", None, 15),
        (10_000, 2_048, "Gaussian", None, 9),
    ),
    "large": (
        (25_600, 2_048, "Gaussian", False, 5),
        (10_000, 4_096, "Gaussian", False, 3),
    ),
}

WORKER = """
import json, sys, time, warnings
sys.path.insert(0, sys.argv[1])
import numpy as np, rankme
warnings.simplefilter("ignore", rankme.PrecisionWarning)
for line in sys.stdin:
    n, k, kind, center = json.loads(line)
    rng = np.random.default_rng(0)
    z = {
        "Gaussian": lambda: rng.standard_normal((n, k)),
        "MiniLM, WordNet": lambda: np.load(sys.argv[2]),
        "columns k^-1": lambda: rng.standard_normal((n, k)) / np.arange(1, k + 1),
        "rank 8": lambda: rng.standard_normal((n, 8)) @ rng.standard_normal((8, k)),
    }[kind]()
    z = z if z.dtype == np.float16 else z.astype(np.float32)
    accumulator = rankme.Accumulator(k)
    wall, processor = time.perf_counter(), time.process_time()
    if center is None:
        accumulator.update(z)
    else:
        rankme.score(z, center=center)
    print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]), flush=True)
"""


def worker(folder: str) -> subprocess.Popen:
    """Start a process that scores with the version in a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, folder, str(DATA)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"RANKME_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def seconds(process: subprocess.Popen, case: list) -> list[float]:
    """Return the wall and the processor time of one score."""
    process.stdin.write(json.dumps(case) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    """Print a table in Markdown."""
    versions = [worker(folder) for folder in sys.argv[1:3]]
    chosen = [case for name in sys.argv[3:] or ["score", "gram"] for case in CASES[name]]
    print("| rows x columns | data | before, ms | after, ms | ratio | ratio of medians |")
    print("|:--|:--|--:|--:|--:|--:|")
    for *case, rounds in chosen:
        for version in versions:
            seconds(version, case)  # warms up
        times = [[], []]
        for number in range(rounds):
            for i in (0, 1) if number % 2 else (1, 0):
                times[i].append(seconds(versions[i], case))
        walls = [1e3 * min(wall for wall, _ in one) for one in times]
        least = [min(processor for _, processor in one) for one in times]
        middle = [statistics.median(processor for _, processor in one) for one in times]
        n, k, kind, center = case
        step = {None: ", the Gram step", True: ", centred", False: ""}[center]
        print(
            f"| {n:,} x {k:,} | {kind}{step} | {walls[0]:.1f} "
            f"| {walls[1]:.1f} | {least[1] / least[0]:.2f} | {middle[1] / middle[0]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
