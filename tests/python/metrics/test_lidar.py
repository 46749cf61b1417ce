"""LiDAR: eq. 1-2 of Thilak et al. 2023 on explicit matrices, and streams."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from oracles import rankme_of
from rankme.metrics import lidar


def groups_of(seed, n, q, k, *, within=0.3, mean=0.0):
    rng = np.random.default_rng(seed)
    scales = np.arange(1, k + 1) ** -0.5
    objects = rng.standard_normal((n, 1, k)) * scales
    return objects + within * rng.standard_normal((n, q, k)) + mean


def slow_lidar(groups, *, delta=1e-4, eps=1e-7):
    """The definition, a group after the other."""
    groups = np.asarray(groups).astype("f8")
    _, _, k = groups.shape
    between = np.cov([group.mean(axis=0) for group in groups], rowvar=False)
    within = np.mean([np.cov(group, rowvar=False) for group in groups], axis=0)
    root = np.linalg.inv(np.real(sqrtm(within + delta * np.eye(k))))
    values = np.linalg.eigvalsh(root @ between @ root)
    assert len(values) == k
    return rankme_of(np.maximum(values, 0), eps)


SHAPES = [(50, 7, 12), (5, 3, 20), (2, 2, 3), (30, 40, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("options", [{}, {"delta": 0.1}, {"eps": 1e-3}, {"delta": 1, "eps": 0}])
def test_against_the_definition(shape, options):
    groups = groups_of(1, *shape)
    assert lidar(groups, **options) == pytest.approx(slow_lidar(groups, **options), rel=1e-8)


@pytest.mark.parametrize("dtype", ["f2", ml_dtypes.bfloat16, "f4", "f8"], ids=str)
def test_dtypes_and_strides(dtype):
    groups = groups_of(2, 40, 5, 9).astype(dtype)
    expected = slow_lidar(groups)
    assert lidar(groups) == pytest.approx(expected, rel=1e-8)
    assert lidar(np.asfortranarray(groups)) == pytest.approx(expected, rel=1e-8)
    assert lidar(groups[::-1, :, ::-1]) == pytest.approx(expected, rel=1e-8)
    assert lidar(groups[::2, 1:]) == pytest.approx(slow_lidar(groups[::2, 1:]), rel=1e-8)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=8))
def test_blocks_do_not_matter(sizes):
    groups = groups_of(3, sum(sizes), 4, 6, mean=3)
    parts = np.split(groups, np.cumsum(sizes)[:-1])
    whole = lidar(groups)
    assert lidar(iter(parts)) == pytest.approx(whole, rel=1e-10)
    assert lidar(reversed(parts)) == pytest.approx(whole, rel=1e-10)


def test_arrays_larger_than_a_chunk():
    groups = groups_of(4, 300, 50, 90).astype("f4")
    assert lidar(groups) == pytest.approx(slow_lidar(groups), rel=1e-6)


def test_a_common_mean_costs_nothing():
    groups = groups_of(5, 60, 5, 8)
    far = groups + 2.0**24  # 53 bits leave 29 behind the point
    assert lidar(far) == pytest.approx(lidar(groups), rel=1e-5)


@given(st.integers(0, 2**32))
def test_what_it_does_not_depend_on(seed):
    # With delta = 0 every change of basis leaves it alone.
    rng = np.random.default_rng(seed)
    groups = groups_of(seed, 30, 6, 5)
    basis = rng.standard_normal((5, 5)) + 4 * np.eye(5)
    assert lidar(groups @ basis, delta=0) == pytest.approx(lidar(groups, delta=0), rel=1e-7)
    assert lidar(rng.permutation(groups)) == pytest.approx(lidar(groups), rel=1e-10)
    assert lidar(groups[:, rng.permutation(6)]) == pytest.approx(lidar(groups), rel=1e-10)


@given(st.integers(2, 12), st.integers(2, 5), st.integers(1, 12), st.integers(0, 2**32))
def test_range(n, q, k, seed):
    value = lidar(groups_of(seed, n, q, k), eps=0)
    assert 1 - 1e-9 <= value <= min(k, n - 1) * (1 + 1e-9)


def test_it_counts_what_tells_objects_apart():
    # 3 of 10 directions differ between objects, all vary within them.
    rng = np.random.default_rng(6)
    groups = rng.standard_normal((2000, 10, 10))
    groups[:, :, :3] += 30 * rng.standard_normal((2000, 1, 3))
    assert lidar(groups) == pytest.approx(3, rel=0.05)
    # One augmentation that moves rows far is no object.
    groups[:, :, 3:5] *= 1000
    assert lidar(groups) == pytest.approx(3, rel=0.05)


def test_objects_that_all_agree():
    rng = np.random.default_rng(7)
    one = np.round(rng.standard_normal((1, 4, 5)), 3)
    assert lidar(np.zeros((6, 4, 5))) == 0
    assert lidar(np.repeat(one, 8, axis=0)) == 0


def test_no_variance_within_needs_delta():
    groups = np.repeat(groups_of(8, 20, 1, 4), 3, axis=1)
    assert lidar(groups, eps=0) == pytest.approx(slow_lidar(groups, eps=0))
    groups = np.repeat(np.random.default_rng(9).integers(-4, 4, (20, 1, 4)) * 1.0, 2, axis=1)
    with pytest.raises(ValueError, match=r"Sw has no inverse, .* delta must be more than 0"):
        lidar(groups, delta=0)


def bad(index, value):
    groups = groups_of(10, 5, 3, 4)
    groups[index] = value
    return groups


@pytest.mark.parametrize(
    ("groups", "error", "text"),
    [
        (np.ones((4, 3)), ValueError, r"have shape \(n, q, K\).* shape is \(4, 3\)"),
        (np.ones((4, 3, 0)), ValueError, r"not be empty; the shape is \(4, 3, 0\)"),
        ([], ValueError, "groups has no blocks"),
        ([[[1.0, 2.0]]], TypeError, "groups must be an array,.* not list"),
        (np.ones((4, 3, 2), int), TypeError, "groups has dtype int64"),
        (np.ma.ones((4, 3, 2)), TypeError, "masked"),
        (np.ones((1, 3, 2)), ValueError, "2 or more groups; n is 1"),
        (np.ones((4, 1, 2)), ValueError, "2 or more rows each; q is 1"),
        ([np.ones((2, 3, 4)), np.ones((2, 3, 5))], ValueError, "q = 3 and K = 5; those before"),
        ([np.ones((2, 3, 4)), np.ones((2, 2, 4))], ValueError, "q = 2 and K = 4; those before"),
        (bad((3, 1, 2), math.nan), ValueError, r"groups\[3, 1, 2\] is nan; every entry must be"),
        ([np.ones((4, 3, 4)), bad((2, 0, 3), -math.inf)], ValueError, r"\[6, 0, 3\] is -inf"),
        (bad((0, 0, 0), 1e200), OverflowError, r"groups\[0, 0, 0\] is 1e\+200; its square is"),
    ],
    ids=str,
)
def test_what_are_no_groups(groups, error, text):
    with pytest.raises(error, match=text):
        lidar(groups)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"delta": -1}, ValueError, "delta must be 0 or more"),
        ({"delta": math.inf}, ValueError, "delta must be finite"),
        ({"delta": "1"}, TypeError, "delta must be a real number, not str"),
        ({"eps": -1}, ValueError, "eps must be from 0 to 1"),
    ],
    ids=str,
)
def test_wrong_options(options, error, text):
    with pytest.raises(error, match=text):
        lidar(groups_of(11, 5, 3, 4), **options)
