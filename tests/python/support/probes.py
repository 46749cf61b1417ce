"""The probes of a seed, written anew from their specification, and what they do not see."""

import numpy as np

COUNT = 8
_MASK = 2**64 - 1


def _random_bits(seed, index):
    """SplitMix64 at a place of its stream."""
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def gaussian_probes(dim, seed=0):
    """Return dim x 8 normal numbers, two at a time by Box and Muller."""
    uniform = (np.array([_random_bits(seed, i) >> 11 for i in range(COUNT * dim)]) + 0.5) / 2**53
    radius = np.sqrt(-2 * np.log(uniform[::2]))
    angle = 2 * np.pi * uniform[1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.reshape(dim, COUNT)


def unseen_direction(dim, rng):
    """Return a vector across all probes of seed 0 whose largest entry is 1, as flat as may be."""
    rest = rng.standard_normal((dim, dim - COUNT))
    across = np.linalg.qr(np.c_[gaussian_probes(dim), rest])[0][:, COUNT:]
    v = across @ rng.standard_normal(dim - COUNT)
    for _ in range(100):
        v = across @ (across.T @ np.clip(1.6 * v / np.abs(v).max(), -1, 1))
    return v / np.abs(v).max()
