"""What the page of the mathematics states, held against numbers where nothing else does."""

import numpy as np
import pytest
from scipy import stats

import rankme
from oracles import with_singular_values

EPS = [0.0, 1e-7, 1e-2]
LEVELS = ((8, 1.8), (16, 1.6))


def entropy(sigma, eps):
    return np.log(rankme.metrics.rankme(np.asarray(sigma), eps=eps))


def derivative(sigma, eps):
    """Statement 3."""
    p = sigma / sigma.sum()
    return ((p * np.log(p + eps)).sum() - np.log(p + eps)) / sigma.sum()


def random_values(rng, count):
    return np.sort(10.0 ** rng.uniform(-3, 0, count))[::-1]


@pytest.mark.parametrize("eps", EPS)
def test_the_derivative(eps):
    sigma = random_values(np.random.default_rng(0), 12)
    found = derivative(sigma, eps)
    for k in range(12):
        step = np.zeros(12)
        step[k] = 1e-6 * sigma[k]
        slope = (entropy(sigma + step, eps) - entropy(sigma - step, eps)) / (2 * step[k])
        assert slope == pytest.approx(found[k], rel=1e-5, abs=1e-7)
    if eps == 0:
        rank = rankme.metrics.effective_rank(sigma)
        balanced = np.log(sigma.sum() / (rank * sigma)) / sigma.sum()
        np.testing.assert_allclose(found, balanced, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("eps", EPS)
def test_rankme_is_quasi_concave(eps):
    rng = np.random.default_rng(1)
    for _ in range(500):
        count = rng.integers(1, 20)
        one, other = random_values(rng, count), random_values(rng, count)
        between = one + rng.uniform() * (other - one)
        assert entropy(between, eps) >= min(entropy(one, eps), entropy(other, eps)) - 1e-12


def test_what_a_perturbation_does_to_the_score():
    rng = np.random.default_rng(2)
    sigma = np.arange(1.0, 33.0) ** -1.0
    z = with_singular_values(2, 200, 32, sigma)
    slopes = derivative(sigma, 1e-7) / (2 * sigma)
    size = 1e-9
    for _ in range(50):
        error = rng.standard_normal((32, 32))
        error = size * (error + error.T) / np.linalg.norm(error + error.T)
        values = np.sqrt(np.linalg.eigvalsh(z.T @ z + error)[::-1])
        moved = abs(entropy(values, 1e-7) - entropy(sigma, 1e-7))
        by_both = size * np.linalg.norm(slopes)
        by_weyl = size * np.abs(slopes).sum()
        assert moved <= 1.001 * by_both + 1e-12
        assert by_both < by_weyl <= np.sqrt(32) * by_both
    # The worst direction is along the slopes: there nothing is lost.
    worst = np.sqrt(sigma**2 + size * slopes / np.linalg.norm(slopes))
    assert abs(entropy(worst, 1e-7) - entropy(sigma, 1e-7)) == pytest.approx(by_both, rel=1e-3)


@pytest.mark.parametrize("eps", EPS)
def test_two_spectra(eps):
    rng = np.random.default_rng(3)
    near = 0
    for _ in range(500):
        count = rng.integers(1, 20)
        sigma = random_values(rng, count)
        other = np.abs(sigma + 10.0 ** rng.uniform(-8, -1) * rng.standard_normal(count))
        distance = 2 * np.abs(other - sigma).sum() / sigma.sum()
        if 0 < distance < 1:
            bound = distance * (np.log(count / distance) + 1 + eps)
            assert abs(entropy(other, eps) - entropy(sigma, eps)) <= bound + 1e-12
            near += bound < 0.1
    assert near > 50


@pytest.mark.parametrize(("probes", "safety"), LEVELS)
def test_rank_one_is_the_worst_for_probes(probes, safety):
    """At levels that can be simulated; the condition of the proof holds for these weights."""
    threshold = probes / safety**2
    rng = np.random.default_rng(4)
    weights = [[1.0], [0.97, 0.03], [0.9, 0.1], [0.9, *[0.01] * 10]]
    shares = []
    for w in weights:
        assert w[0] >= 2 * threshold / probes
        seen = sum(share * rng.chisquare(probes, 200_000) for share in w) < threshold
        shares.append(seen.mean())
    level = stats.chi2(probes).cdf(threshold)
    assert shares[0] == pytest.approx(level, rel=0.1)
    assert max(shares[1:]) < level
    for r, s in ((8, 8.0), (16, 3.45)):  # what the code counts with
        assert stats.chi2(r).cdf(r / s**2) < 6.1e-7
