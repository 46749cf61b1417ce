"""Sums in float32 through the engines: one state like the others, that says what it is."""

import pickle

import numpy as np

import rankme
from rankme.distributed import torch as rankme_torch
from ranks import on_ranks

K = 96
Z = np.random.default_rng(3).standard_normal((6000, K)).astype("f4") * np.float32(2)


def reduced(rank):
    """The first rank in float64, the second without rows, the third in float32."""
    acc = rankme.Accumulator(K, precision="float64" if rank == 0 else "fast")
    stack = rankme.LayerAccumulator(2, K, precision=acc.precision)
    if rank != 1:
        own = Z[:2000] if rank == 0 else Z[2000:]
        acc.update(own)
        stack.update([own, own[:, ::-1]])
    totals = rankme_torch.all_reduce({"one": acc, "many": stack})
    return totals["one"], totals["many"].fast_rows, totals["many"].spectrum(1).rankme_bounds()


def test_all_ranks_meet_whatever_they_multiplied_in():
    exact = rankme.score(Z)
    for total, of_layers, layer in on_ranks(3, reduced):
        assert (total.n_rows, total.fast_rows) == (6000, 4000)
        assert of_layers == [4000, 4000]
        spectrum = total.spectrum()
        assert spectrum.precision == "fast"
        for low, high in (spectrum.rankme_bounds(), layer):
            assert low <= exact <= high
            assert high - low < 1e-4 * exact


def test_parts_that_are_sent_as_bytes_merge():
    parts = []
    for own in np.array_split(Z, 5):
        acc = rankme.Accumulator(K, precision="fast")
        acc.update(own)
        parts.append(pickle.loads(pickle.dumps(acc)))
    total = sum(parts[1:], parts[0])
    assert total.fast_rows == 6000
    low, high = total.spectrum().rankme_bounds()
    assert low <= rankme.score(Z) <= high
    assert high - low < 1e-4 * high
