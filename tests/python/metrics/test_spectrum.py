"""The sister metrics as methods of a spectrum."""

import copy
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

import rankme
from oracles import moderate, preprocess, with_singular_values
from rankme import metrics
from rankme.metrics._certainty import score_of

KEYS = [
    "rankme",
    "effective_rank",
    "entropy",
    "normalized_entropy",
    "matrix_entropy_rank",
    "participation_ratio",
    "stable_rank",
    "nesum",
    "numerical_rank",
    "srank",
    "pca_components_90",
    "pca_components_95",
    "pca_components_99",
    "condition_number",
    "pl_score",
    "alpha_req",
    "alpha_req_r2",
    "isoscore",
    "mean_share",
    "anisotropy",
    "self_clustering",
]
# By the name of the method: what `metrics` gives of it.
DEFAULTS = {
    f"pca_components_{percent}": ("pca_components", percent / 100) for percent in (90, 95, 99)
}
OF_CENTRED_ROWS = (
    "participation_ratio", "nesum", "pca_components", "isoscore", "alpha_req", "alpha_req_r2"
)  # fmt: skip


def defined(found):
    """The metrics that have a number."""
    return {name: value for name, value in found.items() if value is not None}


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
    for name in ("effective_rank", "matrix_entropy_rank", "stable_rank", "entropy"):
        expected = getattr(metrics, name)(sigma)
        assert getattr(s, name)() == pytest.approx(expected, rel=1e-6), name
    for name in ("participation_ratio", "nesum"):
        expected = getattr(metrics, name)(sigma)
        assert getattr(s, name)(center=center) == pytest.approx(expected, rel=1e-6), name
    for order in (0.5, 2, math.inf):
        expected = metrics.renyi_rank(sigma, order=order)
        assert s.renyi_rank(order) == pytest.approx(expected, rel=1e-6)
    most = min(len(z) - center, z.shape[1])
    assert s.entropy(normalized=True) == pytest.approx(s.entropy() / math.log(most))
    assert s.numerical_rank() == np.count_nonzero(sigma)
    for fit in ("weighted", "plain"):
        for k_min, k_max in ((11, 100), (2, 20)):
            options = {"fit": fit, "k_min": k_min, "k_max": k_max}
            expected = metrics.alpha_req(sigma, **options)
            assert s.alpha_req(center=center, **options) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", OF_CENTRED_ROWS)
def test_a_metric_is_of_its_own_definition_or_says_what_to_do(z, name):
    plain, centred = (rankme.spectrum(z, method="qr", center=center) for center in (False, True))
    assert getattr(centred, name)() == getattr(centred, name)(center=True)
    message = (
        rf"{name} is defined on centred rows.*make it with center=True.*{name}\(center=False\)"
    )
    for center in (None, True):
        with pytest.raises(ValueError, match=message):
            getattr(plain, name)(center=center)
    with pytest.raises(ValueError, match=r"of centred rows only: make it with center=False"):
        getattr(centred, name)(center=False)
    key = {"pca_components": "pca_components_95"}.get(name, name)
    assert plain.metrics()[key] is None
    # What is told to be done gives the numbers of the formula.
    if not name.startswith("alpha_req"):
        lam = np.linalg.svd(z, compute_uv=False) ** 2
        ratio = lam.sum() ** 2 / (lam**2).sum()
        of = {
            "participation_ratio": ratio,
            "nesum": lam.sum() / lam[0],
            "pca_components": np.searchsorted(np.cumsum(lam), 0.95 * lam.sum()) + 1,
            "isoscore": (ratio - 1) / (z.shape[1] - 1),
        }
        assert getattr(plain, name)(center=False) == pytest.approx(of[name])
    # A spectrum that holds both answers gives either.
    both = replace(plain, _other=centred._own())
    assert getattr(both, name)() == getattr(centred, name)()
    assert getattr(both, name)(center=False) == getattr(plain, name)(center=False)
    assert both.metrics()[key] == getattr(centred, name)()
    assert getattr(replace(centred, _other=plain._own()), name)(center=False) == getattr(
        plain, name
    )(center=False)


