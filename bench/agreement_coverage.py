"""How often the 95% intervals of `rankme.agreement` hold the truth.

Prints a line for each population, correlation and number of runs: the share of draws, in per cent,
whose interval holds the population's coefficient, and the mean width of the intervals. Weighted tau
has no value for endless runs, since the weight of the first ranks goes on falling; its truth is the
mean over draws of as many runs.
"""
# ruff: noqa: INP001, T201

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import rankme

COEFFICIENTS = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
    "weighted_tau": stats.weightedtau,
}
Draw = tuple[NDArray[np.float64], NDArray[np.float64]]
MANY = 100_000


def normal(rng: np.random.Generator, rho: float, n: int) -> Draw:
    """Scores and truths of n runs, both normal."""
    score, other = rng.standard_normal((2, n))
    return score, rho * score + np.sqrt(1 - rho**2) * other


def heavy(rng: np.random.Generator, rho: float, n: int) -> Draw:
    """Student's t with 3 degrees of freedom: a few runs far from the rest on both sides."""
    score, truth = normal(rng, rho, n)
    spread = np.sqrt(3 / rng.chisquare(3, n))
    return score * spread, truth * spread


def tied(rng: np.random.Generator, rho: float, n: int) -> Draw:
    """Scores with four values only, as widths of layers have."""
    score, truth = normal(rng, rho, n)
    return np.digitize(score, [-0.8, 0.0, 0.8]).astype(float), truth


POPULATIONS = {"normal": normal, "heavy": heavy, "tied": tied}


def truths(population: Callable[..., Draw], rho: float, n: int) -> Iterator[float]:
    """Yield what each interval should hold."""
    rng = np.random.default_rng(1)
    endless = population(rng, rho, MANY)
    for name, coefficient in COEFFICIENTS.items():
        if name == "weighted_tau":
            draws = (population(rng, rho, n) for _ in range(MANY // 25))
            yield float(np.mean([coefficient(*draw).statistic for draw in draws if varies(draw)]))
        else:
            yield float(coefficient(*endless).statistic)


def varies(draw: Draw) -> bool:
    """Whether a coefficient is defined."""
    return bool(min(np.ptp(draw[0]), np.ptp(draw[1])) > 0)


def main() -> None:
    """Simulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--runs", type=int, nargs="+", default=[6, 10, 30])
    options = parser.parse_args()
    print("| population | correlation | runs | " + " | ".join(COEFFICIENTS) + " |")
    print("|:--|--:|--:|" + "--:|" * len(COEFFICIENTS))
    for label, population in POPULATIONS.items():
        for rho in (0.0, 0.6, 0.9):
            for n in options.runs:
                shares = coverage(population, rho, n, options.draws)
                print(f"| {label} | {rho} | {n} | " + " | ".join(shares) + " |", flush=True)


def coverage(population: Callable[..., Draw], rho: float, n: int, draws: int) -> list[str]:
    """Write the share of intervals that hold the truth, and their mean width."""
    rng = np.random.default_rng(0)
    expected = [*truths(population, rho, n)]
    held, widths = [], []
    while len(held) < draws:
        draw = population(rng, rho, n)
        if not varies(draw):
            continue
        found = rankme.agreement(*draw, higher_is_better=True)
        ends = np.array([(getattr(found, c).low, getattr(found, c).high) for c in COEFFICIENTS])
        held.append((ends[:, 0] <= expected) & (expected <= ends[:, 1]))
        widths.append(ends[:, 1] - ends[:, 0])
    return [
        f"{100 * share:.1f} ({width:.2f})"
        for share, width in zip(np.mean(held, axis=0), np.mean(widths, axis=0), strict=True)
    ]


if __name__ == "__main__":
    main()
