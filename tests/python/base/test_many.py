"""Batches and stacks enter as single matrices do: any array, and where it lies."""

import ml_dtypes
import numpy as np
import pyarrow as pa
import pytest
import torch

import rankme
from oracles import moderate

STACK = np.stack([moderate(seed, 40, 7, np.dtype("f4")) for seed in range(5)])


def fixed_size_list(z):
    return pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), z.shape[1])


PRODUCERS = {
    "torch": torch.from_numpy,
    "memoryview": memoryview,
    "bfloat16": lambda z: torch.from_numpy(z).bfloat16(),
    "numpy": lambda z: z[::-1].copy()[::-1],
}


@pytest.mark.parametrize("make", PRODUCERS.values(), ids=PRODUCERS)
def test_a_3d_array_of_any_kind(make):
    produced = make(STACK)
    same = np.array(STACK)
    if isinstance(produced, torch.Tensor) and produced.dtype == torch.bfloat16:
        same = STACK.astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(rankme.score_batch(produced), rankme.score_batch(same))
    np.testing.assert_array_equal(
        rankme.score_batch(produced, method="auto", rtol=0), rankme.score_batch(same, method="qr")
    )
    layers, wanted = (rankme.LayerAccumulator(5, 7) for _ in range(2))
    layers.update(produced)
    wanted.update(same)
    np.testing.assert_array_equal(layers.score(), wanted.score())


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_sequence_of_many_kinds(kind):
    mixed = kind(
        [
            STACK[0],
            torch.from_numpy(STACK[1]),
            fixed_size_list(STACK[2]),
            memoryview(STACK[3]),
            np.asfortranarray(STACK[4]),
        ]
    )
    # Fortran order is summed in another order.
    np.testing.assert_allclose(rankme.score_batch(mixed), rankme.score_batch(STACK), rtol=1e-12)
    layers, wanted = (rankme.LayerAccumulator(5, 7) for _ in range(2))
    layers.update(mixed)
    wanted.update(STACK)
    np.testing.assert_allclose(layers.score(), wanted.score(), rtol=1e-12)


def test_a_list_may_change_while_it_is_scored():
    # The matrices are held one by one, so none is freed under the core.
    zs = [STACK[i].copy() for i in range(5)]
    before = rankme.score_batch(zs)
    zs.append(zs.pop(0))
    np.testing.assert_array_equal(rankme.score_batch(zs), np.roll(before, -1))
