"""Stacks of layers, and what an accumulator of them knows."""

import numpy as np

import rankme
from helpers import bits
from oracles import moderate

L, N, K = 5, 120, 24


def stack(dtype="f8", n=N, k=K, layers=L):
    return np.stack([moderate(layer, n, k, dtype) for layer in range(layers)])


def filled(zs, **options):
    acc = rankme.LayerAccumulator(len(zs), zs[0].shape[1], **options)
    acc.update(zs)
    return acc


def bits_of(acc):
    return acc.n_rows, [bits(layer) for layer in acc]
