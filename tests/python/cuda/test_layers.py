"""A stack of layers on a GPU is what a stack on the CPU is."""

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, needs_gpu, on_gpu
from oracles import moderate

pytestmark = needs_gpu

DIMS = [17, 64, 17]


def layers(seed=0, n=300):
    return [moderate(seed + i, n, dim, "f4") for i, dim in enumerate(DIMS)]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("place", [on_gpu, np.asarray], ids=["gpu", "host"])
def test_scores_are_those_of_the_cpu(place, normalize):
    stacks = [
        rankme.LayerAccumulator(dims=DIMS, normalize=normalize, device=device)
        for device in (DEVICE, "cpu")
    ]
    for seed in (0, 5):
        stacks[0].update([place(z) for z in layers(seed)])
        stacks[1].update(layers(seed))
    for center in (False, True):
        expected = stacks[1].score(center=center)
        np.testing.assert_allclose(stacks[0].score(center=center), expected, rtol=AGAINST_CPU)
    total = stacks[1] + stacks[0]
    assert (total.device, total.n_rows) == ("cpu", 1200)
    back = stacks[0].copy(device="cpu").copy(device=DEVICE)
    np.testing.assert_array_equal(back.score(), stacks[0].score())


def test_bad_rows_change_no_layer():
    acc = rankme.LayerAccumulator(dims=DIMS, device=DEVICE)
    acc.update([on_gpu(z) for z in layers()])
    before = acc.score()
    bad = layers(5)
    bad[2][7, 3] = np.nan
    with pytest.raises(rankme.NonFiniteError, match=r"Zs\[2\]\[7, 3\] is nan"):
        acc.update([on_gpu(z) for z in bad])
    assert acc.n_rows == 300
    np.testing.assert_array_equal(acc.score(), before)
