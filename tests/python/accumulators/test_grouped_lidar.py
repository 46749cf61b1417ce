"""LiDAR by labels: the definition on explicit matrices, and what it shares with metrics.lidar."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

import rankme
from oracles import rankme_of
from rankme.metrics import lidar


def rows_of(seed, sizes, k, *, within=0.3, mean=0.0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    objects = rng.standard_normal((len(sizes), k)) * np.arange(1, k + 1) ** -0.5
    rows = objects[labels] + within * rng.standard_normal((len(labels), k)) + mean
    order = rng.permutation(len(labels))
    return rows[order], labels[order]


def slow_lidar(rows, labels, *, delta=1e-4, eps=1e-7):
    """The definition, a group after the other."""
    filled = sorted(set(labels.tolist()))
    means = np.array([rows[labels == group].mean(axis=0) for group in filled])
    within = delta * np.eye(rows.shape[1])
    for group, mean in zip(filled, means, strict=True):
        for row in rows[labels == group]:
            within += np.outer(row - mean, row - mean) / (len(rows) - len(filled))
    root = np.linalg.inv(np.real(sqrtm(within)))
    values = np.linalg.eigvalsh(root @ np.cov(means, rowvar=False) @ root)
    return rankme_of(np.maximum(values, 0), eps)


def made(rows, labels, n_groups=None):
    acc = rankme.GroupedAccumulator(rows.shape[1], n_groups or int(labels.max()) + 1)
    acc.update(rows, groups=labels)
    return acc


@pytest.mark.parametrize("sizes", [[1, 5, 30, 2, 1, 9], [40] * 7, [3, 0, 4, 500]], ids=str)
@pytest.mark.parametrize("options", [{}, {"delta": 0.1}, {"delta": 1, "eps": 0}], ids=str)
def test_against_the_definition(sizes, options):
    rows, labels = rows_of(1, sizes, 8)
    acc = made(rows, labels)
    assert acc.lidar(**options) == pytest.approx(slow_lidar(rows, labels, **options), rel=1e-8)


@pytest.mark.parametrize(("n", "q", "k"), [(50, 7, 12), (5, 3, 20), (2, 2, 3), (6, 300, 4)])
def test_equal_groups_are_those_of_the_metric(n, q, k):
    rows, labels = rows_of(2, [q] * n, k, mean=3)
    groups = rows[np.argsort(labels, kind="stable")].reshape(n, q, k)
    assert made(rows, labels).lidar() == pytest.approx(lidar(groups), rel=1e-12)


def test_a_common_mean_costs_nothing():
    rows, labels = rows_of(3, [2, 30, 8, 1, 60], 6)
    far = made(rows + 2.0**24, labels).lidar()  # 53 bits leave 29 behind the point
    assert far == pytest.approx(made(rows, labels).lidar(), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-170, 1e-300, 1e170, 1e300])
def test_squares_beyond_float64(scale):
    rows, labels = rows_of(4, [9, 30, 8, 20, 60], 4)
    expected = made(rows, labels).lidar(delta=0)
    assert made(rows * scale, labels).lidar(delta=0) == pytest.approx(expected, rel=1e-10)
    if scale < 1:
        # Nothing within can be seen beside delta, so that the means are compared as they are.
        alike = made(rows, labels).lidar(delta=1e40)
        assert made(rows * scale, labels).lidar() == pytest.approx(alike, rel=1e-10)
        groups = np.stack([rows[labels == 3][:10], rows[labels == 4][:10], rows[labels == 1][:10]])
        assert lidar(groups * scale) == pytest.approx(lidar(groups, delta=1e40), rel=1e-10)
        assert lidar(groups * scale, delta=0) == pytest.approx(lidar(groups, delta=0), rel=1e-10)


def test_means_that_are_equal_but_for_rounding():
    # The same rows in another order have another mean in floating point.
    rng = np.random.default_rng(5)
    one = rng.standard_normal((50, 6)) + 1000
    rows = np.concatenate([one, one[::-1], one[rng.permutation(50)]])
    assert made(rows, np.repeat([0, 1, 2], 50)).lidar() == 0
    assert lidar(rows.reshape(3, 50, 6)) == 0


def test_merged_and_streamed():
    rows, labels = rows_of(6, [3, 30, 8, 1, 60], 6, mean=-7)
    total = sum(made(rows[i::4], labels[i::4], 5) for i in range(4))
    assert total.lidar() == pytest.approx(slow_lidar(rows, labels), rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "options", "error", "text"),
    [
        ([1, 1, 1, 1], {}, ValueError, "2 or more groups with rows; there are 1"),
        ([0, 1, 2, 3], {}, ValueError, "a group of 2 or more rows; each has one"),
        ([0, 0, 1, 1], {"delta": 0}, ValueError, "Sw has no inverse"),
        ([0, 0, 1, 1], {"delta": -1}, ValueError, "delta must be 0 or more"),
        ([0, 0, 1, 1], {"delta": math.inf}, ValueError, "delta must be finite"),
        ([0, 0, 1, 1], {"eps": 2}, ValueError, "eps must be from 0 to 1"),
    ],
)
def test_what_has_none(labels, options, error, text):
    rows = np.repeat([[1.0, 2.0], [3.0, 5.0]], 2, axis=0)
    with pytest.raises(error, match=text):
        made(rows, np.array(labels), 4).lidar(**options)
