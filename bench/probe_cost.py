"""Time updates with probes against updates without, in turn and in one process."""
# ruff: noqa: INP001, T201

import time

import numpy as np

from rankme import _core

PAIRS = 21


def seconds(accumulator: _core.GramAccumulator, z: _core.ArrayView) -> float:
    """Time one update."""
    begin = time.perf_counter()
    accumulator.update(z)
    return time.perf_counter() - begin


for columns, rows in ((768, 21_504), (1024, 12_288), (2048, 3_072)):
    z = _core.ArrayView(np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32))
    probed = _core.GramAccumulator(columns, normalize=False, seed=0, probed=True)
    plain = _core.GramAccumulator(columns, normalize=False, seed=0, probed=False)
    # What goes first changes from pair to pair, so that neither profits from the order.
    ratios = []
    for pair in range(PAIRS):
        if pair % 2:
            with_probes, without = seconds(probed, z), seconds(plain, z)
        else:
            without, with_probes = seconds(plain, z), seconds(probed, z)
        ratios.append(with_probes / without)
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75]) - 1
    print(f"K = {columns}: probes add {median:.1%} (quartiles {low:.1%} to {high:.1%})")
