"""Rows of one kind for the tests of monitors, and monitors of them."""

import numpy as np

import rankme

K, N = 8, 160
MIXING = np.random.default_rng(1).standard_normal((K, K)) * 0.8 ** np.arange(K)
MEAN = 2 * np.random.default_rng(2).standard_normal(K)


def draw(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, K)) @ MIXING.T + MEAN


REFERENCE = draw(3200, 99)


def plain(**options):
    return rankme.Monitor(K, **{"window": N, **options})


def learnt_monitor():
    return rankme.Monitor(K, window=N, reference=REFERENCE, resamples=200)
