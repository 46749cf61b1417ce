"""The standard deviation of columns and of unit rows, in one pass and from every kind of sum."""

import math

import numpy as np
import pytest
import torch

import rankme
from helpers import in_blocks
from oracles import DTYPES, moderate
from rankme.metrics import unit_std
from rankme.metrics._columns import column_std
from saved_states import uncentred


def slow(z, *, normalize=False):
    z = np.asarray(z).astype("f8")
    if normalize:
        norms = np.linalg.norm(z, axis=1, keepdims=True)
        z = np.divide(z, norms, out=np.zeros_like(z), where=norms > 0)
    return z.std(axis=0, ddof=1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unit_std_against_pytorch(dtype):
    z = (moderate(71, 300, 20) + 1).astype(dtype)
    rows = torch.from_numpy(z.astype("f8"))
    expected = torch.std(torch.nn.functional.normalize(rows, dim=1), dim=0).mean()
    assert unit_std(z) == pytest.approx(float(expected), rel=1e-9)
    assert unit_std(lambda: np.array_split(z, 7)) == pytest.approx(float(expected), rel=1e-9)


def test_unit_std_at_its_ends():
    n, k = 40, 16
    assert unit_std(np.tile(moderate(72, 1, k), (n, 1))) == 0
    collapsed = 1e6 + moderate(72, n, k)  # next to nothing beside the mean
    assert unit_std(collapsed) == pytest.approx(slow(collapsed, normalize=True).mean(), rel=1e-6)
    spread = np.vstack([np.eye(k), -np.eye(k)])
    assert unit_std(spread) == pytest.approx(math.sqrt(2 * k / ((2 * k - 1) * k)))
    gaussian = np.random.default_rng(73).standard_normal((5000, k))
    assert unit_std(gaussian) == pytest.approx(1 / math.sqrt(k), rel=0.01)
    with_zeros = np.vstack([gaussian[:50], np.zeros((50, k))])
    assert unit_std(with_zeros) == pytest.approx(slow(with_zeros, normalize=True).mean())


@pytest.mark.parametrize("factor", [1e-250, 1, 1e250])
@pytest.mark.parametrize("method", ["gram", "qr"])
def test_columns_of_a_stream(method, factor):
    z = (moderate(74, 200, 12) + 5) * factor
    z[:, 3] = 0  # a dead column
    found = in_blocks(z, method=method).column_std()
    np.testing.assert_allclose(found, slow(z / factor) * factor, rtol=1e-10)
    assert found[3] == 0


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_columns_of_merged_and_saved_sums_are_those_of_all_rows(tmp_path, method):
    z = moderate(75, 90, 7)
    one, other = (in_blocks(part, method=method, normalize=True) for part in (z[:30], z[30:]))
    other.save(tmp_path / "part.rankme")
    one.merge(rankme.Accumulator.load(tmp_path / "part.rankme"))
    np.testing.assert_allclose(one.column_std(), slow(z, normalize=True), rtol=1e-12)
    assert one.column_std().mean() == pytest.approx(unit_std(z), rel=1e-12)


def test_columns_of_sums_that_are_not_about_the_mean():
    z = moderate(76, 90, 7) + 1
    state = uncentred(in_blocks(z, method="gram")._state())
    found = column_std(state.kind, state.n_rows, state.numbers, state.arrays)
    np.testing.assert_allclose(found, slow(z), rtol=1e-12)


def test_too_little():
    for method in ("gram", "qr"):
        acc = rankme.Accumulator(4, method=method)
        for _ in range(2):
            with pytest.raises(ValueError, match=rf"needs 2 or more rows; there are {acc.n_rows}"):
                acc.column_std()
            acc.update(np.ones((1, 4)))
        np.testing.assert_array_equal(acc.column_std(), np.zeros(4))
    with pytest.raises(ValueError, match="Z has no blocks"):
        unit_std(list)
    z = moderate(77, 9, 4)
    z[3, 2] = np.nan
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[3, 2\] is nan"):
        unit_std(z)
