"""Random matrices of many kinds, with what is to be done to them: a strategy of hypothesis."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from oracles import BFLOAT16

SPECTRA = {
    "flat": lambda m, _: np.ones(m),
    "k^-0.5": lambda m, _: np.arange(1.0, m + 1) ** -0.5,
    "k^-1": lambda m, _: np.arange(1.0, m + 1) ** -1,
    "k^-3": lambda m, _: np.arange(1.0, m + 1) ** -3,
    "exponential": lambda m, rng: np.exp(-np.arange(m) * rng.uniform(0.1, 3)),
    "collapsed": lambda m, rng: np.geomspace(1, 10.0 ** -rng.integers(6, 17), m),
    "one direction": lambda m, rng: np.r_[1, np.full(m - 1, 10.0 ** -rng.integers(5, 14))],
    "rank-deficient": lambda m, rng: (np.arange(m) <= rng.integers(0, m)).astype(float),
    "clustered": lambda m, rng: 10.0 ** -rng.integers(0, 9, m) * (1 + 1e-9 * rng.random(m)),
    "random": lambda m, rng: rng.random(m),
}
SHAPES_OF_ROWS = [
    "as they are",
    "mean-dominated",
    "identical but for rounding",
    "duplicated",
    "short columns",
]
# Decimal exponents of the scale that the dtype can hold beside a spectrum.
SCALES = {
    np.dtype("f2"): st.integers(-4, 3),
    BFLOAT16: st.integers(-30, 30),
    np.dtype("f4"): st.integers(-30, 30),
    np.dtype("f8"): st.integers(-30, 30) | st.sampled_from([-200, -90, -70, -50, 50, 70, 90, 200]),
}


class Case(NamedTuple):
    z: np.ndarray
    center: bool
    normalize: bool
    rng: np.random.Generator


@st.composite
def cases(draw, max_side=40):
    n, k = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    dtype = draw(st.sampled_from(list(SCALES)))
    spectrum = draw(st.sampled_from(list(SPECTRA)))
    rows = draw(st.sampled_from(SHAPES_OF_ROWS))
    scale = 10.0 ** draw(SCALES[dtype])
    center, normalize = draw(st.booleans()), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    z = with_rows(with_spectrum(n, k, spectrum, rng), rows, rng)
    return Case((z / np.abs(z).max() * scale).astype(dtype), center, normalize, rng)


def with_spectrum(n, k, name, rng):
    m = min(n, k)
    left = np.linalg.qr(rng.standard_normal((n, m)))[0]
    right = np.linalg.qr(rng.standard_normal((k, m)))[0]
    return (left * SPECTRA[name](m, rng)) @ right.T


def with_rows(z, name, rng):
    if name == "mean-dominated":
        return z + 10.0 ** rng.integers(0, 9) * rng.standard_normal(z.shape[1])
    if name == "identical but for rounding":
        return rng.standard_normal(z.shape[1]) * (1 + 1e-16 * rng.standard_normal(z.shape))
    if name == "duplicated":
        return z[rng.integers(0, rng.integers(1, len(z) + 1), len(z))]
    if name == "short columns":
        return z * 10.0 ** -(rng.uniform(4, 14) * (rng.random(z.shape[1]) < 0.2))
    return z
