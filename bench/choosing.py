"""How often the truly best run is the best or a tied one, and how right the error of a pair is.

Runs are simulated, so that the truth is known: Gaussian rows of K = 64 columns whose spectrum falls
like k^-a. The smaller a is, the higher is the expected score. Where runs are paired, a part of each
row is the same in all of them, as if the same input went through.

    python bench/choosing.py                # prints the tables; about half an hour on two cores
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
    """Runs to choose from, by how much steeper their spectra are than the best one's."""

    name: str
    n_runs: int
    step: float  # from the best to the second
    even: bool = False  # whether the others follow in equal steps; else all are like the second
    repeats: int = 1
    seed_spread: float = 0.0  # standard deviation of a among repeats

    def exponents(self) -> np.ndarray:
        """Return a of each run, the best first."""
        others = np.arange(1, self.n_runs) if self.even else np.ones(self.n_runs - 1)
        return BEST + self.step * np.concatenate([[0], others])


SCENES = [
    Scene(f"{n} runs, {name}", n, step, even)
    for n in (2, 8, 24)
    for name, step, even in (("nearly alike", 0.001, False), ("in even steps", 0.005, True))
] + [Scene("8 runs of 3 seeds, nearly alike", 8, 0.002, repeats=3, seed_spread=0.01)]


def estimates(sets: np.ndarray) -> list[rankme.Estimate]:
    """Estimate many sets of one shape, (M, N, K)."""
    n_rows = sets.shape[1]
    groups = np.array_split(np.arange(n_rows), GROUPS)
    kept = [np.setdiff1d(np.arange(n_rows), group) for group in groups]
    scores = rankme.score_batch([z[rows] for z in sets for rows in (slice(None), *kept)])
    table = scores.reshape(len(sets), 1 + GROUPS)
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
            group_rows=np.array([len(group) for group in groups]),
        )
        for row in table
    ]


def drawn(
    exponents: np.ndarray, n_rows: int, shared: float, rng: np.random.Generator
) -> list[rankme.Estimate]:
    """Draw the rows of a set for each exponent, and estimate them."""
    common = rng.standard_normal((n_rows, COLUMNS))
    own = rng.standard_normal((len(exponents), n_rows, COLUMNS))
    rows = shared * common + np.sqrt(1 - shared**2) * own
    return estimates(rows * np.arange(1, COLUMNS + 1) ** -exponents[:, None, None])


def choices(scene: Scene, n_rows: int, draws: int, *, paired: bool) -> tuple[float, float, float]:
    """Return how often the best is kept, by the rule and by two errors; how many are tied."""
    rng = np.random.default_rng(7)
    names = [str(i) for i in range(scene.n_runs)]
    kept = plain = tied = 0
    for _ in range(draws):
        exponents = np.repeat(scene.exponents(), scene.repeats)
        exponents = exponents + scene.seed_spread * rng.standard_normal(exponents.size)
        every = drawn(exponents, n_rows, SHARED if paired else 0.0, rng)
        sets = {
            name: every[i * scene.repeats : (i + 1) * scene.repeats] for i, name in enumerate(names)
        }
        found = rankme.compare(sets, paired=paired)
        truly_best = next(run for run in found.runs if run.name == names[0])
        kept += names[0] in (found.best, *found.tied)
        plain += truly_best.gap <= 2 * truly_best.gap_error
        tied += len(found.tied)
    return kept / draws, plain / draws, tied / draws


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
    print("| runs | pairs | the rule keeps the best | two errors alone | tied, of the others |")
    print("|:--|:--|--:|--:|--:|")
    for scene in SCENES:
        for paired in (False, True):
            kept, plain, tied = choices(scene, n_rows, draws, paired=paired)
            words = "paired" if paired else "unpaired"
            print(
                f"| {scene.name} | {words} | {kept:.1%} | {plain:.1%} | {tied:.1f} of "
                f"{scene.n_runs - 1} |",
                flush=True,
            )
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
