"""Every way that rows take to a spectrum, and what is wrong with what comes out."""

import functools
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import extended
import rankme
from hostile import exact
from probes import COUNT, gaussian_probes
from rankme._scoring.batch import spectra_of_batch

LONG = extended.LONG
UNIT = 2.0**-53
EPS = (0.0, 1e-7, 1e-2)
MOST_ENTRIES = 2_000_000  # of a matrix that is made at once
MOST_UPDATES = 120_000


class Found(NamedTuple):
    """A spectrum as a way has found it, on its own scale; the sum that it came from, if any."""

    way: str
    low: np.ndarray
    scaled: np.ndarray
    high: np.ndarray
    exponent: int
    bounds: Callable[[float], tuple[float, float]]  # of RankMe, by eps
    accumulator: Any = None


class Verdict(NamedTuple):
    """What a spectrum missed, and how good it was."""

    missed: list[str]
    error: float  # of RankMe, relative
    width_over_error: float


def _of(way, spectrum, accumulator=None):
    """Take a Spectrum apart."""
    parts = spectrum._low, spectrum._scaled, spectrum._high, spectrum._exponent
    return Found(way, *parts, lambda eps: spectrum.rankme_bounds(eps=eps), accumulator)


# ---- ways --------------------------------------------------------------------------------------


def _layouts(z):
    """Give the same matrix as memory may hold it."""
    strided = np.zeros((2 * len(z), z.shape[1] + 1), z.dtype)
    strided[::2, 1:] = z
    return {
        "C": z,
        "F": np.asfortranarray(z),
        "strided": strided[::2, 1:],
        "reversed": z[::-1].copy()[::-1],
    }


def one_shot(hostile, rng, options):
    """Score the whole matrix at once, by both methods."""
    alike = len(hostile.blocks) == 1 and len(hostile.blocks[0][0]) == 1  # no copy
    if hostile.n_rows * hostile.dim > MOST_ENTRIES * (10 if alike else 1):
        return
    z = hostile.whole()
    if z.size <= MOST_ENTRIES:
        name = str(rng.choice(["C", "F", "strided", "reversed"]))
        z = _layouts(z)[name]
    else:
        name = "whole"
    yield _of(f"one-shot gram {name}", rankme.spectrum(z, **options))
    if z.size <= MOST_ENTRIES and _fits_qr(z):
        yield _of(f"one-shot qr {name}", rankme.spectrum(z, method="qr", **options))


def _fits_qr(z):
    """Tell whether method="qr" takes such large entries."""
    return np.abs(z.astype("f8")).max() <= 2.0**1000


