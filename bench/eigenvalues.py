"""Time eigenvalues alone: ours, PyTorch's (MKL) and NumPy's (OpenBLAS), in turns in one process.

python bench/eigenvalues.py [--orders 64,128,...] [--rounds 5]: wall time with two threads,
processor time with one. Milliseconds are minima; ratios are of minima and, in brackets, of medians.
"""
# ruff: noqa: INP001, T201

import argparse
import time
from collections.abc import Callable

import numpy as np
import threadpoolctl
import torch

from rankme import _core

Clocks = tuple[float, float]
LARGE = 4096
ORDERS = "64,128,256,512,768,1024,2048,4096"


def clocks(work: Callable[[], object], repeats: int) -> Clocks:
    """Wall and processor seconds of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        work()
    return (
        (time.perf_counter() - wall) / repeats,
        (time.process_time() - processor) / repeats,
    )


def measure(order: int, rounds: int, clock: int) -> dict[str, list[float]]:
    """Seconds of each competitor, a number a round."""
    normal = np.random.default_rng(order).standard_normal((order, order))
    a = np.ascontiguousarray((normal + normal.T) / 2)
    tensor = torch.from_numpy(a)
    competitors: dict[str, Callable[[], object]] = {
        "rankme": lambda: _core.symmetric_eigenvalues(a),
        "torch": lambda: torch.linalg.eigvalsh(tensor),
        "numpy": lambda: np.linalg.eigvalsh(a),
    }
    repeats = max(1, round((256 / order) ** 3 * 4))
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    values = [np.asarray(work()) for work in competitors.values()]  # the warm-up
    size = np.abs(values[1]).max()
    for other in values:
        if np.abs(other - values[1]).max() > 1e-12 * size:
            message = f"the competitors disagree at order {order}"
            raise AssertionError(message)
    for turn in range(rounds):
        names = list(competitors)
        for name in names[turn % 3 :] + names[: turn % 3]:
            seconds[name].append(clocks(competitors[name], repeats)[clock])
    return seconds


def report(title: str, threads: int, clock: int, orders: list[int], rounds: int) -> None:
    """Print one table."""
    torch.set_num_threads(threads)
    print(f"\n{title}\n")
    print("| K | ours, ms | PyTorch, ms | NumPy, ms | PyTorch / ours | NumPy / ours |")
    print("|--:|--:|--:|--:|--:|--:|")
    with threadpoolctl.threadpool_limits(threads):
        _core.set_num_threads(threads)
        for order in orders:
            few = rounds if order < LARGE else max(2, rounds // 2)
            seconds = measure(order, few, clock)
            least = {name: min(times) for name, times in seconds.items()}
            median = {name: float(np.median(times)) for name, times in seconds.items()}
            ratios = " | ".join(
                f"{least[name] / least['rankme']:.2f} ({median[name] / median['rankme']:.2f})"
                for name in ("torch", "numpy")
            )
            shown = " | ".join(f"{1e3 * least[name]:.3g}" for name in least)
            print(f"| {order} | {shown} | {ratios} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", default=ORDERS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    orders = [int(order) for order in arguments.orders.split(",")]
    report("Processor time, one thread", 1, 1, orders, arguments.rounds)
    report("Wall time, two threads", 2, 0, orders, arguments.rounds)


if __name__ == "__main__":
    main()
