"""Time precision="fast" on the processor beside float64 and others, in turns in one process.

python bench/fast.py [--rounds 3] [--shapes 25600x2048,...] [--layers 4 [--normalize]]: rows of
float32 whose columns fall as k^-0.7. Seconds are minima, wall and processor; ratios are of wall
minima and, in brackets, of medians.
"""
# ruff: noqa: INP001, T201

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import rankme

Rows = NDArray[np.float32]
Seconds = dict[str, list[tuple[float, float]]]  # wall and processor
SHAPES = "1000000x128,200000x512,25600x2048,10000x4096"
EPS = 1e-7


def score_of(values: NDArray[np.float64]) -> float:
    """RankMe of singular values."""
    p = values / values.sum() + EPS
    return float(np.exp(-(p * np.log(p)).sum()))


def by_numpy(z: Rows) -> float:
    """Take the shortcut in float32."""
    squares = np.linalg.eigvalsh(z.T @ z)
    return score_of(np.sqrt(np.maximum(squares.astype(float), 0)))


def by_torch(z: Rows) -> float:
    """Take it by PyTorch."""
    tensor = torch.from_numpy(z)
    squares = torch.linalg.eigvalsh(tensor.T @ tensor)
    return score_of(np.sqrt(np.maximum(squares.numpy().astype(float), 0)))


def by_svdvals(z: Rows) -> float:
    """Find singular values in float32 by PyTorch."""
    return score_of(torch.linalg.svdvals(torch.from_numpy(z)).numpy().astype(float))


WAYS: dict[str, Callable[[Rows], float]] = {
    "fast": lambda z: rankme.score(z, precision="fast"),
    "float64": rankme.score,
    "NumPy, float32": by_numpy,
    "PyTorch, float32": by_torch,
    "svdvals, float32": by_svdvals,
}


def rows(n_rows: int, n_cols: int, seed: int = 0) -> Rows:
    """Gaussian rows whose columns fall."""
    z = np.random.default_rng(seed).standard_normal((n_rows, n_cols), dtype=np.float32)
    z *= (np.arange(1, n_cols + 1) ** -0.7).astype(np.float32)
    return z


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def turns(
    ways: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Time each way once a round, in another order each time, after a round to warm up."""
    seconds: Seconds = {name: [] for name in ways}
    names = list(ways)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found = timed(ways[name])
            if turn:
                seconds[name].append(found)
    return seconds


def lines(seconds: Seconds, errors: dict[str, str]) -> None:
    """Print a row for each way, against the first."""
    first = np.array(next(iter(seconds.values())))
    for name, all_of_them in seconds.items():
        own = np.array(all_of_them)
        ratio = own[:, 0].min() / first[:, 0].min()
        medians = np.median(own[:, 0]) / np.median(first[:, 0])
        wall, processor = own.min(axis=0)
        cells = [
            name,
            f"{wall:.3f}",
            f"{processor:.3f}",
            f"{ratio:.2f} ({medians:.2f})",
            errors[name],
        ]
        print("|", " | ".join(cells), "|")


def header(title: str) -> None:
    """Print the head of a table."""
    print(f"\n{title}\n")
    print("| way | wall, s | processor, s | over fast | relative error |\n|:--|--:|--:|--:|--:|")


def one_shape(n_rows: int, n_cols: int, rounds: int) -> None:
    """Measure one shape."""
    z = rows(n_rows, n_cols)
    exact = rankme.spectrum(z)
    fast = rankme.spectrum(z, precision="fast")
    low, high = fast.rankme_bounds()
    inside = low <= exact.rankme() <= high
    half = (high - low) / 2 / exact.rankme()
    header(
        f"{n_rows:,} x {n_cols:,}: computed in {fast.precision}, half the interval is {half:.1e} "
        f"of the score, and the float64 score is {'in' if inside else 'OUTSIDE'} it"
    )
    error = {name: f"{abs(way(z) / exact.rankme() - 1):.0e}" for name, way in WAYS.items()}
    lines(turns({name: (lambda way=way: way(z)) for name, way in WAYS.items()}, rounds), error)  # type: ignore[misc]


def stack(n_layers: int, rounds: int, *, normalize: bool) -> None:
    """Measure a slice of a stack of layers, 10,000 x 4,096 each."""
    layers = [rows(10_000, 4096, seed) for seed in range(n_layers)]
    # PyTorch's are divided by their norms before the clock starts; ours meanwhile.
    theirs = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in layers] if normalize else layers

    def by_stack(precision: str) -> rankme.LayerAccumulator:
        acc = rankme.LayerAccumulator(n_layers, 4096, precision=precision, normalize=normalize)
        acc.update(layers)
        return acc

    exact = by_stack("float64").spectra()
    fast = by_stack("fast")
    bounds = [one.rankme_bounds() for one in fast.spectra()]
    scores = [one.rankme() for one in exact]
    inside = all(low <= one <= high for (low, high), one in zip(bounds, scores, strict=True))
    half = max((high - low) / 2 / one for (low, high), one in zip(bounds, scores, strict=True))
    header(
        f"{n_layers} layers of 10,000 x 4,096, {'' if normalize else 'not '}normalised: "
        f"{min(fast.fast_rows):,} rows of each summed in float32, half the interval is {half:.1e} "
        f"of the score, and the float64 scores are {'in' if inside else 'OUTSIDE'} it"
    )
    ways: dict[str, Callable[[], Any]] = {
        "fast": lambda: by_stack("fast").score(),
        "float64": lambda: by_stack("float64").score(),
        "svdvals, float32": lambda: [by_svdvals(z) for z in theirs],
    }
    errors = {
        name: f"{np.abs(np.array(way()) / scores - 1).max():.0e}" for name, way in ways.items()
    }
    del fast
    lines(turns(ways, rounds), errors)


def main() -> None:
    """Measure all shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", default=SHAPES)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--normalize", action="store_true", help="rows of layers by their norms")
    options = parser.parse_args()
    print(
        f"rankme {rankme.__version__}, load {os.getloadavg()[0]:.1f}, PyTorch {torch.__version__}"
    )
    for shape in filter(None, options.shapes.split(",")):
        n_rows, n_cols = map(int, shape.split("x"))
        one_shape(n_rows, n_cols, options.rounds)
    if options.layers:
        stack(options.layers, options.rounds, normalize=options.normalize)


if __name__ == "__main__":
    main()
