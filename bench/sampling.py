"""Standard errors of `rankme.estimate` against the spread of repeated draws, and their cost.

    python bench/sampling.py                 # 1,000 draws each
    python bench/sampling.py --draws 100     # a look
    python bench/sampling.py --cost          # the time of one estimate beside its parts

Prints tables in Markdown. Every draw is a sample of rows from one family of sets with 64 columns;
its score, its standard error and its extrapolated score come from `rankme.estimate` with 16 groups.
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("RANKME_NUM_THREADS", "1")  # --cost takes two

import numpy as np

import rankme
from rankme import _core
from rankme.metrics._jackknife import jackknife, largest_usual_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = NDArray[np.float64]
    Family = Callable[[np.random.Generator, int], Rows]

COLUMNS = 64
GROUPS = 16
SIZES = (400, 2000, 8000)
FEW = 6 * COLUMNS
MANY = 300 * COLUMNS
VIEWS = 10

_fixed = np.random.default_rng(2024)  # what all draws of a family have in common
CENTRES = _fixed.standard_normal((10, COLUMNS))
WEIGHTS = _fixed.standard_normal((32, COLUMNS)) / np.sqrt(32)
STEP = _fixed.standard_normal((32, COLUMNS)) / np.sqrt(32)


def gaussian(power: float) -> Family:
    """Gaussian rows whose columns have standard deviation k^-power."""
    scales = np.arange(1.0, COLUMNS + 1) ** -power
    return lambda rng, n: rng.standard_normal((n, COLUMNS)) * scales


def clusters(rng: np.random.Generator, n: int) -> Rows:
    """Ten clusters, a third as wide as they are apart."""
    return CENTRES[rng.integers(10, size=n)] + 0.3 * rng.standard_normal((n, COLUMNS))


def relu(rng: np.random.Generator, n: int) -> Rows:
    """Features of one layer."""
    return np.maximum(rng.standard_normal((n, 32)) @ WEIGHTS, 0)


def views(rng: np.random.Generator, n: int) -> Rows:
    """Rows in runs of ten views: k^-0.5, and a fifth of as much for each view."""
    one = gaussian(0.5)
    base = one(rng, -(-n // VIEWS)).repeat(VIEWS, axis=0)[:n]
    return base + 0.2 * one(rng, n)


def heavy(rng: np.random.Generator, n: int) -> Rows:
    """Student t entries with 3 degrees of freedom, columns k^-0.5."""
    return rng.standard_t(3, (n, COLUMNS)) * np.arange(1.0, COLUMNS + 1) ** -0.5


FAMILIES: dict[str, Family] = {
    "k^-0": gaussian(0),
    "k^-0.5": gaussian(0.5),
    "k^-1": gaussian(1),
    "ten clusters": clusters,
    "ReLU features": relu,
    "ten views a row": views,
    "Student t, 3 degrees": heavy,
}


class Draws(NamedTuple):
    """What repeated draws gave: each of shape (draws,)."""

    scores: Rows
    errors: Rows
    extrapolated: Rows
    dominated: NDArray[np.bool_]

    def coverage(self) -> float:
        """Tell how often two standard errors hold the mean of all draws."""
        return float(np.mean(abs(self.scores - self.scores.mean()) <= 2 * self.errors))

    def ratio(self) -> float:
        """Return the mean standard error, in parts of the true one."""
        return float(self.errors.mean() / self.scores.std(ddof=1))


def draw(family: Family, n_rows: int, draws: int, seed: int) -> Draws:
    """Draw sets of rows and estimate each."""
    results = []
    for child in np.random.SeedSequence(seed).spawn(draws):
        e = rankme.estimate(family(np.random.default_rng(child), n_rows), groups=GROUPS)
        unusual = e._jackknife.dominating[1] > largest_usual_share(GROUPS)  # noqa: SLF001
        results.append((e.score, e.std_error, e.bias_corrected, unusual))
    return Draws(*map(np.asarray, zip(*results, strict=True)))


def errors_table(draws: int) -> None:
    """Print standard errors beside the spread of scores."""
    print(
        "| rows | N | mean score | sd of draws | mean standard error | ratio | within 2 | warned |"
    )
    print("|:--|--:|--:|--:|--:|--:|--:|--:|")
    for name, family in FAMILIES.items():
        for n_rows in SIZES:
            d = draw(family, n_rows, draws, n_rows)
            print(
                f"| {name} | {n_rows} | {d.scores.mean():.3f} | {d.scores.std(ddof=1):.4f} "
                f"| {d.errors.mean():.4f} | {d.ratio():.2f} | {d.coverage():.1%} "
                f"| {d.dominated.mean():.1%} |",
                flush=True,
            )


def bias_table(draws: int) -> None:
    """Print extrapolated scores of few rows beside the score of many."""
    print(f"\n| rows | N | score | extrapolated | score at N = {MANY} | off by |")
    print("|:--|--:|--:|--:|--:|--:|")
    # Of ten views a row it is the inputs that count.
    sets = [*((name, FEW) for name in FAMILIES), ("ten views a row", VIEWS * FEW)]
    for name, n_rows in sets:
        family = FAMILIES[name]
        d = draw(family, n_rows, draws, n_rows)
        rng = np.random.default_rng(MANY)
        many = statistics.mean(
            rankme.score(family(rng, MANY * (n_rows // FEW))) for _ in range(max(10, draws // 20))
        )
        extrapolated = d.extrapolated.mean()
        print(
            f"| {name} | {n_rows} | {d.scores.mean():.3f} | {extrapolated:.3f} | {many:.3f} "
            f"| {extrapolated / many - 1:+.2%} |",
            flush=True,
        )


def others_table(draws: int) -> None:
    """Print how far other extrapolations are off, and how much that differs from draw to draw.

    Of 1 / r and of log r as a jackknife takes r, and of r by a parabola in 1 / N through all rows,
    those without one group, and those without two.
    """
    print("\n| rows | N | r | 1 / r | log r | parabola |\n|:--|--:|--:|--:|--:|--:|")
    ratios = 1, GROUPS / (GROUPS - 1), GROUPS / (GROUPS - 2)  # of 1 / N
    parabola = [
        np.prod([-b / (a - b) for j, b in enumerate(ratios) if j != i])
        for i, a in enumerate(ratios)
    ]
    sets = [*((name, FEW) for name in FAMILIES), ("ten views a row", 2 * FEW)]
    for name, n_rows in sets:
        family = FAMILIES[name]
        rng = np.random.default_rng(MANY)
        many = statistics.mean(
            rankme.score(family(rng, MANY * (VIEWS if family is views else 1))) for _ in range(10)
        )
        found = []
        for child in np.random.SeedSequence(n_rows).spawn(draws):
            z = family(np.random.default_rng(child), n_rows)
            e = rankme.estimate(z, groups=GROUPS)
            parts = np.array_split(z, GROUPS)
            # Around the end, so that each group is left out as often as the others.
            without_two = statistics.mean(
                rankme.score(np.concatenate([parts[(i + j) % GROUPS] for j in range(GROUPS - 2)]))
                for i in range(GROUPS)
            )
            found.append(
                (
                    e.bias_corrected,
                    1 / jackknife(1 / e.score, 1 / e.left_out, e.group_rows).bias_corrected,
                    np.exp(
                        jackknife(np.log(e.score), np.log(e.left_out), e.group_rows).bias_corrected
                    ),
                    np.dot(parabola, (e.score, e.left_out.mean(), without_two)),
                )
            )
        off = np.array(found) / many - 1
        cells = [f"{m:+.2%} ({s:.2%})" for m, s in zip(off.mean(0), off.std(0), strict=True)]
        print(f"| {name} | {n_rows} | {' | '.join(cells)} |", flush=True)


def paired_table(draws: int) -> None:
    """Print the error of the difference of two checkpoints on the same inputs."""
    print(
        "\n| N | difference | sd of draws | paired error | ratio | within 2 | both errors added |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|")
    later = 0.95 * WEIGHTS + np.sqrt(1 - 0.95**2) * STEP
    for n_rows in SIZES:
        rows = []
        for child in np.random.SeedSequence(n_rows).spawn(draws):
            inputs = np.random.default_rng(child).standard_normal((n_rows, 32))
            a, b = (
                rankme.estimate(np.maximum(inputs @ weights, 0), groups=GROUPS)
                for weights in (later, WEIGHTS)
            )
            paired = jackknife(a.score - b.score, a.left_out - b.left_out, a.group_rows)
            apart = np.hypot(a.std_error, b.std_error)
            rows.append((a.score - b.score, paired.std_error, apart))
        differences, errors, apart = np.transpose(rows)
        spread = differences.std(ddof=1)
        within = np.mean(abs(differences - differences.mean()) <= 2 * errors)
        print(
            f"| {n_rows} | {differences.mean():.3f} | {spread:.4f} | {errors.mean():.4f} "
            f"| {errors.mean() / spread:.2f} | {within:.1%} | {apart.mean():.4f} |",
            flush=True,
        )


TABLES = {
    "errors": errors_table,
    "bias": bias_table,
    "others": others_table,
    "paired": paired_table,
}


def _seconds(run: Callable[[], Any]) -> tuple[float, float]:
    """Return the wall time of a call, and the time of all processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def _side_by_side(gram: _core.GramAccumulator, threads: int) -> float:
    """Return the wall time of an eigenproblem of one thread beside others of its kind."""
    each = 3
    copies = [_core.GramAccumulator(gram.dim, False, 0) for _ in range(threads)]
    for copy in copies:
        copy.merge(gram)

    def solve(copy: _core.GramAccumulator) -> None:
        for _ in range(each):
            copy.spectrum(False)

    workers = [threading.Thread(target=solve, args=(copy,)) for copy in copies]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - began) / each


