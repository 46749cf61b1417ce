"""A batch on a GPU has the scores of the CPU's."""

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, framework, needs_gpu, on_gpu
from oracles import DTYPES, RANK_DEFICIENT, moderate

pytestmark = needs_gpu


def batch(count, n, k, dtype):
    return np.stack([moderate(seed, n, k, dtype) for seed in range(count)])


def on_gpu_3d(z):
    return on_gpu(z.reshape(-1, z.shape[-1])).reshape(z.shape)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(40, 16, 64), (20, 50, 300), (20, 64, 16), (6, 150, 200)])
@pytest.mark.parametrize("options", [{}, {"normalize": True}], ids=str)
def test_scores_are_those_of_the_cpu(dtype, shape, options):
    z = batch(*shape, dtype)
    expected = [rankme.score(one, **options) for one in z]
    for array, device in ((on_gpu_3d(z), None), (z, "cuda")):
        scores = rankme.score_batch(array, device=device, **options)
        np.testing.assert_allclose(scores, expected, rtol=AGAINST_CPU)


def test_ragged_lists():
    matrices = [moderate(i, 5 + 7 * i, 40, "f4") for i in range(12)]
    scores = rankme.score_batch([on_gpu(z) for z in matrices])
    np.testing.assert_allclose(scores, [rankme.score(z) for z in matrices], rtol=AGAINST_CPU)


def test_the_first_bad_entry_is_named():
    z = batch(30, 16, 64, "f2")
    z[17, 3, 60] = np.nan
    z[21, 0, 0] = np.inf
    with pytest.raises(rankme.NonFiniteError, match=r"Zs\[17\]\[3, 60\] is nan"):
        rankme.score_batch(on_gpu_3d(z))


def test_zero_matrices_and_rank_one():
    torch = framework("torch")
    z = torch.zeros(4, 8, 20, device="cuda")
    z[1] = 1
    z[2, :, 3] = torch.arange(8.0, device="cuda")
    scores = rankme.score_batch(z, eps=0)
    np.testing.assert_allclose(scores, [0, 1, 1, 0], rtol=RANK_DEFICIENT)