def _fed(hostile, rng, make):
    """Feed the blocks to an accumulator, cut at random; blocks that come often are doubled."""
    total = make()
    for block, times in hostile.blocks:
        if times == 1:
            cuts = np.sort(rng.integers(0, len(block) + 1, rng.integers(0, 6)))
            for part in np.split(block, cuts):
                if len(part):
                    total.update(part)
        elif times <= MOST_UPDATES and rng.random() < 0.7:
            at_once = max(1, min(int(10 ** rng.uniform(0, 3)), times))
            if times // at_once > 20_000:
                at_once = times // 20_000 + 1 if rng.random() < 0.6 else at_once
            tile = np.tile(block, (at_once, 1))
            for _ in range(times // at_once):
                total.update(tile)
            if times % at_once:
                total.update(np.tile(block, (times % at_once, 1)))
        else:
            total.merge(_doubled(block, times, make))
    return total


def _doubled(block, times, make):
    """Sum so many copies of a block by merging sums with themselves."""
    bit, total, power = 1, make(), make()
    power.update(block)
    while bit <= times:
        if times & bit:
            total.merge(power)
        power.merge(power)
        bit *= 2
    return total


def stream(hostile, rng, options, method="gram"):
    """Feed an accumulator, and look at it, copy it and save it on the way."""
    if method == "qr" and (
        hostile.n_rows > 20_000 or not all(_fits_qr(b) for b, _ in hostile.blocks)
    ):
        return

    def make():
        return rankme.Accumulator(hostile.dim, method=method, normalize=options["normalize"])

    acc = _fed(hostile, rng, make)
    change = rng.integers(4)
    if change == 0:
        acc = pickle.loads(pickle.dumps(acc))
    elif change == 1:
        with tempfile.TemporaryDirectory() as folder:
            acc.save(Path(folder) / "sum")
            acc = rankme.Accumulator.load(Path(folder) / "sum")
    elif change == 2:
        empty = make()
        empty.merge(acc)
        acc = empty
    yield _of(f"stream {method}", acc.spectrum(center=options["center"]), acc)


def stream_by_qr(hostile, rng, options):
    """Do the same by QR."""
    yield from stream(hostile, rng, options, "qr")


def layers(hostile, rng, options):
    """Feed a stack whose first and last layers are the matrix."""

    class Stack:
        def __init__(self):
            self.stack = rankme.LayerAccumulator(3, hostile.dim, normalize=options["normalize"])

        def update(self, z):
            self.stack.update([z, np.ones_like(z), z])

        def merge(self, other):
            self.stack.merge(other.stack)

    stack = _fed(hostile, rng, Stack).stack
    first, _, last = stack.spectra(center=options["center"])
    yield _of("layer 0", first)
    yield _of("layer 2", last, stack[2])


def batch(hostile, rng, options):
    """Put the matrix among others of a batch."""
    if hostile.n_rows * hostile.dim > MOST_ENTRIES:
        return
    z = hostile.whole()
    others = [rng.standard_normal(z.shape) for _ in range(int(rng.integers(0, 5)))]
    spectra = spectra_of_batch([*others, z], 1e-7, method="gram", rtol=1e-4, device=None, **options)
    own = slice(*spectra.offsets[-2:])
    ends = spectra.low[own], spectra.scaled[own], spectra.high[own]
    last = len(others)
    bounds = functools.partial(spectra.bounds, last)
    yield Found("batch", *ends, int(spectra.exponents[last]), bounds)


WAYS = (one_shot, stream, stream_by_qr, layers, batch)


# ---- verdicts ----------------------------------------------------------------------------------


def check(found, truth):
    """Hold a spectrum against the exact one."""
    sigma = np.ldexp(truth.sigma, -found.exponent)
    error = np.ldexp(truth.error, -found.exponent)
    ends = found.low.astype(LONG), found.high.astype(LONG)
    # Below float64's range the unit of the entries knows no more.
    outside = (ends[0] > sigma + error) | (ends[1] < sigma - error)
    missed = [
        f"sigma[{k}] = {sigma[k]:.17g} not in [{ends[0][k]:.17g}, {ends[1][k]:.17g}]"
        for k in np.flatnonzero(outside)[:1]
    ]
    if not ((found.low <= found.scaled) & (found.scaled <= found.high)).all():
        missed.append("a value outside its own interval")
    worst, ratio = 0.0, np.nan
    slack = float(extended.rankme_error(sigma, error))
    for eps in EPS if np.isfinite(slack) else ():
        wanted = extended.rankme(sigma, eps)
        low, high = found.bounds(eps)
        value = rankme._core.rankme(found.scaled, eps)
        if not low * (1 - slack) <= wanted <= high * (1 + slack):
            missed.append(f"RankMe(eps={eps:g}) {wanted:.17g} not in [{low:.17g}, {high:.17g}]")
        if not low <= value <= high:
            missed.append(f"RankMe(eps={eps:g}) {value:.17g} outside its own interval")
        if eps == 1e-7 and wanted > 0:
            worst = abs(float((value - wanted) / wanted))
            if worst > slack:
                ratio = (high - low) / 2 / float(wanted) / worst
    return Verdict(missed, worst, ratio)


def attack(hostile, rng, ways=WAYS):
    """Try every way with options of its own; give each spectrum's name, verdict and sum."""
    truths = {}
    for way in ways:
        options = {name: bool(rng.integers(2)) for name in ("center", "normalize")}
        key = tuple(options.values())
        if key not in truths:
            truths[key] = exact(hostile, **options)
        label = "".join(f" {name}" for name, on in options.items() if on)
        try:
            for found in way(hostile, rng, options):
                yield found.way + label, check(found, truths[key]), found.accumulator
        except (
            rankme.IntegrityError,
            RuntimeError,
            OverflowError,
            ValueError,
            ArithmeticError,
        ) as e:
            yield way.__name__ + label, e, None


# ---- how near the alarms are -------------------------------------------------------------------


def alarms(acc):
    """Return what was measured of a scatter over what raises: matrix, mean and trace."""
    if acc.method != "gram":
        return None
    n_rows, (_, seed, blocks, longest), arrays, _ = acc._core.state()
    _, offset, offset_low, products, products_low, mean_products, errors, packed = arrays
    k, x = acc.dim, gaussian_probes(acc.dim, seed)
    scatter = np.zeros((k, k))
    scatter[np.tril_indices(k)] = packed
    scatter += np.tril(scatter, -1).T
    trace = scatter.trace() + errors[2]
    chains = 1.01 * (2 * k + blocks + 2.0 * longest + 8)
    depth = 2 * k + 2.0 * (blocks + longest) + 8
    residual = scatter @ x - products.reshape(k, COUNT) - products_low.reshape(k, COUNT)
    difference = mean_products - n_rows * (offset + offset_low) @ x
    size = np.sqrt(n_rows * (trace + n_rows * offset @ offset))
    lost = float(scatter.diagonal().astype(LONG).sum() - errors[3] - errors[4])
    norm = np.linalg.norm(x)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(
            [
                np.linalg.norm(residual) / (chains * UNIT * trace * norm),
                np.linalg.norm(difference) / (2 * depth * UNIT * size * norm),
                abs(lost) / (2 * (blocks + longest + k + 32.0) * UNIT * trace),
            ]
        )