def test_the_other_answer_waits_and_goes_along_with_a_pickle():
    spectrum = rankme.spectrum(3 + moderate(23, 200, 60))
    assert callable(spectrum._other)
    kept = pickle.loads(pickle.dumps(spectrum))
    assert not callable(kept._other)
    assert kept.metrics() == spectrum.metrics()
    assert kept.nesum() == copy.deepcopy(spectrum).nesum() == spectrum.nesum()


@pytest.mark.parametrize("name", OF_CENTRED_ROWS)
def test_a_gram_matrix_of_many_rows_gives_both_answers(name):
    z = 3 + moderate(22, 200, 60)
    plain, centred = rankme.spectrum(z), rankme.spectrum(z, center=True)
    for center in (None, True, False):
        found, expected = (getattr(s, name)(center=center) for s in (plain, centred))
        assert found == pytest.approx(expected, rel=1e-12)
    factor = rankme.spectrum(z, method="qr", center=True)
    assert getattr(plain, name)() == pytest.approx(getattr(factor, name)(), rel=1e-9)
    factor = rankme.spectrum(z, method="qr")
    of_rows_as_they_are = getattr(factor, name)(center=False)
    assert getattr(centred, name)(center=False) == pytest.approx(of_rows_as_they_are, rel=1e-9)


@pytest.mark.parametrize("n", [2, 4, 8, 16])
def test_normalised_entropy_of_centred_rows_can_reach_one(n):
    z = np.zeros((n, 64))
    z[:n, :n] = np.eye(n)
    s = rankme.spectrum(z, center=True)
    assert s.effective_rank() == pytest.approx(n - 1, rel=1e-5)
    assert s.entropy(normalized=True) == pytest.approx(1, abs=1e-6)
    assert s.entropy(normalized=True) <= 1
    assert s.metrics()["normalized_entropy"] == s.entropy(normalized=True)
    assert rankme.spectrum(z).entropy(normalized=True) == pytest.approx(1)
    assert metrics.entropy([1.0] * n + [0.0], normalized=True, rank=n) == pytest.approx(1)


def test_one_direction_is_all_there_can_be():
    for z, center in (([[1.0, 2.0]], False), ([[1.0], [2.0], [4.0]], True), (np.eye(2), True)):
        assert rankme.spectrum(np.array(z), center=center).entropy(normalized=True) == 1
    with pytest.raises(ValueError, match="rank must be 0 or more, not -1"):
        metrics.entropy([1.0], normalized=True, rank=-1)


def test_the_dict_warns_as_the_score_does():
    values = np.r_[1, np.full(2000, 1e-8)]
    s = replace(
        rankme.spectrum(np.eye(3)),
        _scaled=values,
        _low=0 * values,
        _high=2 * values,
        _uncertainty=None,  # that of the identity, which would cut the interval
    )
    with pytest.warns(rankme.PrecisionWarning) as by_score:
        score_of(s, 1e-7, stacklevel=1)
    with pytest.warns(rankme.PrecisionWarning) as by_dict:
        s.metrics()
    assert str(by_score[0].message) == str(by_dict[0].message)
    assert by_dict[0].filename == __file__


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
    assert s.metrics()["self_clustering"] is None


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_the_dict_of_all(z, center, normalize):
    s = rankme.spectrum(z, center=center, normalize=normalize)
    found = s.metrics(eps=1e-3)
    assert list(found) == KEYS
    tall = len(z) >= z.shape[1]
    undefined = (
        set() if center or tall else {name for name in KEYS if name.startswith(OF_CENTRED_ROWS)}
    )
    undefined |= set() if tall else {"mean_share", "anisotropy"}
    undefined |= set() if normalize else {"anisotropy"}
    undefined |= set() if normalize and not center else {"self_clustering"}
    if math.isinf(s.condition_number()):  # the mean takes one direction from N rows
        undefined |= {"condition_number"}
    assert {name for name, value in found.items() if value is None} == undefined
    assert all(type(value) is float for name, value in found.items() if name not in undefined)
    assert found["rankme"] == s.rankme(eps=1e-3)
    assert found["normalized_entropy"] == s.entropy(normalized=True)
    for name in set(KEYS) - undefined - {"rankme", "normalized_entropy"}:
        method, *arguments = DEFAULTS.get(name, (name,))
        assert found[name] == getattr(s, method)(*arguments), name
    said = r"defined on centred rows|needs a spectrum made|needs rows of unit|with and without"
    for name in undefined - {"condition_number"}:
        method, *arguments = DEFAULTS.get(name, (name,))
        with pytest.raises(ValueError, match=said):
            getattr(s, method)(*arguments)


