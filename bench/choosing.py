"""How often the truly best run is the best or a tied one, and how right the error of a pair is.

Runs are simulated, so that the truth is known: Gaussian rows of K = 64 columns whose spectrum falls
like k^-a. The smaller a is, the higher is the expected score. Where runs are paired, a part of each
row is the same in all of them, as if the same input went through.

    python bench/choosing.py                # prints the tables; about ten minutes
    python bench/choosing.py --draws 20     # a look

`rankme.compare` itself decides. Only its estimates are made here, since `rankme.score_batch` finds
the scores without each group of thousands of small sets at once.
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

import rankme

COLUMNS = 64
GROUPS = 16
SHARED = 0.95  # correlation of an entry with that of another run, where they are paired
BEST = 0.5  # a of the truly best run


@dataclass(frozen=True)
class Scene:
    """Runs to choose from: the truly best one first, and by how much steeper the others are."""

    name: str
    exponents: np.ndarray
    sizes: tuple[int, ...] = (2, 8, 24)  # a choice is among the first of so many runs
    repeats: int = 1
    seed_spread: float = 0.0  # standard deviation of a among repeats


MOST = 24
SCENES = (
    Scene("nearly alike", BEST + 0.001 * (np.arange(MOST) > 0)),
    Scene("in even steps", BEST + 0.005 * np.arange(MOST)),
    Scene("3 seeds each", BEST + 0.002 * (np.arange(8) > 0), (2, 8), 3, seed_spread=0.01),
)


def estimates(sets: np.ndarray) -> list[rankme.Estimate]:
    """Estimate many sets of one shape, (M, N, K)."""
    n_sets, n_rows, _ = sets.shape
    parts = sets.reshape(n_sets, GROUPS, n_rows // GROUPS, COLUMNS)
    squares = parts.transpose(0, 1, 3, 2) @ parts
    whole = squares.sum(axis=1, keepdims=True)
    # A triangular factor has the singular values of the rows, and is smaller.
    factors = np.linalg.cholesky(np.concatenate([whole, whole - squares], axis=1))
    scores = rankme.score_batch(factors.reshape(-1, COLUMNS, COLUMNS))
    return [
        rankme.Estimate(
            score=float(row[0]),
            low=float(row[0]),
            high=float(row[0]),
            n_rows=n_rows,
            n_cols=COLUMNS,
            eps=1e-7,
            center=False,
            normalize=False,
            left_out=row[1:],
            group_rows=np.full(GROUPS, n_rows // GROUPS),
        )
        for row in scores.reshape(n_sets, 1 + GROUPS)
    ]


def drawn(
    exponents: np.ndarray, n_rows: int, shared: float, rng: np.random.Generator
) -> list[rankme.Estimate]:
    """Draw the rows of a set for each exponent, and estimate them."""
    common = rng.standard_normal((n_rows, COLUMNS))
    own = rng.standard_normal((len(exponents), n_rows, COLUMNS))
    rows = shared * common + np.sqrt(1 - shared**2) * own
    return estimates(rows * np.arange(1, COLUMNS + 1) ** -exponents[:, None, None])


def choices(scene: Scene, n_rows: int, draws: int, *, paired: bool) -> np.ndarray:
    """Return how often the best is kept, by the rule and by two errors, and how many are tied.

    Shape (sizes, 3): means over the draws.
    """
    rng = np.random.default_rng(7)
    names = [str(i) for i in range(scene.exponents.size)]
    found = []
    for _ in range(draws):
        exponents = np.repeat(scene.exponents, scene.repeats)
        exponents = exponents + scene.seed_spread * rng.standard_normal(exponents.size)
        every = iter(drawn(exponents, n_rows, SHARED if paired else 0.0, rng))
        sets = {name: [next(every) for _ in range(scene.repeats)] for name in names}
        found.append([kept({name: sets[name] for name in names[:n]}, paired) for n in scene.sizes])
    return np.mean(found, axis=0)


def kept(sets: dict[str, list[rankme.Estimate]], paired: bool) -> tuple[bool, bool, int]:
    """Tell whether the first run, the truly best, is the best or a tied one, and how many are."""
    result = rankme.compare(sets, paired=paired)
    first = next(run for run in result.runs if run.name == "0")
    by_rule = "0" in (result.best, *result.tied)
    return by_rule, first.gap <= 2 * first.gap_error, len(result.tied)


def pair_errors(
    exponents: tuple[float, float], n_rows: int, draws: int
) -> tuple[float, float, float]:
    """Return the true error of a difference, and the mean paired and unpaired jackknife's."""
    rng = np.random.default_rng(11)
    found = []
    for _ in range(draws):
        a, b = drawn(np.array(exponents), n_rows, SHARED, rng)
        pair, apart = (rankme.compare({"a": a, "b": b}, paired=paired) for paired in (True, False))
        errors = [one.runs[1].gap_error for one in (pair, apart)]
        found.append([pair.scores["a"] - pair.scores["b"], *errors])
    differences, paired_errors, unpaired_errors = np.array(found).T
    return differences.std(ddof=1), paired_errors.mean(), unpaired_errors.mean()


def report(draws: int, n_rows: int) -> None:
    """Print the tables."""
    print(f"K = {COLUMNS}, N = {n_rows}, {GROUPS} groups, {draws} draws each.\n")
    print("| true scores | rows | runs | the rule keeps the best | two errors alone | tied |")
    print("|:--|:--|--:|--:|--:|--:|")
    for scene in SCENES:
        for paired in (False, True):
            rows = "paired" if paired else "unpaired"
            shares = choices(scene, n_rows, draws, paired=paired)
            for size, (rule, plain, tied) in zip(scene.sizes, shares, strict=True):
                text = f"| {scene.name} | {rows} | {size} | {rule:.1%} | {plain:.1%} | {tied:.1f} |"
                print(text, flush=True)
    print("\n| two checkpoints | N | true error | paired | ratio | unpaired | paired / unpaired |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    for exponents in ((0.5, 0.52), (1.0, 1.02), (0.2, 0.22)):
        for rows in (512, 2048):
            true, pair, apart = pair_errors(exponents, rows, draws)
            print(
                f"| k^-{exponents[0]}, k^-{exponents[1]} | {rows} | {true:.4f} | {pair:.4f} | "
                f"{pair / true:.2f} | {apart:.4f} | {pair / apart:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=512)
    options = parser.parse_args(sys.argv[1:])
    report(options.draws, options.rows)
