"""The eigenvalue solver through its private face: known eigenvalues, threads, what is refused."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from rankme import _core

UNIT = 2.0**-53


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = _core.num_threads()
    yield
    _core.set_num_threads(before)


def known(d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a dense matrix of order 2^k whose eigenvalues are d, by a Walsh-Hadamard transform."""
    n = len(d)
    f, half = d.copy(), 1
    while half < n:
        pairs = f.reshape(-1, 2, half)
        f = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1).ravel()
        half *= 2
    at = np.arange(n)
    return np.ascontiguousarray((f / n)[at[:, None] ^ at[None, :]])


@pytest.mark.parametrize("order", [1, 2, 32, 64, 128, 256, 512, 1024])
@pytest.mark.parametrize("spectrum", ["power law", "clusters", "rank 5", "mean"])
def test_exactly_known_eigenvalues_are_found(order: int, spectrum: str) -> None:
    k = np.arange(1, order + 1.0)
    d = {
        # Multiples of 2^-39, so that no entry of the matrix rounds.
        "power law": np.round(k**-1.5 * 2.0**39) / 2.0**39,
        "clusters": np.where(k <= order / 3, 1.0, 0.5),
        "rank 5": np.where(k <= 5, k / 8, 0.0),
        "mean": np.where(k == 1, 1 + 1e6 * order, 1.0),
    }[spectrum]
    found = _core.symmetric_eigenvalues(known(d))
    errors = np.abs(found - np.sort(d))
    assert errors.max() <= 4 * (10 + order / 4) * UNIT * d.max()


@pytest.mark.parametrize("order", [40, 255, 256, 700, 1025])
def test_the_number_of_threads_changes_no_bit(order: int) -> None:
    normal = np.random.default_rng(order).standard_normal((order, order))
    a = normal + normal.T
    found = []
    for threads in (1, 2, 5):
        _core.set_num_threads(threads)
        found.append(_core.symmetric_eigenvalues(a))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_what_is_above_the_diagonal_is_not_read() -> None:
    normal = np.random.default_rng(3).standard_normal((300, 300))
    a = normal + normal.T
    wanted = _core.symmetric_eigenvalues(a)
    a[np.triu_indices(300, 1)] = np.nan
    np.testing.assert_array_equal(_core.symmetric_eigenvalues(a), wanted)


@pytest.mark.parametrize("order", [3, 300])
def test_an_entry_that_is_not_finite_is_refused(order: int) -> None:
    a = np.eye(order)
    a[2, 1] = np.nan
    with pytest.raises(ValueError, match=f"order {order} has an entry that is not finite"):
        _core.symmetric_eigenvalues(a)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 0)])
def test_what_is_not_square_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="square matrix"):
        _core.symmetric_eigenvalues(np.zeros(shape))


@pytest.mark.parametrize("order", [1, 2, 60, 300, 700])
@pytest.mark.parametrize("spectrum", ["random", "clusters"])
def test_eigenvectors_are_orthonormal_and_turn_the_matrix(order: int, spectrum: str) -> None:
    normal = np.random.default_rng(order).standard_normal((order, order))
    a = normal + normal.T
    if spectrum == "clusters":
        q = np.linalg.qr(normal)[0]
        a = (q * np.where(np.arange(order) < order / 3, 1.0, 0.5)) @ q.T
        a = (a + a.T) / 2
    for threads in (1, 3):
        _core.set_num_threads(threads)
        values, vectors = _core.symmetric_eigenvectors(a)
        size = np.abs(values).max()
        assert np.all(np.diff(values) >= 0)
        assert np.abs(vectors @ vectors.T - np.eye(order)).max() <= 20 * order * UNIT
        assert np.abs(vectors @ a - values[:, None] * vectors).max() <= 20 * order * UNIT * size


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 70, 5), (400, 300, 200)])
def test_products(shape: tuple[int, int, int]) -> None:
    rows, inner, cols = shape
    rng = np.random.default_rng(rows)
    # Whole numbers, so that no sum rounds.
    a = rng.integers(-9, 9, (rows, inner)).astype(float)
    b = rng.integers(-9, 9, (inner, cols)).astype(float)
    for threads in (1, 4):
        _core.set_num_threads(threads)
        np.testing.assert_array_equal(_core.matrix_product(a, b), a @ b)
    with pytest.raises(ValueError, match="as many columns"):
        _core.matrix_product(a, np.ones((inner + 1, cols)))
    with pytest.raises(ValueError, match="as many columns"):
        _core.matrix_product(a[:0], b)