def cost_table(n_rows: int, n_cols: int, threads: int, rounds: int) -> None:
    """Print the time of an estimate beside the Gram step and 17 eigenproblems."""
    z = np.random.default_rng(0).standard_normal((n_rows, n_cols), dtype=np.float32)
    view = _core.ArrayView(z)
    problems = GROUPS + 1
    print(f"\n{n_rows} x {n_cols} float32, {GROUPS} groups, {threads} threads")
    print(
        "| round | Gram | eigenproblem alone | beside another | estimate | ratio | beside | CPU |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    for number in range(rounds):
        gram = _core.GramAccumulator(n_cols, False, 0)
        _core.set_num_threads(threads)
        step = _seconds(lambda gram=gram: gram.update(view))
        _core.set_num_threads(1)
        one = _seconds(lambda gram=gram: gram.spectrum(False))
        beside = _side_by_side(gram, threads)
        _core.set_num_threads(threads)
        whole = _seconds(lambda: rankme.estimate(z, groups=GROUPS))
        ratios = [whole[0] / (step[0] + problems * each / threads) for each in (one[0], beside)]
        ratios.append(whole[1] / (step[1] + problems * one[1]))
        times = [step[0], one[0], beside, whole[0]]
        row = [f"{t:.3f} s" for t in times] + [f"{r:.2f}" for r in ratios]
        print(f"| {number} | {' | '.join(row)} |", flush=True)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", default=list(TABLES), help=", ".join(TABLES))
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--shape", type=int, nargs=2, default=(25_600, 2048))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", rankme.PrecisionWarning)
    if chosen.cost:
        cost_table(*chosen.shape, chosen.threads, chosen.rounds)
        return
    for name in chosen.tables:
        TABLES[name](chosen.draws)


if __name__ == "__main__":
    main()
