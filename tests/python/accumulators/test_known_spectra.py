"""Wide rows whose singular values are known exactly: no interval misses one, centred or not.

The oracle of the hostile matrices is too slow for orders at which eigenvalues come from the solver
in two stages. Here small matrices A stand on the diagonal, and a Hadamard matrix turns the rows:
nothing rounds, and the singular values are those of A, each as often as there are copies.
"""

import numpy as np
import pytest

import extended
import rankme
from hostile import FAMILIES, case

UNFIT = {"zeros", "near_zero", "near_overflow"}  # nothing is left of them on a grid of 2^-30


def hadamard(order):
    h = np.ones((1, 1))
    while len(h) < order:
        h = np.block([[h, h], [h, -h]])
    return h


def small_block(family, rng, width):
    """Give some rows of a hostile matrix on a grid so coarse that sums of them do not round."""
    a = np.concatenate([np.asarray(block, np.float64) for block, _ in case(family, rng).blocks])
    a = a[:24, :width]
    a = np.pad(a, ((0, 0), (0, width - a.shape[1])))
    return np.round(a / np.abs(a).max() * 2.0**30) / 2.0**30


def known_singular_values(a, copies, shape, *, center):
    """Of the copies on the diagonal, with columns as long as `shape` says after the turn.

    The mean of all rows is along one combination of the copies: there it is taken off A, and in the
    others A is left as it is.
    """
    exact = np.asarray(a, extended.LONG)
    sigma = np.tile(extended.singular_values(exact), copies)
    if center:
        exact = exact - exact[0]
        rest = extended.singular_values(exact - exact.mean(axis=0))
        sigma = np.concatenate([sigma[: len(sigma) // copies * (copies - 1)], rest])
    sigma = np.sort(sigma)[::-1] * np.sqrt(extended.LONG(shape[1]))
    return np.pad(sigma, (0, max(0, min(shape) - len(sigma))))[: min(shape)]


def of_accumulator(z, center):
    accumulator = rankme.Accumulator(z.shape[1])
    accumulator.update(z[: len(z) // 3])
    accumulator.update(z[len(z) // 3 :])
    return accumulator.spectrum(center=center)


def of_layer(z, center):
    stack = rankme.LayerAccumulator(2, z.shape[1])
    stack.update(np.stack([z, z]))
    return stack.spectra(center=center)[1]


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - UNFIT))
@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
def test_the_intervals_hold_known_values(family):
    rng = np.random.default_rng([5, list(FAMILIES).index(family)])
    width, order = 2 ** int(rng.integers(1, 5)), int(rng.choice([256, 512]))
    a = small_block(family, rng, width)
    z = np.kron(np.eye(order // width), a) @ hadamard(order)
    z = z[rng.permutation(len(z))]
    for center in (False, True):
        sigma = known_singular_values(a, order // width, z.shape, center=center)
        error = extended.own_error(a.shape, sigma[0])
        for spectrum in (
            rankme.spectrum(z, center=center),
            of_accumulator(z, center),
            of_layer(z, center),
        ):
            low, high = spectrum.singular_value_bounds()
            assert (low <= sigma + error).all()
            assert (sigma - error <= high).all()
            for eps in (0, 1e-7):
                wanted = extended.rankme(sigma, eps)
                ends = spectrum.rankme_bounds(eps=eps)
                slack = 1e-15
                assert ends[0] * (1 - slack) <= wanted <= ends[1] * (1 + slack)
