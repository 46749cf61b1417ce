"""The corrected participation ratio: the authors' package, all quadruples, and its bias."""

from itertools import permutations, product

import numpy as np
import pytest
from dimensionality import participation_ratio as peer

import rankme
from oracles import moderate
from rankme.metrics import participation_ratio_corrected as corrected


def mixed(seed, n, k):
    """Rows whose columns vary together."""
    return moderate(seed, n, k) @ np.random.default_rng(seed).standard_normal((k, k))


PEER = {"all": "row", "sampled": "both"}  # the names that the authors' package has


@pytest.mark.parametrize("columns", PEER)
@pytest.mark.parametrize("shape", [(300, 30), (40, 90), (12, 8)], ids=str)
def test_against_the_package_of_its_authors(shape, columns):
    z = mixed(81, *shape)
    expected = peer(z, return_all=True)[PEER[columns]]
    assert corrected(z, columns=columns) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("columns", PEER)
def test_against_all_quadruples_of_rows(columns):
    z = mixed(82, 9, 5) + 3
    above = below = 0.0
    for i, j, k, m in permutations(range(9), 4):
        a, b = z[i] - z[j], z[k] - z[m]
        products = np.outer(a * a, b * b), np.outer(a * b, a * b)
        if columns == "sampled":
            products = tuple(part - np.diag(np.diag(part)) for part in products)
        above, below = above + products[0].sum(), below + products[1].sum()
    assert corrected(z, columns=columns) == pytest.approx(above / below, rel=1e-11)


@pytest.mark.parametrize("scales", [np.ones(30), np.arange(1, 31) ** -0.5], ids=["flat", "power"])
def test_the_bias_of_few_rows_is_gone(scales):
    rng = np.random.default_rng(83)
    lam = scales**2
    truth = lam.sum() ** 2 / (lam**2).sum()
    draws = [rng.standard_normal((40, 30)) * scales + 2 for _ in range(300)]
    plain = np.mean([rankme.spectrum(z).participation_ratio() for z in draws])
    mended = np.array([corrected(z) for z in draws])
    assert plain < 0.83 * truth
    # Its inverse is nearly without bias; the ratio itself, as all ratios, is not.
    assert abs((1 / mended).mean() * truth - 1) < 0.04
    assert abs(mended.mean() / truth - 1) < 0.08


def test_neither_place_nor_scale_matters():
    z = moderate(84, 60, 8)
    expected = corrected(z)
    assert corrected(z + 1e6) == pytest.approx(expected, rel=1e-8)
    for factor in (1e-250, 1e250):
        assert corrected(z * factor) == pytest.approx(expected, rel=1e-12)
    assert corrected(lambda: np.array_split(z, 7)) == pytest.approx(expected, rel=1e-12)
    assert corrected(z.astype("f4")) == pytest.approx(expected, rel=1e-5)


def test_many_rows_give_the_plain_one():
    z = moderate(85, 20_000, 6)
    assert corrected(z) == pytest.approx(rankme.spectrum(z).participation_ratio(), rel=1e-3)


def test_its_ends():
    line = np.outer(moderate(86, 50, 1), np.arange(1.0, 6))
    assert corrected(line) == pytest.approx(1)
    assert corrected(np.tile(np.arange(5.0), (9, 1))) == 0
    with pytest.raises(ValueError, match=r"20 rows are too few .* which 20 rows bound by 19"):
        corrected(np.eye(20))  # no two differences have anything in common
    with pytest.raises(ValueError, match=r'vary independently .* columns="all" takes'):
        corrected(np.array([*product((-1.0, 1.0), repeat=5)]), columns="sampled")
    assert rankme.spectrum(np.eye(20), center=True).participation_ratio() == pytest.approx(19)


def test_bad_input():
    z = moderate(87, 9, 4)
    with pytest.raises(ValueError, match="needs 4 or more rows; there are 3"):
        corrected(z[:3])
    with pytest.raises(ValueError, match='columns must be "all" or "sampled", not \'both\''):
        corrected(z, columns="both")
    with pytest.raises(ValueError, match='columns="sampled" needs 2 or more columns; there is 1'):
        corrected(z[:, :1], columns="sampled")
    assert corrected(z[:, :1]) == pytest.approx(1)
    blocks = iter([z, z])
    with pytest.raises(ValueError, match="second pass over Z brought 0 rows, the first 18"):
        corrected(lambda: blocks)
    z[3, 2] = np.inf
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[3, 2\] is inf"):
        corrected(z)
