"""The sister metrics as methods of a spectrum."""

import math

import numpy as np
import pytest

import rankme
from oracles import moderate, preprocess, with_singular_values
from rankme import metrics

ALWAYS = [
    "rankme",
    "effective_rank",
    "entropy",
    "normalized_entropy",
    "matrix_entropy_rank",
    "participation_ratio",
    "stable_rank",
    "numerical_rank",
    "condition_number",
]


@pytest.fixture(params=[(200, 60), (40, 90)], ids=["tall", "wide"])
def z(request):
    return moderate(21, *request.param)


@pytest.mark.parametrize("center", [False, True])
def test_methods_against_an_svd(z, center):
    s = rankme.spectrum(z, center=center)
    sigma = np.linalg.svd(preprocess(z, center=center), compute_uv=False)
    if center and len(z) < z.shape[1]:
        sigma[-1] = 0  # the mean takes one direction from N rows
    else:
        condition = metrics.condition_number(sigma)
        assert s.condition_number() == pytest.approx(condition, rel=1e-9)
    for name in (
        "effective_rank",
        "matrix_entropy_rank",
        "participation_ratio",
        "stable_rank",
        "nesum",
        "entropy",
    ):
        expected = getattr(metrics, name)(sigma)
        assert getattr(s, name)() == pytest.approx(expected, rel=1e-6), name
    for order in (0.5, 2, math.inf):
        expected = metrics.renyi_rank(sigma, order=order)
        assert s.renyi_rank(order) == pytest.approx(expected, rel=1e-6)
    assert s.entropy(normalized=True) == pytest.approx(s.entropy() / math.log(min(z.shape)))
    assert s.numerical_rank() == np.count_nonzero(sigma)
    for fit in ("weighted", "plain"):
        for k_min, k_max in ((11, 100), (2, 20)):
            options = {"fit": fit, "k_min": k_min, "k_max": k_max}
            expected = metrics.alpha_req(sigma, **options)
            assert s.alpha_req(**options) == pytest.approx(expected, rel=1e-9)


def test_self_clustering(z):
    n, k = z.shape
    w = z / np.linalg.norm(z, axis=1, keepdims=True)
    expected = n + n * (n - 1) / k
    reference = (((w @ w.T) ** 2).sum() - expected) / (n * n - expected)
    value = rankme.spectrum(z, normalize=True).self_clustering()
    assert value == pytest.approx(reference, rel=1e-9)


@pytest.mark.parametrize(("normalize", "center"), [(False, False), (True, True), (False, True)])
def test_self_clustering_needs_unit_rows(z, normalize, center):
    s = rankme.spectrum(z, normalize=normalize, center=center)
    with pytest.raises(ValueError, match=f"has normalize={normalize}, center={center}"):
        s.self_clustering()
    assert "self_clustering" not in s.metrics()


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_the_dict_of_all(z, center, normalize):
    s = rankme.spectrum(z, center=center, normalize=normalize)
    found = s.metrics(eps=1e-3)
    expected = [*ALWAYS, *["nesum"] * center, "alpha_req"]
    expected += ["self_clustering"] * (normalize and not center)
    assert list(found) == expected
    assert all(type(value) is float for value in found.values())
    assert found["rankme"] == s.rankme(eps=1e-3)
    assert found["normalized_entropy"] == s.entropy(normalized=True)
    for name in set(expected) - {"rankme", "normalized_entropy"}:
        assert found[name] == getattr(s, name)(), name


def test_the_dict_leaves_out_what_is_not_defined():
    assert list(rankme.spectrum(moderate(22, 30, 12)).metrics()) == ALWAYS
    assert list(rankme.spectrum(moderate(22, 30, 13)).metrics()) == [*ALWAYS, "alpha_req"]
    for shape in ((1, 5), (5, 1)):
        found = rankme.spectrum(moderate(23, *shape), normalize=True).metrics()
        assert list(found) == ALWAYS
    with pytest.raises(ValueError, match="eps must be from 0 to 1, not -1"):
        rankme.spectrum(moderate(22, 30, 12)).metrics(eps=-1)


def test_of_the_zero_matrix():
    found = rankme.spectrum(np.zeros((30, 20)), normalize=True).metrics()
    clustering = found.pop("self_clustering")
    expected = 30 + 30 * 29 / 20
    assert clustering == pytest.approx(-expected / (900 - expected))
    assert found == dict.fromkeys(ALWAYS, 0.0) | {
        "entropy": -math.inf,
        "normalized_entropy": -math.inf,
        "condition_number": math.inf,
    }


@pytest.mark.parametrize("factor", [1e-250, 1e250])
def test_beyond_the_range_of_squares(z, factor):
    ours = rankme.spectrum(z * factor).metrics()
    assert ours == pytest.approx(rankme.spectrum(z).metrics(), rel=1e-9)


@pytest.mark.parametrize("center", [False, True])
def test_rounding_of_the_gram_matrix_does_not_count(center):
    rng = np.random.default_rng(24)
    for n, k in ((400, 64), (30, 64)):
        low_rank = rng.standard_normal((n, 8)) @ rng.standard_normal((8, k)) + 5 * center
        s = rankme.spectrum(low_rank, center=center)
        assert s.numerical_rank() == 8
        assert "alpha_req" not in s.metrics()
        with pytest.raises(ValueError, match="alpha_req needs at least 3"):
            s.alpha_req()


def test_numerical_rank_with_a_tolerance():
    sigma = np.array([1, 0.5, 1e-2, 1e-4, 1e-6])
    s = rankme.spectrum(with_singular_values(25, 50, 5, sigma))
    counts = [s.numerical_rank(rtol=rtol) for rtol in (0, 3e-7, 1e-5, 1e-3, 0.1, 0.7, 1)]
    assert counts == [5, 5, 4, 3, 2, 1, 0]
    assert s.numerical_rank() == 5


def test_streams_know_them_too(z):
    acc = rankme.Accumulator(z.shape[1])
    for block in np.array_split(z, 7):
        acc.update(block)
    expected = rankme.spectrum(z, center=True).metrics()
    found = acc.spectrum(center=True).metrics()
    if len(z) < z.shape[1]:  # rounding over rounding
        expected.pop("condition_number")
        found.pop("condition_number")
    assert found == pytest.approx(expected, rel=1e-6)
