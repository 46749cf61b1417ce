"""Feed random objects to the entry: nothing but an exception of a documented type may come out.

    python fuzz_entry.py CASES [--seed SEED] [--only CASE]

It is meant for a `_core` built with the address sanitizer (`make fuzz`), which turns a read beyond
what an object really has into a crash. Each case has a random state of its own, so that the case
which the last line names can be repeated alone.
"""

import argparse
import collections
import faulthandler
import gc
import random
import sys
import warnings

import numpy as np

import rankme
from generators import GENERATORS, ProducedError
from rankme import _core
from rankme._base.arrays import as_array

DOCUMENTED = (TypeError, ValueError, BufferError, ImportError, ProducedError)


def look_at(view):
    """Everything that a view tells must be consistent."""
    assert len(view.shape) == len(view.strides) <= 64
    assert all(size >= 0 for size in view.shape)
    assert view.dtype in {"float16", "bfloat16", "float32", "float64"}
    assert view.device.startswith(("cpu", "cuda"))
    assert view.pointer != 0 or 0 in view.shape


def compute(made):
    """Read every entry, by each way into the core."""
    view = as_array(made.thing)
    if view.device != "cpu":
        return
    if len(view.shape) >= 2 and np.prod(view.shape, dtype=float) < 1e5:
        _core.widened(view, 0, view.shape[0])
    acc = rankme.Accumulator(view.shape[1] if len(view.shape) == 2 and view.shape[1] else 3)
    try:
        acc.update(view)
    except DOCUMENTED:
        assert acc.n_rows == 0
    else:
        assert acc.n_rows == view.shape[0]
    rankme.score(view)


def run(seed, case):
    """Return what became of one case: the generator, and "taken" or the error's type."""
    rng = random.Random(f"{seed} {case}")
    generator = rng.choice(GENERATORS)
    made = generator(rng)
    outcome = "taken"
    try:
        # Without the detour over rankme._cuda, which would end most CUDA cases at once.
        _core.device_of(made.thing)
        _core.is_array(made.thing)
        look_at(_core.ArrayView(made.thing, "Z", rng.choice([None, 1, 77])))
        if made.readable:
            compute(made)
    except DOCUMENTED as error:
        outcome = type(error).__name__
    finally:
        del made
    return generator.__name__, outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore", rankme.PrecisionWarning)
    sys.unraisablehook = lambda _: None  # deleters that raise are among the cases
    outcomes = collections.Counter()
    cases = range(options.cases) if options.only is None else [options.only]
    for case in cases:
        print(f"\rcase {case}", end="", file=sys.stderr, flush=True)
        outcomes[run(options.seed, case)] += 1
        if case % 500 == 0:
            gc.collect()
    gc.collect()
    print(f"\n{sum(outcomes.values())} cases, seed {options.seed}")
    for (generator, outcome), count in sorted(outcomes.items()):
        print(f"  {generator:16} {outcome:12} {count:6}")


if __name__ == "__main__":
    main()
