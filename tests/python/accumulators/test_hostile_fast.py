"""The matrices of `test_hostile`, with every product in float32: no interval missed, no alarm."""

import math
import pickle

import numpy as np
import pytest

import extended
import rankme
from hostile import FAMILIES, Hostile, case
from hostile_ways import _fed, _of, attack
from rankme import _core
from rankme._base.arrays import as_matrix
from rankme.metrics._spectrum import Spectrum

CASES = 6
LONG = extended.LONG


def in_float(hostile):
    """The same kind of rows as float32 has them; what float32 has no room for stays as it is."""
    blocks = []
    for block, times in hostile.blocks:
        with np.errstate(over="ignore", under="ignore"):
            narrow = block if block.dtype.itemsize < 8 else block.astype("f4")
        same_scale = np.isfinite(narrow).all() and (narrow.any() or not block.any())
        blocks.append((narrow if same_scale else block, times))
    return Hostile(blocks)


def fast_accumulator(dim, *, normalize=False):
    """An accumulator that asks no rows whether float32 would do."""
    acc = rankme.Accumulator(dim, normalize=normalize, precision="fast")
    acc._core = _core.GramAccumulator(dim, normalize, 0, True, "fast", math.inf)
    return acc


def fast_stream(hostile, rng, options):
    def make():
        # Now and then one in float64, to be merged with the others.
        if rng.random() < 0.2:
            return rankme.Accumulator(hostile.dim, normalize=options["normalize"])
        return fast_accumulator(hostile.dim, normalize=options["normalize"])

    acc = _fed(hostile, rng, make)
    yield _of("fast stream", acc.spectrum(center=options["center"]), acc)
    kept = pickle.loads(pickle.dumps(acc))
    yield _of("fast, kept", kept.spectrum(center=options["center"]), kept)
    other = make()
    other.merge(kept)
    yield _of("fast, merged", other.spectrum(center=options["center"]), other)


def fast_one_shot(hostile, rng, options):
    del rng
    if hostile.n_rows * hostile.dim > 1_000_000:
        return
    if len({block.dtype for block, _ in hostile.blocks}) > 1:
        return
    z = np.ascontiguousarray(hostile.whole())
    for layout in (z, np.asfortranarray(z)):
        values, _ = _core.fast_spectrum(
            as_matrix(layout), options["center"], options["normalize"], math.inf
        )
        yield _of(
            "fast", Spectrum(*z.shape, options["center"], options["normalize"], "gram", *values)
        )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
def test_no_interval_misses_in_float32(family):
    spectra = 0
    for number in range(CASES):
        rng = np.random.default_rng([2025, list(FAMILIES).index(family), number])
        hostile = in_float(case(family, rng))
        for name, verdict, _ in attack(hostile, rng, (fast_stream, fast_one_shot)):
            assert not isinstance(verdict, Exception), (number, name, verdict)
            assert not verdict.missed, (number, name, verdict.missed)
            spectra += 1
    assert spectra >= CASES


def test_products_are_in_float32_there():
    rng = np.random.default_rng(0)
    acc = fast_accumulator(20)
    acc.update(rng.standard_normal((300, 20)).astype("f4"))
    assert acc.fast_rows == 300
    assert acc.spectrum().precision == "fast"


@pytest.mark.parametrize("times", [1000, 1_000_000])
def test_equal_rows_that_round_in_one_direction(times):
    """Sums of equal rows are off in one direction every time, and by the same part."""
    rng = np.random.default_rng(times)
    block = rng.standard_normal((200, 24)).astype("f4")
    acc = fast_accumulator(24)
    acc.update(block)
    total = fast_accumulator(24)
    for bit in range(times.bit_length()):
        if times >> bit & 1:
            total.merge(acc)
        acc.merge(acc)
    exact = extended.singular_values(block.astype(LONG)) * np.sqrt(LONG(times))
    low, high = total.spectrum().singular_value_bounds()
    assert ((low <= exact) & (exact <= high)).all()
    assert total.n_rows == times * 200
