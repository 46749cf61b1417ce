"""How often `rankme.Monitor` raises a false alarm, and how soon it tells of a change.

Rows are simulated, so that the truth is known: K = 32 columns, windows of 1,000 rows, and 20,000
rows of the same kind as the reference. Every window is new. For each kind of rows there are ten
references, and a hundred windows for each.

    python bench/monitor.py                 # prints the tables; some minutes
    python bench/monitor.py --references 2 --kind normal  # a look
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import rankme

COLUMNS = 32
WINDOW = 1000
REFERENCE = 20 * WINDOW
WINDOWS = 100  # of each reference
TRIALS = 5  # of each change and reference
RATE = 0.01
Rows = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Rows]

_FIXED = np.random.default_rng(0)
TURN = np.linalg.qr(_FIXED.standard_normal((COLUMNS, COLUMNS)))[0]
SCALES = np.arange(1, COLUMNS + 1) ** -0.5
# As long as a row is from it, which is usual of embeddings.
MEAN = _FIXED.standard_normal(COLUMNS)
MEAN *= np.linalg.norm(SCALES) / np.linalg.norm(MEAN)
CENTRES = _FIXED.standard_normal((10, COLUMNS)) @ (SCALES[:, None] * TURN)


def normal(rng: np.random.Generator, n: int) -> Rows:
    """Draw from one normal distribution."""
    return rng.standard_normal((n, COLUMNS)) * SCALES @ TURN + MEAN


def clusters(rng: np.random.Generator, n: int) -> Rows:
    """Draw around ten centres."""
    return CENTRES[rng.integers(0, 10, n)] + normal(rng, n) / 2


def heavy(rng: np.random.Generator, n: int) -> Rows:
    """Draw rows of Student's t with 5 degrees of freedom."""
    return (normal(rng, n) - MEAN) * np.sqrt(5 / rng.chisquare(5, n))[:, None] + MEAN


def in_tens(rng: np.random.Generator, n: int) -> Rows:
    """Draw ten neighbours that are nearly alike at a time: what the bands do not know of."""
    return np.repeat(normal(rng, n // 10), 10, axis=0) + normal(rng, n) / 4


KINDS: dict[str, Draw] = {
    "normal": normal,
    "ten clusters": clusters,
    "Student t, 5 degrees": heavy,
    "ten neighbours alike": in_tens,
}


def shifted(rows: Rows, rng: np.random.Generator) -> Rows:
    """Move the mean by 5% of its length, anywhere."""
    way = rng.standard_normal(COLUMNS)
    return rows + 0.05 * np.linalg.norm(rows.mean(axis=0)) * way / np.linalg.norm(way)


def dead(rows: Rows, rng: np.random.Generator) -> Rows:
    """Let a dimension be 0."""
    return rows * (np.arange(COLUMNS) != rng.integers(COLUMNS))


def switched(rows: Rows, rng: np.random.Generator) -> Rows:
    """Turn the space, as another model of the same quality would: RankMe stays as it is."""
    return rows @ np.linalg.qr(rng.standard_normal((COLUMNS, COLUMNS)))[0]


CHANGES = {
    "mean moved by 5%": shifted,
    "a dead dimension": dead,
    "another model": switched,
}


def monitor_of(draw: Draw, rng: np.random.Generator, resamples: int) -> rankme.Monitor:
    """Make a monitor of new rows of a kind."""
    return rankme.Monitor(
        COLUMNS,
        window=WINDOW,
        reference=draw(rng, REFERENCE),
        false_alarms=RATE,
        resamples=resamples,
        seed=int(rng.integers(2**32)),
    )


def false_alarms(monitor: rankme.Monitor, draw: Draw, rng: np.random.Generator) -> tuple[int, int]:
    """Return how many windows of the reference's kind are outside, and early alarms."""
    early = 0
    outside = 0
    for _ in range(WINDOWS):
        before = monitor.alarm
        monitor.update(draw(rng, WINDOW - 10))
        early += monitor.alarm != before  # the window is not full
        (one,) = monitor.update(draw(rng, 10))
        outside += bool(one["outside"])
    return outside, early


def found(monitor: rankme.Monitor, new: Callable[[int], Rows]) -> tuple[bool, bool]:
    """Tell whether a change is found in its first window, and in the first two."""
    first, second = monitor.copy().update(new(2 * WINDOW))
    return bool(first["outside"]), bool(first["outside"] or second["outside"])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="False alarms and detections of rankme.Monitor.")
    parser.add_argument("--references", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    alarms, early, detected = {}, 0, {}
    for kind in options.kind or KINDS:
        draw = KINDS[kind]
        rng = np.random.default_rng(1)
        counts = []
        hits: dict[str, list[tuple[bool, bool]]] = {name: [] for name in CHANGES}
        for _ in range(options.references):
            monitor = monitor_of(draw, rng, options.resamples)
            for name, change in CHANGES.items():
                for _ in range(TRIALS):
                    way = np.random.default_rng(int(rng.integers(2**32))).bit_generator.state
                    hits[name].append(found(monitor, partial(changed, draw, change, rng, way)))
            outside, at_filling = false_alarms(monitor, draw, rng)
            counts.append(outside)
            early += at_filling
        alarms[kind] = counts
        detected[kind] = {name: np.mean(one, axis=0) for name, one in hits.items()}
    total = options.references * WINDOWS
    low, high = stats.binom.ppf([0.025, 0.975], total, RATE).astype(int)
    print(f"promised {RATE:.0%}: {low} to {high} of {total} windows (95%)\n")
    print("| rows | windows | outside | of single references |\n|:--|--:|--:|--:|")
    for kind, counts in alarms.items():
        print(f"| {kind} | {total} | {sum(counts)} | {min(counts)} to {max(counts)} of {WINDOWS} |")
    print(f"\nalarms while a window fills: {early}\n")
    print("| rows | change | in the first window | in the first two |\n|:--|:--|--:|--:|")
    for kind, hits_of in detected.items():
        for name, (one, two) in hits_of.items():
            print(f"| {kind} | {name} | {one:.0%} | {two:.0%} |")


def changed(
    draw: Draw,
    change: Callable[[Rows, np.random.Generator], Rows],
    rng: np.random.Generator,
    way: dict[str, object],
    n: int,
) -> Rows:
    """Draw rows and change them, all of a trial in the same way."""
    same = np.random.default_rng()
    same.bit_generator.state = way
    return change(draw(rng, n), same)


if __name__ == "__main__":
    main()
