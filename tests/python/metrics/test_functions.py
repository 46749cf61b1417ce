"""The sister metrics as functions of singular values: slow references, identities, ranges."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import moderate, preprocess, rankme_of, relative_error
from rankme import metrics

CLOSE = 1e-12

# Values of up to 1e-6 of each other, and zeros; at least one is positive.
spectra = (
    st.lists(st.just(0.0) | st.floats(1e-6, 1.0), min_size=1, max_size=40).filter(any).map(np.array)
)

RANKS = {
    "rankme": partial(metrics.rankme, eps=0),
    "effective_rank": metrics.effective_rank,
    "matrix_entropy_rank": metrics.matrix_entropy_rank,
    "participation_ratio": metrics.participation_ratio,
    "stable_rank": metrics.stable_rank,
    "nesum": metrics.nesum,
    "numerical_rank": partial(metrics.numerical_rank, rtol=0),
    "srank(1e-9)": partial(metrics.srank, delta=1e-9),
    **{
        f"renyi_rank({a})": partial(metrics.renyi_rank, order=a)
        for a in (0, 0.3, 0.999, 1, 1.001, 1.5, 2, 50, 1e6, math.inf)
    },
}
ALL = {
    **RANKS,
    "entropy": metrics.entropy,
    "normalized entropy": partial(metrics.entropy, normalized=True),
    "condition_number": metrics.condition_number,
    "alpha_req": partial(metrics.alpha_req, k_min=1),
    "isoscore": partial(metrics.isoscore, n_cols=50),
    "pl_score": metrics.pl_score,
    "srank": metrics.srank,
    "pca_components": metrics.pca_components,
}


def entropy_of(weights):
    total = math.fsum(weights)
    return -math.fsum(w / total * math.log(w / total) for w in weights if w > 0)


def renyi_of(weights, order):
    total = math.fsum(weights)
    return math.fsum((w / total) ** order for w in weights if w > 0) ** (1 / (1 - order))


def power_law(m, alpha):
    return np.arange(1, m + 1) ** (-alpha / 2)


@given(spectra)
def test_slow_references(sigma):
    squares = sigma**2
    expected = {
        "effective_rank": math.exp(entropy_of(sigma)),
        "matrix_entropy_rank": math.exp(entropy_of(squares)),
        "participation_ratio": math.fsum(squares) ** 2 / math.fsum(squares**2),
        "stable_rank": math.fsum(squares) / max(squares),
        "nesum": math.fsum(squares) / max(squares),
    }
    for name, value in expected.items():
        assert relative_error(getattr(metrics, name)(sigma), value) < CLOSE, name
    assert abs(metrics.entropy(sigma) - entropy_of(sigma)) < CLOSE
    assert metrics.numerical_rank(sigma, rtol=0.0123456) == sum(
        s > 0.0123456 * max(sigma) for s in sigma
    )
    assert relative_error(metrics.rankme(sigma, eps=1e-3), rankme_of(sigma, 1e-3)) < CLOSE
    for order in (0.3, 2, 5):
        value = metrics.renyi_rank(sigma, order=order)
        assert relative_error(value, renyi_of(sigma, order)) < CLOSE


@given(spectra)
def test_ranges(sigma):
    slack = 1 + CLOSE
    for name, rank in RANKS.items():
        assert 1 / slack <= rank(sigma) <= np.count_nonzero(sigma) * slack, name
    assert 0 <= metrics.entropy(sigma) <= math.log(sigma.size) * slack
    assert 0 <= metrics.entropy(sigma, normalized=True) <= slack
    assert metrics.condition_number(sigma) >= 1


@given(spectra)
def test_the_ranks_are_renyi_ranks_and_so_in_order(sigma):
    # Of lambda with the orders inf, 2 and 1; of sigma with the orders inf, 1 and 0.
    squares = sigma**2
    assert relative_error(metrics.stable_rank(sigma), max_order(squares)) < CLOSE
    second = metrics.renyi_rank(squares, order=2)
    assert relative_error(metrics.participation_ratio(sigma), second) < CLOSE
    first = metrics.renyi_rank(squares, order=1)
    assert relative_error(metrics.matrix_entropy_rank(sigma), first) < CLOSE
    ladder = [
        metrics.stable_rank(sigma),
        metrics.participation_ratio(sigma),
        metrics.matrix_entropy_rank(sigma),
        metrics.effective_rank(sigma),
        metrics.numerical_rank(sigma, rtol=0),
    ]
    assert all(low <= high * (1 + CLOSE) for low, high in pairwise(ladder))


def max_order(weights):
    return metrics.renyi_rank(weights, order=math.inf)


@given(spectra)
def test_renyi_rank_falls_with_the_order_and_takes_its_limits(sigma):
    orders = [0, 1e-3, 0.5, 0.999, 1, 1.001, 1.5, 3, 1e3, 1e9, math.inf]
    ranks = [metrics.renyi_rank(sigma, order=a) for a in orders]
    assert all(a >= b * (1 - CLOSE) for a, b in pairwise(ranks))
    assert ranks[0] == np.count_nonzero(sigma)
    assert relative_error(ranks[-1], math.fsum(sigma) / max(sigma)) < CLOSE
    assert relative_error(ranks[-2], ranks[-1]) < 1e-7
    for near_one in (1 - 1e-10, 1 + 1e-10):
        value = metrics.renyi_rank(sigma, order=near_one)
        assert relative_error(value, metrics.effective_rank(sigma)) < 1e-7


@given(spectra, st.integers(-800, 800), st.randoms())
def test_neither_scale_nor_order_matters(sigma, exponent, random):
    shuffled = list(np.ldexp(sigma, exponent))
    random.shuffle(shuffled)
    for name, metric in ALL.items():
        if name != "alpha_req" or np.count_nonzero(sigma) >= 3:
            assert metric(shuffled) == pytest.approx(metric(sigma), rel=CLOSE, abs=CLOSE), name


@pytest.mark.parametrize("m", [1, 2, 7, 512])
def test_a_flat_spectrum_has_full_rank(m):
    for name, rank in RANKS.items():
        assert relative_error(rank(np.full(m, 0.3)), m) < CLOSE, name
    assert metrics.entropy(np.full(m, 0.3)) == pytest.approx(math.log(m), abs=1e-14)
    assert metrics.entropy(np.full(m, 0.3), normalized=True) == pytest.approx(1)
    assert metrics.condition_number(np.full(m, 0.3)) == 1


@pytest.mark.parametrize("m", [1, 2, 7])
def test_a_single_direction_has_rank_one(m):
    sigma = np.zeros(m)
    sigma[0] = 5e-324  # the smallest number there is
    for name, rank in RANKS.items():
        assert rank(sigma) == 1, name
    assert metrics.entropy(sigma) == 0


@pytest.mark.parametrize("m", [1, 2, 7])
def test_zero_has_rank_zero(m):
    for name, rank in RANKS.items():
        assert rank(np.zeros(m)) == 0, name
    assert metrics.rankme(np.zeros(m)) == 0
    assert metrics.entropy(np.zeros(m)) == -math.inf
    assert metrics.entropy(np.zeros(m), normalized=True) == -math.inf
    assert metrics.condition_number(np.zeros(m)) == math.inf


def test_condition_number_and_numerical_rank_as_in_numpy():
    z = moderate(11, 40, 9)
    z[:, 4] = z[:, 3] + 1e-9 * z[:, 4]
    sigma = np.linalg.svd(z, compute_uv=False)
    assert relative_error(metrics.condition_number(sigma), np.linalg.cond(z)) < CLOSE
    assert metrics.condition_number([1.0, 0.0]) == math.inf
    assert metrics.condition_number([1e200, 1e-200]) == math.inf
    for rtol in (1e-12, 1e-6, 0.3):
        expected = np.linalg.matrix_rank(z, rtol=rtol)
        assert metrics.numerical_rank(sigma, rtol=rtol) == expected
    z[:, 4] = z[:, 3]
    sigma = np.linalg.svd(z, compute_uv=False)
    assert metrics.numerical_rank(sigma, n_rows=40, n_cols=9) == np.linalg.matrix_rank(z) == 8
    with pytest.raises(TypeError, match="needs rtol, or n_rows and n_cols"):
        metrics.numerical_rank(sigma, n_rows=40)


@pytest.mark.parametrize("fit", ["weighted", "plain"])
@pytest.mark.parametrize("alpha", [0, 0.5, 1, 3])
def test_alpha_req_finds_an_exact_power_law(alpha, fit):
    for m, k_min, k_max in ((300, 11, 100), (40, 11, 100), (13, 11, None), (9, 1, 3)):
        found = metrics.alpha_req(power_law(m, alpha), fit=fit, k_min=k_min, k_max=k_max)
        assert found == pytest.approx(alpha, abs=1e-11)


def test_alpha_req_against_polyfit():
    sigma = np.linalg.svd(preprocess(moderate(12, 300, 150), center=True), compute_uv=False)
    for first, last in ((11, 100), (1, 150), (20, 22)):
        k = np.arange(first, last + 1)
        y = np.log(sigma[first - 1 : last] ** 2)
        # polyfit's weights multiply the residuals, ours their squares.
        weighted = -np.polyfit(np.log(k), y, 1, w=k**-0.5)[0]
        plain = -np.polyfit(np.log(k), y, 1)[0]
        options = {"k_min": first, "k_max": last}
        assert metrics.alpha_req(sigma, **options) == pytest.approx(weighted, rel=1e-9)
        assert metrics.alpha_req(sigma, fit="plain", **options) == pytest.approx(plain, rel=1e-9)
    assert metrics.alpha_req(sigma) == metrics.alpha_req(sigma, k_min=11, k_max=100)


def test_alpha_req_leaves_out_what_is_zero():
    sigma = np.concatenate([power_law(20, 1), np.full(30, 1e-9), np.zeros(50)])
    assert metrics.alpha_req(sigma, rtol=1e-8) == pytest.approx(1)
    assert metrics.alpha_req(sigma) > 10
    for values, rtol in ((np.zeros(99), 0), (sigma[:12], 0), (sigma, 0.5), (sigma, math.inf)):
        with pytest.raises(ValueError, match="alpha_req needs at least 3 positive singular values"):
            metrics.alpha_req(values, rtol=rtol)


def test_self_clustering_against_all_similarities():
    for n, k in ((60, 9), (9, 60), (20, 20), (2, 2)):
        w = preprocess(moderate(n + k, n, k), normalize=True)
        w /= np.linalg.norm(w, axis=1, keepdims=True)  # preprocess leaves a power of two
        expected = n + n * (n - 1) / k
        reference = (((w @ w.T) ** 2).sum() - expected) / (n * n - expected)
        sigma = np.linalg.svd(w, compute_uv=False)
        value = metrics.self_clustering(sigma, n_rows=n, n_cols=k)
        assert value == pytest.approx(reference, abs=1e-12)


def test_self_clustering_at_its_ends():
    clustering = metrics.self_clustering
    assert clustering([10.0, 0, 0], n_rows=100, n_cols=3) == pytest.approx(1)
    even = np.full(4, 5.0)  # 100 rows that form a tight frame of 4 directions
    assert clustering(even, n_rows=100, n_cols=4) == pytest.approx(-1 / 99)
    assert clustering(np.ones(4), n_rows=4, n_cols=100) == pytest.approx(-1 / 99)
    rng = np.random.default_rng(3)
    w = rng.standard_normal((4000, 30))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    sigma = np.linalg.svd(w, compute_uv=False)
    assert abs(clustering(sigma, n_rows=4000, n_cols=30)) < 1e-3


def test_self_clustering_refuses_what_is_not_of_unit_rows():
    for sigma in ([11.0, 0], [8.0, 8.0], [1e200, 0]):
        with pytest.raises(ValueError, match="needs normalised rows"):
            metrics.self_clustering(sigma, n_rows=100, n_cols=2)
    with pytest.raises(ValueError, match="100 rows of 2 columns have 2 singular values, not 3"):
        metrics.self_clustering([1, 1, 1], n_rows=100, n_cols=2)
    for n, k in ((1, 5), (5, 1)):
        with pytest.raises(ValueError, match=r"n_(rows|cols) must be 2 or more, not 1"):
            metrics.self_clustering([1.0], n_rows=n, n_cols=k)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ([1.0, -1e-300], ValueError, "finite and 0 or more; one is -1e-300"),
        ([1.0, math.nan], ValueError, "finite and 0 or more; one is nan"),
        ([1.0, math.inf], ValueError, "finite and 0 or more; one is inf"),
        ([], ValueError, r"must be 1-D with at least one value; its shape is \(0,\)"),
        (np.eye(2), ValueError, r"its shape is \(2, 2\)"),
        (1.0, ValueError, r"its shape is \(\)"),
        ([1j], TypeError, "dtype complex128"),
        ([True], TypeError, "dtype bool"),
        (["1"], TypeError, "dtype <U1"),
        (np.ones(2, np.longdouble), TypeError, "accepted are float16, float32, float64"),
        (np.ma.ones(2), TypeError, "masked"),
    ],
    ids=str,
)
def test_what_are_no_singular_values(name, values, error, text):
    with pytest.raises(error, match=text):
        ALL[name](values)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1"])
def test_dtypes(dtype):
    sigma = np.array([4, 2, 1, 1], dtype)
    for name, metric in ALL.items():
        assert metric(sigma) == metric([4.0, 2.0, 1.0, 1.0]), name
    assert sigma.tolist() == [4, 2, 1, 1]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (partial(metrics.renyi_rank, order=-1), ValueError, "order must be 0 or more, not -1"),
        (partial(metrics.renyi_rank, order=math.nan), ValueError, "order must be 0 or more"),
        (partial(metrics.renyi_rank, order="2"), TypeError, "order must be a real number, not str"),
        (partial(metrics.numerical_rank, rtol=-1), ValueError, "rtol must be 0 or more"),
        (partial(metrics.numerical_rank, n_rows=0, n_cols=3), ValueError, "n_rows must be 1"),
        (partial(metrics.numerical_rank, n_rows=2.0, n_cols=3), TypeError, "not float"),
        (partial(metrics.alpha_req, fit="robust"), ValueError, 'be "weighted" or "plain", not'),
        (partial(metrics.alpha_req, k_min=0), ValueError, "k_min must be 1 or more, not 0"),
        (partial(metrics.alpha_req, k_max=9.5), TypeError, "k_max must be an integer, not float"),
        (partial(metrics.alpha_req_r2, fit="robust"), ValueError, 'be "weighted" or "plain", not'),
        (partial(metrics.pca_components, share=1), ValueError, "share must be between 0 and 1"),
        (partial(metrics.pca_components, share="1"), TypeError, "share must be a real number"),
        (partial(metrics.srank, delta=0), ValueError, "delta must be between 0 and 1, both"),
        (partial(metrics.isoscore, n_cols=49), ValueError, "49 columns have at most 49 singular"),
        (partial(metrics.isoscore, n_cols=1), ValueError, "n_cols must be 2 or more, not 1"),
        (partial(metrics.rankme, eps=-1), ValueError, "eps must be from 0 to 1, not -1"),
    ],
)
def test_wrong_options(call, error, text):
    with pytest.raises(error, match=text):
        call(power_law(50, 1))


def test_options_are_keyword_only():
    sigma = power_law(50, 1)
    for name in (
        "rankme", "entropy", "renyi_rank", "numerical_rank", "alpha_req", "alpha_req_r2",
        "srank", "pca_components", "isoscore",
    ):  # fmt: skip
        with pytest.raises(TypeError, match="positional argument"):
            getattr(metrics, name)(sigma, 1)
