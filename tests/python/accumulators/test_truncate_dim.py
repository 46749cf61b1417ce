"""Leading columns of the rows: every width of a Matryoshka model from one Gram matrix."""

import numpy as np
import pytest

import rankme

WIDTHS = (1, 7, 32, 100)


def rows(n: int = 600, k: int = 100, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, k)) @ rng.standard_normal((k, k)) + 3).astype(np.float32)


@pytest.mark.parametrize("groups", [None, 8])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("columns", WIDTHS)
def test_they_score_as_the_columns_do(columns, center, groups):
    z = rows()
    acc = rankme.Accumulator(100, groups=groups)
    for block in np.array_split(z, 5):
        acc.update(block)
    found = acc.spectrum(center=center, truncate_dim=columns)
    wanted = rankme.spectrum(z[:, :columns], center=center)
    assert (found.n_rows, found.n_cols) == (600, columns)
    np.testing.assert_allclose(found.singular_values, wanted.singular_values, rtol=1e-10)
    assert found.rankme() == pytest.approx(wanted.rankme(), rel=1e-12)


def test_all_columns_are_the_whole():
    acc = rankme.Accumulator(100)
    acc.update(rows())
    whole = acc.spectrum()
    np.testing.assert_allclose(
        acc.spectrum(truncate_dim=100).singular_values, whole.singular_values, rtol=1e-13
    )


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_the_interval_holds_what_is_small_beside_the_columns_left_out(center, mean):
    # What rounding did to the whole is all that is known of a block of it.
    rng = np.random.default_rng(1)
    z = rng.standard_normal((500, 40)) * np.where(np.arange(40) < 8, 1e-5, 1e3) + mean
    acc = rankme.Accumulator(40)
    for block in np.array_split(z, 7):
        acc.update(block)
    found = acc.spectrum(center=center, truncate_dim=8)
    part = z[:, :8] - (z[:, :8].astype(np.longdouble).mean(axis=0) if center else 0)
    exact = np.linalg.svd(part.astype(np.float64), compute_uv=False)
    low, high = found.singular_value_bounds()
    slack = 1e-15 * exact[0]
    assert (low <= exact + slack).all()
    assert (exact - slack <= high).all()


def test_fewer_rows_than_columns():
    z = rows(n=5)
    acc = rankme.Accumulator(100)
    acc.update(z)
    assert acc.spectrum(truncate_dim=50).singular_values.shape == (5,)
    assert acc.spectrum(truncate_dim=50).rankme() == pytest.approx(
        rankme.score(z[:, :50]), rel=1e-6
    )


@pytest.mark.parametrize(("columns", "error"), [(0, ValueError), (5, ValueError), (1.5, TypeError)])
def test_widths_that_are_none(columns, error):
    acc = rankme.Accumulator(4)
    acc.update(np.eye(4))
    with pytest.raises(error, match="truncate_dim"):
        acc.spectrum(truncate_dim=columns)


def test_what_keeps_no_such_block():
    for options, why in (({"method": "qr"}, "method='gram'"), ({"normalize": True}, "dim=2")):
        acc = rankme.Accumulator(4, **options)
        acc.update(np.eye(4))
        with pytest.raises(ValueError, match=why):
            acc.spectrum(truncate_dim=2)
