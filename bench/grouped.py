"""What labels cost: rows a second into a GroupedAccumulator, against an Accumulator, in turn.

Rows are float32; labels are drawn at random, so that a batch has rows of most groups. The median of
the rounds, and the ratio of the two in each round.
"""
# ruff: noqa: INP001, T201

import argparse
import time

import numpy as np

import rankme


def main() -> None:
    """Print a line of a Markdown table for each size of batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=768)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--rows", type=int, default=32768, help="in a round")
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 4096])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    rankme._core.set_num_threads(options.threads)  # noqa: SLF001
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((options.rows, options.columns), dtype=np.float32)
    labels = rng.integers(0, options.groups, options.rows)
    print("| rows a batch | Accumulator, rows/s | GroupedAccumulator, rows/s | ratio, of rounds |")
    print("|--:|--:|--:|--:|")
    for batch in options.batches:
        plain = rankme.Accumulator(options.columns)
        grouped = rankme.GroupedAccumulator(options.columns, options.groups)
        seconds: list[tuple[float, float]] = []
        for _ in range(options.rounds + 1):
            begin = time.process_time()
            for start in range(0, options.rows, batch):
                plain.update(rows[start : start + batch])
            middle = time.process_time()
            for start in range(0, options.rows, batch):
                grouped.update(rows[start : start + batch], groups=labels[start : start + batch])
            seconds.append((middle - begin, time.process_time() - middle))
        times = np.array(seconds[1:])  # the first round makes room
        first, second = options.rows / np.median(times, axis=0)
        ratios = times[:, 1] / times[:, 0]
        print(
            f"| {batch} | {first:,.0f} | {second:,.0f} | "
            f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f}) |"
        )


if __name__ == "__main__":
    main()