def test_the_dict_has_none_for_what_is_not_defined():
    few, enough = (rankme.spectrum(moderate(22, 30, k), center=True).metrics() for k in (12, 13))
    assert (list(few), few["alpha_req"], few["alpha_req_r2"]) == (KEYS, None, None)
    assert (list(enough), enough["alpha_req"] is None) == (KEYS, False)
    for shape in ((1, 5), (5, 1)):
        found = rankme.spectrum(moderate(23, *shape), normalize=True).metrics()
        assert list(found) == KEYS
        assert found["self_clustering"] is None
    with pytest.raises(ValueError, match="eps must be from 0 to 1, not -1"):
        rankme.spectrum(moderate(22, 30, 12)).metrics(eps=-1)


def test_of_the_zero_matrix():
    found = rankme.spectrum(np.zeros((30, 20)), normalize=True).metrics()
    clustering = found.pop("self_clustering")
    expected = 30 + 30 * 29 / 20
    assert clustering == pytest.approx(-expected / (900 - expected))
    nothing = [name for name in KEYS if name.startswith(OF_CENTRED_ROWS)]
    nothing += ["entropy", "normalized_entropy", "condition_number"]
    zero = [name for name in KEYS if name not in (*nothing, "self_clustering")]
    assert found == dict.fromkeys(zero, 0.0) | dict.fromkeys(nothing)
    s = rankme.spectrum(np.zeros((30, 20)), center=True)
    assert (s.participation_ratio(), s.nesum(), s.condition_number()) == (0, 0, math.inf)
    assert s.pca_components() == s.isoscore() == 0
    assert s.entropy() == s.entropy(normalized=True) == -math.inf


@pytest.mark.parametrize("factor", [1e-250, 1e250])
def test_beyond_the_range_of_squares(z, factor):
    plain, scaled = (rankme.spectrum(part, center=True) for part in (z, z * factor))
    expected = defined(plain.metrics())
    assert len(expected) >= len(KEYS) - 4
    if len(z) < z.shape[1]:  # rounding over rounding
        expected.pop("condition_number", None)
    found = scaled.metrics()
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("center", [False, True])
def test_rounding_of_the_gram_matrix_does_not_count(center):
    rng = np.random.default_rng(24)
    for n, k in ((400, 64), (30, 64)):
        low_rank = rng.standard_normal((n, 8)) @ rng.standard_normal((8, k)) + 5 * center
        s = rankme.spectrum(low_rank, center=center)
        assert s.numerical_rank() == 8
        assert s.metrics()["alpha_req"] is None
        with pytest.raises(ValueError, match="alpha_req needs at least 3"):
            s.alpha_req(center=center)


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
    expected = defined(rankme.spectrum(z, center=True).metrics())
    found = defined(acc.spectrum(center=True).metrics())
    if len(z) < z.shape[1]:  # rounding over rounding
        expected.pop("condition_number", None)
        found.pop("condition_number", None)
        # An accumulator has the values with and without the mean of any number of rows.
        assert "mean_share" not in expected
        assert 0 < found.pop("mean_share") < 1
    assert found == pytest.approx(expected, rel=1e-6)
