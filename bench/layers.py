"""A stack of layers against a full SVD of each: time a slice of both, in turn, and extrapolate.

A layer is an N x K float32 matrix that comes in batches. Ours are scored as a stack, with rows
normalised; each of PyTorch's is one call of ``torch.linalg.svd`` on all of its rows, normalised
before the clock starts. Where other programs want the machine, ``--processor-time`` gives each one
thread and counts what it used.
"""
# ruff: noqa: INP001, T201

import argparse
import resource
import time

import numpy as np
import threadpoolctl
import torch

import rankme


def main() -> None:
    """Print seconds a layer, the ratio, and what they come to for the whole stack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=32, help="of the whole stack")
    parser.add_argument("--rows", type=int, default=9000)
    parser.add_argument("--columns", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=1000, help="rows an update")
    parser.add_argument("--slice", type=int, default=4, help="layers of ours in a round")
    parser.add_argument("--rounds", type=int, default=1, help="one SVD and one slice in each")
    parser.add_argument("--full-matrices", action="store_true", help="torch.linalg.svd's default")
    parser.add_argument("--processor-time", action="store_true", help="of one thread each")
    options = parser.parse_args()
    clock = time.perf_counter
    if options.processor_time:
        clock = time.process_time
        torch.set_num_threads(1)
        threadpoolctl.threadpool_limits(1)
    n, k = options.rows, options.columns
    scales = np.arange(1, k + 1, dtype=np.float32) ** -0.7
    rng = np.random.default_rng(0)
    z = rng.standard_normal((n, k), dtype=np.float32) * scales
    unit = torch.from_numpy(z / np.linalg.norm(z, axis=1, keepdims=True))
    # All layers see one matrix: the arithmetic is the same, and the slice needs less memory.
    batches = [
        [block] * options.slice for block in np.split(z, range(options.batch, n, options.batch))
    ]
    ours, theirs = [], []
    for _ in range(options.rounds):
        begin = clock()
        acc = rankme.LayerAccumulator(options.slice, k, normalize=True)
        for batch in batches:
            acc.update(batch)
        scores = acc.score()
        ours.append((clock() - begin) / options.slice)
        del acc
        begin = clock()
        sigma = torch.linalg.svd(unit, full_matrices=options.full_matrices)[1].double()
        theirs.append(clock() - begin)
    p = sigma / sigma.sum() + 1e-7
    reference = float(torch.exp(-(p * p.log()).sum()))
    mine, other = float(np.median(ours)), float(np.median(theirs))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n} x {k}, {options.slice} layers of ours and {options.rounds} SVDs of PyTorch timed")
    print(f"seconds a layer: rankme {mine:.2f}, torch.linalg.svd {other:.2f}: {other / mine:.1f}x")
    print(
        f"extrapolated to {options.layers} layers: rankme {options.layers * mine:.0f} s, "
        f"torch.linalg.svd {options.layers * other:.0f} s"
    )
    print(f"RankMe {scores[0]:.6f}, by the float32 SVD {reference:.6f}; peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
