"""Coherence against a float64 SVD, in two passes over arrays and streams."""

import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rankme
from oracles import moderate
from rankme.metrics import coherence


def slow_coherence(z, rank=None):
    z = np.asarray(z).astype("f8")
    left = np.linalg.svd(z, full_matrices=False)[0][:, :rank]
    n, k = z.shape
    return n / k * (left**2).sum(axis=1).max()


@pytest.mark.parametrize("shape", [(300, 20), (20, 20), (12, 40), (9, 1), (1, 9), (1, 1)], ids=str)
def test_against_an_svd(shape):
    z = moderate(41, *shape)
    assert coherence(z) == pytest.approx(slow_coherence(z), rel=1e-8)


@pytest.mark.parametrize("dtype", ["f2", ml_dtypes.bfloat16, "f4", "f8"], ids=str)
def test_dtypes_and_strides(dtype):
    z = moderate(42, 200, 30).astype(dtype)
    for view in (z, np.asfortranarray(z), z[::-2, ::3], z.T):
        assert coherence(view) == pytest.approx(slow_coherence(view), rel=1e-7)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=8))
def test_blocks_do_not_matter(sizes):
    z = moderate(43, sum(sizes), 10)
    parts = np.split(z, np.cumsum(sizes)[:-1])
    assert coherence(lambda: iter(parts)) == pytest.approx(coherence(z), rel=1e-9)


@given(st.integers(0, 2**32))
def test_neither_scale_nor_basis_matters(seed):
    z = moderate(seed, 60, 8)
    basis = np.random.default_rng(seed).standard_normal((8, 8)) + 4 * np.eye(8)
    assert coherence(z @ basis) == pytest.approx(coherence(z), rel=1e-7)
    assert coherence(z * 2.0**-400) == pytest.approx(coherence(z), rel=1e-9)
    assert coherence(z * 2.0**400) == pytest.approx(coherence(z), rel=1e-9)


def test_its_ends():
    # Every row alike: a Hadamard matrix. A row alone in its direction: the most there is.
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) * 1.0
    even = np.tile(hadamard[:, :3], (5, 1))
    assert coherence(even) == pytest.approx(1)
    alone = np.zeros((20, 3))
    alone[:, :2] = moderate(44, 20, 2)
    alone[7, 2] = 1e-3
    assert coherence(alone) == pytest.approx(20 / 3)
    assert coherence(moderate(45, 10, 40)) == pytest.approx(10 / 40)
    assert coherence(np.zeros((5, 3))) == 0


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 2**32))
def test_range(n, k, seed):
    z = np.random.default_rng(seed).standard_normal((n, k))
    low, high = min(n, k) / k, n / k
    assert low * (1 - 1e-6) <= coherence(z) <= high * (1 + 1e-6)


def test_only_directions_above_rounding_count():
    rng = np.random.default_rng(46)
    z = rng.standard_normal((200, 5)) @ rng.standard_normal((5, 40))
    assert coherence(z) == pytest.approx(slow_coherence(z, rank=5), rel=1e-8)
    assert coherence(z[:30]) == pytest.approx(slow_coherence(z[:30], rank=5), rel=1e-8)


def test_memory_is_bounded_by_blocks():
    block = moderate(47, 500, 64)

    def blocks():
        for shift in range(60):  # 15 MB in all
            yield np.roll(block, shift, axis=1)

    expected = coherence(blocks)
    tracemalloc.start()
    assert coherence(blocks) == expected
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6
    assert expected == pytest.approx(slow_coherence(np.concatenate(list(blocks()))), rel=1e-8)


def test_bad_input():
    z = moderate(48, 9, 4)
    assert coherence(z.tolist()) == coherence(lambda: [z.tolist()]) == coherence(z)
    with pytest.raises(TypeError, match="Z is a list of str"):
        coherence(["a"])
    with pytest.raises(ValueError, match="Z must be 2-D"):
        coherence(lambda: [[1.0, 2.0]])
    with pytest.raises(ValueError, match="Z must be 2-D"):
        coherence(np.ones(3))
    with pytest.raises(ValueError, match="Z has no blocks"):
        coherence(list)
    with pytest.raises(ValueError, match="5 columns"):
        coherence(lambda: [z, np.ones((2, 5))])
    z[3, 2] = np.nan
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[3, 2\] is nan"):
        coherence(z)
    for scale in (1e200, 1e-200):
        with pytest.raises(OverflowError):
            coherence(moderate(48, 9, 4) * scale)


def test_a_stream_that_cannot_be_repeated():
    blocks = iter([moderate(49, 9, 4), moderate(50, 9, 4)])
    with pytest.raises(ValueError, match="second pass over Z brought 0 rows, the first 18"):
        coherence(lambda: blocks)
