"""What `watch` costs: an update against the bare Gram product, and a hook that is not due.

The rows are float32, as a model on the CPU gives them. The bare product is one dsyrk of the same
rows in float64, by SciPy's OpenBLAS and with one thread, as the update has; what converts them is
not timed, and the other half of the matrix is not written.
The two take turns, a window of updates each, since rows may wait for the next ones in a buffer; the
least of the rounds is given beside the ratios of all.
"""
# ruff: noqa: INP001, T201

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is there

import numpy as np
import torch
from scipy.linalg.blas import dsyrk
from torch import nn

import rankme
from rankme.integrations.torch import watch


def main() -> None:
    """Print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--columns", type=int, nargs="+", default=[512, 768, 2048])
    parser.add_argument("--window", type=int, default=16, help="updates in a row")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20_000, help="of hooks that are not due")
    options = parser.parse_args()
    rankme._core.set_num_threads(1)  # noqa: SLF001
    torch.set_num_threads(1)
    print("| K | update through a hook, ms | bare product, ms | of the least | of rounds |")
    print("|--:|--:|--:|--:|--:|")
    for columns in options.columns:
        times = np.array(update_and_product(options, columns))
        (update, product), ratios = times.min(axis=0), times[:, 0] / times[:, 1]
        print(
            f"| {columns} | {1e3 * update:.2f} | {1e3 * product:.2f} | {update / product:.2f} | "
            f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f}) |"
        )
    print()
    print("| hook that takes nothing, since | microseconds a step |")
    print("|:--|--:|")
    for why, cost in idle(options.steps).items():
        print(f"| {why} | {1e6 * cost:.1f} |")


def update_and_product(options: argparse.Namespace, columns: int) -> list[tuple[float, float]]:
    """Return the seconds of an update and of a product in each round."""
    model = nn.Identity().eval()
    rows = torch.randn(options.batch, columns)
    wide = rows.double().numpy()
    gram = np.zeros((columns, columns), order="F")
    seconds = []
    with watch(model, "", max_rows=None):
        for _ in range(options.rounds + 1):
            begin = time.perf_counter()
            for _ in range(options.window):
                model(rows)
            middle = time.perf_counter()
            for _ in range(options.window):
                dsyrk(1.0, wide.T, beta=1.0, c=gram, overwrite_c=1)
            end = time.perf_counter()
            seconds.append(((middle - begin) / options.window, (end - middle) / options.window))
    return seconds[1:]  # the first round makes room


def idle(steps: int) -> dict[str, float]:
    """Return the seconds that a hook adds to a step, by the reason why it takes nothing."""
    model = nn.Identity().eval()
    rows = torch.randn(256, 2048)
    bare = best_of(model, rows, steps)
    found = {}
    with watch(model, "", max_rows=256) as w:
        w.active = False
        found["it is not active"] = best_of(model, rows, steps) - bare
        w.active = True
        model.train()
        found["the module is in training mode"] = best_of(model, rows, steps) - bare
        model.eval()
        model(rows)
        found["its rows are full"] = best_of(model, rows, steps) - bare
    return found


def best_of(model: nn.Module, rows: torch.Tensor, steps: int) -> float:
    """Return the seconds of one call, at best."""
    seconds = []
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(steps // 20):
            model(rows)
        seconds.append((time.perf_counter() - begin) / (steps // 20))
    return min(seconds)


if __name__ == "__main__":
    main()
