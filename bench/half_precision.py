"""Score float16 against float32 of the same shape: arrays in one process, files by the command.

The two take turns, and the ratio is that of neighbours: 1 or more where float16 is not slower. An
array is scored where it lies and by a memory map of its file. Where others want the machine,
``RANKME_NUM_THREADS=1`` and ``--processor-time`` count what this one used, without the command.
"""
# ruff: noqa: INP001, T201

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import rankme

CLOCK = time.process_time if "--processor-time" in sys.argv else time.perf_counter


def seconds(call: Callable[[], object]) -> float:
    """Time one call, by the clock or by the processor."""
    begin = CLOCK()
    call()
    return CLOCK() - begin


def ratios(half: Callable[[], object], single: Callable[[], object], pairs: int) -> str:
    """Quartiles of float32 time over float16 time, pair by pair; who goes first changes."""
    found = []
    for pair in range(pairs):
        if pair % 2:
            one, two = seconds(half), seconds(single)
        else:
            two, one = seconds(single), seconds(half)
        found.append(two / one)
    low, median, high = np.quantile(found, [0.25, 0.5, 0.75])
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def command(path: Path) -> Callable[[], object]:
    """Score a file as a user would."""
    call = [str(Path(sys.executable).with_name("rankme")), "score", str(path)]
    return lambda: subprocess.run(call, check=True, capture_output=True)


def main() -> None:
    """Print a line for each width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 384, 768, 2048])
    parser.add_argument("--entries", type=int, default=20_000_000, help="of each matrix")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--command-pairs", type=int, default=3)
    parser.add_argument("--processor-time", action="store_true")
    options = parser.parse_args()
    print("float32 time / float16 time: median of pairs (quartiles)")
    with tempfile.TemporaryDirectory() as folder:
        for k in options.widths:
            n = max(options.entries // k, 2 * k)
            z = np.random.default_rng(0).standard_normal((n, k), dtype=np.float32)
            paths = {}
            for dtype in ("f2", "f4"):
                paths[dtype] = Path(folder) / f"{dtype}.npy"
                np.save(paths[dtype], z.astype(dtype))
            half, single = z.astype("f2"), z
            maps = [np.load(paths[dtype], mmap_mode="r") for dtype in ("f2", "f4")]
            arrays = ratios(lambda: rankme.score(half), lambda: rankme.score(single), options.pairs)  # noqa: B023
            mapped = ratios(
                lambda: rankme.score(maps[0]),  # noqa: B023
                lambda: rankme.score(maps[1]),  # noqa: B023
                options.pairs,
            )
            print(f"{n} x {k}: array {arrays}, memory map {mapped}", end="", flush=True)
            if not options.processor_time:
                files = ratios(command(paths["f2"]), command(paths["f4"]), options.command_pairs)
                print(f", command {files}", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
