"""Matrices that are hard on sums: families of them, and what is exact of each.

A matrix is a list of blocks with how often each comes, so that ten million rows take no room: the
exact values of such a one are those of its blocks, each row times the root of its number.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import extended
from oracles import BFLOAT16
from probes import unseen_direction

LONG = extended.LONG
DTYPES = [np.dtype("f2"), BFLOAT16, np.dtype("f4"), np.dtype("f8")]
# Beside the largest of a matrix, smaller ones count as zeros (Spectrum.singular_value_bounds).
VANISHING = LONG(1e-110)


class Hostile(NamedTuple):
    """Blocks of rows in the order in which they come, and how often each of them does."""

    blocks: list[tuple[npt.NDArray, int]]

    @property
    def n_rows(self):
        """Count all rows."""
        return sum(len(block) * times for block, times in self.blocks)

    @property
    def dim(self):
        """Give the length of a row."""
        return self.blocks[0][0].shape[1]

    def whole(self):
        """Return all rows as one matrix."""
        if len(self.blocks) == 1 and len(self.blocks[0][0]) == 1:
            return np.broadcast_to(self.blocks[0][0], (self.blocks[0][1], self.dim))
        return np.concatenate([np.tile(block, (times, 1)) for block, times in self.blocks])


class Exact(NamedTuple):
    """Singular values in extended precision, and how far they may be off."""

    sigma: npt.NDArray
    error: LONG


def exact(hostile, *, center, normalize):
    """Find the singular values of all rows."""
    a, _ = extended.exact_matrix(
        np.concatenate([block for block, _ in hostile.blocks]), normalize=normalize
    )
    times = np.concatenate([np.full(len(block), times) for block, times in hostile.blocks])
    weights = times.astype(LONG)
    norm = np.sqrt((weights[:, None] * a * a).sum()) if normalize else LONG(0)
    if center:
        a = a - a[0]
        a = a - (weights @ a) / weights.sum()
    a = a * np.sqrt(weights)[:, None]
    norm = max(norm, np.sqrt((a * a).sum()))
    sigma = extended.singular_values(a)
    count = min(hostile.n_rows, hostile.dim)
    sigma = np.concatenate([sigma, np.zeros(max(0, count - len(sigma)), LONG)])[:count]
    error = extended.own_error(a.shape, norm) if norm else LONG(0)
    return Exact(sigma, error + VANISHING * sigma[0])


# ---- families ----------------------------------------------------------------------------------


def _shape(rng, most=40):
    """Draw a number of rows and of columns."""
    return int(rng.integers(1, most + 1)), int(rng.integers(1, most + 1))


def _one(z):
    """Make a matrix that comes once."""
    return Hostile([(z, 1)])


def _of_spectrum(rng, sigma, n, k):
    """Make a matrix with these singular values, but for rounding."""
    m = min(n, k)
    left = np.linalg.qr(rng.standard_normal((n, m)))[0]
    right = np.linalg.qr(rng.standard_normal((k, m)))[0]
    return (left * sigma[:m]) @ right.T


def gaussian(rng):
    """Rows of independent normal entries."""
    return _one(rng.standard_normal(_shape(rng)))


def power_law(rng):
    """Singular values k^-a."""
    n, k = _shape(rng)
    return _one(_of_spectrum(rng, np.arange(1.0, 41) ** -rng.uniform(0.2, 6), n, k))


def collapsed(rng):
    """Values from 1 to 1e-16, or one large and the rest alike."""
    n, k = _shape(rng)
    least = 10.0 ** -rng.integers(3, 17)
    sigma = np.geomspace(1, least, 40) if rng.random() < 0.5 else np.r_[1, np.full(39, least)]
    return _one(_of_spectrum(rng, sigma, n, k))


def low_rank(rng):
    """Exact products of small integers."""
    (n, k), r = _shape(rng), int(rng.integers(1, 4))
    return _one(1.0 * rng.integers(-4, 5, (n, r)) @ rng.integers(-4, 5, (r, k)))


def equal_rows(rng):
    """One row up to ten million times."""
    k = int(rng.choice([1, 2, 4, 8, 16, 33]))
    times = int(10 ** rng.uniform(0, min(7, 7.5 - np.log10(k))))
    return Hostile([(rng.standard_normal((1, k)), times)])


def nearly_equal_rows(rng):
    """One row and a little noise, as of a collapsed encoder."""
    n, k = _shape(rng)
    return _one(rng.standard_normal(k) + 10.0 ** -rng.integers(4, 17) * rng.standard_normal((n, k)))


def few_distinct(rng):
    """Some rows in turn, many times."""
    n, k = int(rng.integers(2, 7)), int(rng.integers(1, 17))
    block = rng.standard_normal((n, k))
    return Hostile([(block, int(10 ** rng.uniform(0, 5)))])


def outlier_first(rng):
    """A row far away, and then many others."""
    n, k = _shape(rng)
    z = rng.standard_normal((n, k))
    z[0] *= 10.0 ** rng.integers(2, 16)
    return _one(z)


def outlier_last(rng):
    """Many rows, and then one far away."""
    return _one(outlier_first(rng).whole()[::-1].copy())


def graded_columns(rng):
    """Columns that get smaller by a factor, with a mean or without."""
    n, k = _shape(rng)
    scales = 10.0 ** -(np.arange(k) * rng.uniform(0, 2))
    return _one((rng.standard_normal((n, k)) + rng.choice([0, 1, 1e4])) * scales)


def graded_rows(rng):
    """Rows that get smaller, or larger."""
    n, k = _shape(rng)
    z = rng.standard_normal((n, k)) * 10.0 ** -(np.arange(n) * rng.uniform(0, 1))[:, None]
    return _one(z[::-1].copy() if rng.random() < 0.5 else z)


def near_zero(rng):
    """Entries whose squares vanish, down to subnormal ones."""
    n, k = _shape(rng)
    return _one(rng.standard_normal((n, k)) * 10.0 ** -float(rng.integers(150, 324)))


def near_overflow(rng):
    """Entries whose squares, or differences, are beyond float64."""
    n, k = _shape(rng)
    return _one(rng.uniform(-1, 1, (n, k)) * 10.0 ** float(rng.integers(150, 309)))


def scale_jumps(rng):
    """Blocks that are large and small in turn."""
    n, k = _shape(rng)
    scales = 10.0 ** rng.choice([-40, -3, 0, 2, 31, 40], n)
    return _one(rng.standard_normal((n, k)) * scales[:, None])


def mean_dominated(rng):
    """A mean up to 1e12 times the spread."""
    n, k = _shape(rng)
    mean = 10.0 ** rng.integers(0, 13) * rng.standard_normal(k)
    return _one(rng.standard_normal((n, k)) + mean)


def long_mean(rng):
    """Many columns whose mean is hard to take the norm of."""
    n, k = int(rng.integers(1, 7)), int(10 ** rng.uniform(2, 2.9))
    mean = np.full(k, rng.uniform(0.1, 1))
    mean[rng.integers(k)] = 1
    return _one(mean + 10.0 ** -rng.integers(2, 13) * rng.standard_normal((n, k)))


def drifting(rng):
    """A mean that walks away."""
    n, k = _shape(rng)
    steps = rng.standard_normal((n, k)) * 10.0 ** rng.integers(-2, 7)
    return _one(np.cumsum(steps, axis=0) + rng.standard_normal((n, k)))


def clusters(rng):
    """Groups far apart, in order or mixed."""
    n, k = _shape(rng)
    centres = rng.standard_normal((4, k)) * 10.0 ** rng.integers(0, 9)
    which = rng.integers(0, 4, n)
    return _one(
        centres[np.sort(which) if rng.random() < 0.5 else which] + rng.standard_normal((n, k))
    )


def alternating(rng):
    """Rows far out on two sides in turn."""
    n, k = _shape(rng)
    far = 10.0 ** rng.integers(1, 9) * rng.standard_normal(k)
    return _one(np.where(np.arange(n) % 2, 1, -1)[:, None] * far + rng.standard_normal((n, k)))


def one_hot(rng):
    """Unit vectors, zeros among them."""
    n, k = _shape(rng)
    return _one(np.eye(k)[rng.integers(0, k, n)] * (rng.random(n) < 0.8)[:, None])


def zeros(rng):
    """Nothing, or one entry."""
    z = np.zeros(_shape(rng))
    if rng.random() < 0.7:
        z[rng.integers(z.shape[0]), rng.integers(z.shape[1])] = 10.0 ** -float(rng.integers(0, 300))
    return _one(z)


def dead_columns(rng):
    """Columns of zeros, or as good as."""
    n, k = _shape(rng)
    z = np.maximum(rng.standard_normal((n, k)), 0)
    return _one(z * rng.choice([0, 1, 1, 1e-8, 1e-30], k))


def vandermonde(rng):
    """Powers of equal steps: a matrix as good as singular."""
    n, k = _shape(rng)
    return _one(np.vander(np.linspace(rng.uniform(-1, 0.9), 1, n), k, increasing=True))


def swallow(rng):
    """A row of 2^27 or so, and then thousands that are small beside it."""
    k = int(rng.integers(1, 9))
    large = np.ldexp(rng.choice([-1.0, 1], (1, k)), int(rng.integers(24, 30)))
    small = rng.standard_normal((int(rng.integers(1, 5)), k)) / 4
    return Hostile([(large, 1), (small, int(10 ** rng.uniform(1, 4.3)))])


def unseen(rng):
    """The same, across all probes of seed 0: a loss that they cannot see."""
    k = int(rng.integers(12, 33))
    signs = rng.choice([-1.0, 1], k)
    small = unseen_direction(k, rng) * 2.0**-26.6 * 10 ** rng.uniform(-1.5, 0.5)
    # As many as make up what a matrix of this order may be off by anyway.
    times = int(10 ** rng.uniform(3, 5))
    return Hostile([(np.array([signs, -signs]), 1), (np.array([small, -small]), times)])


def unseen_in_blocks(rng):
    """The same, with the large rows in front of every block."""
    k, n = int(rng.integers(12, 33)), int(rng.integers(20, 400)) * 2
    signs = rng.choice([-1.0, 1], k)
    rows = np.where(np.arange(n) % 2, -1, 1)[:, None] * unseen_direction(k, rng) * 2.0**-26.5
    rows[:2] = signs, -signs
    return Hostile([(rows, int(rng.integers(1, 30)))])


def giants(rng):
    """Few rows and then millions about other means: sums that merge with themselves."""
    k = int(rng.integers(1, 5))
    times = 2 ** int(rng.integers(5, 22))
    far = rng.standard_normal((1, k))
    step = rng.uniform(0.1, 3) * rng.standard_normal((1, k)) / np.sqrt(times)
    return Hostile([(far, 1), (np.zeros((1, k)), times), (step, times)])


FAMILIES = {
    family.__name__: family
    for family in (
        gaussian, power_law, collapsed, low_rank, equal_rows, nearly_equal_rows, few_distinct,
        outlier_first, outlier_last, graded_columns, graded_rows, near_zero, near_overflow,
        scale_jumps, mean_dominated, long_mean, drifting, clusters, alternating, one_hot, zeros,
        dead_columns, vandermonde, swallow, unseen, unseen_in_blocks, giants,
    )
}  # fmt: skip


def case(family, rng):
    """Draw a matrix of a family, in some dtype that holds it; wide ones among those that fit."""
    hostile = FAMILIES[family](rng)
    dtype = DTYPES[rng.choice(4, p=[0.1, 0.1, 0.3, 0.5])]
    if family in {"near_zero", "near_overflow", "swallow", "unseen", "unseen_in_blocks", "giants"}:
        return hostile
    with np.errstate(over="ignore", invalid="ignore"):
        converted = [(block.astype(dtype), times) for block, times in hostile.blocks]
    if all(np.isfinite(block.astype("f8")).all() for block, _ in converted):
        return Hostile(converted)
    return hostile
