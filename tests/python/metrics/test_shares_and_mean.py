"""Shares of the first values and of the mean, and how even the rest is: slow references."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rankme
from oracles import moderate, preprocess
from rankme import metrics

POSITIVE = st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=30).map(
    lambda sigma: np.sort(sigma)[::-1]
)


def fewest(weights, share):
    """By counting: how many of the largest make up a share, and how far from a tie that is."""
    total, found = math.fsum(weights), 0
    while math.fsum(weights[:found]) < share * total:
        found += 1
    sums = np.cumsum(weights) / total
    return found, np.abs(sums - share).min()


@given(POSITIVE, st.floats(0.01, 0.99))
def test_shares_by_counting(sigma, share):
    components, distance = fewest(sigma**2, share)
    if distance > 1e-12:
        assert metrics.pca_components(sigma, share=share) == components
    rank, distance = fewest(sigma, share)
    if distance > 1e-12:
        assert metrics.srank(sigma, delta=1 - share) == rank
    assert metrics.pl_score(sigma) == pytest.approx(max(sigma) / math.fsum(sigma), rel=1e-14)


@pytest.mark.parametrize(("count", "share"), [(10, 0.9), (20, 0.95), (100, 0.99), (1000, 0.999)])
def test_a_share_that_is_met_exactly_is_met(count, share):
    for scale in (1.0, 0.1, 1 / 3):
        flat = np.full(count, scale)
        assert metrics.pca_components(flat, share=share) == round(share * count)
        assert metrics.srank(flat, delta=1 - share) == round(share * count)


def test_the_numbers_of_a_spectrum_written_out():
    sigma = [10, 5, 1, 0.1]
    assert [metrics.pca_components(sigma, share=s) for s in (0.9, 0.95, 0.99, 0.999)] == [
        2,
        2,
        2,
        3,
    ]
    assert metrics.srank(sigma) == 3
    assert metrics.pl_score(sigma) == pytest.approx(10 / 16.1)


@pytest.mark.parametrize("shape", [(300, 40), (30, 60), (2, 3)], ids=str)
def test_isoscore_step_by_step(shape):
    z = moderate(61, *shape)
    k = shape[1]
    # The paper's algorithm: PCA, diagonal of the covariance, its length, its distance, its share.
    axes = np.linalg.svd(z - z.mean(axis=0))[2]
    diagonal = np.diag(np.cov((z @ axes.T).T))
    scaled = math.sqrt(k) * diagonal / np.linalg.norm(diagonal)
    defect = np.linalg.norm(scaled - 1) / math.sqrt(2 * (k - math.sqrt(k)))
    dimensions = (k - defect**2 * (k - math.sqrt(k))) ** 2 / k
    expected = (dimensions - 1) / (k - 1)
    assert rankme.spectrum(z, center=True).isoscore() == pytest.approx(expected, abs=1e-12)


def test_isoscore_at_its_ends():
    spread = np.vstack([np.eye(16), -np.eye(16)])
    assert rankme.spectrum(spread).isoscore(center=False) == pytest.approx(1)
    assert metrics.isoscore([3.0], n_cols=16) == 0
    assert metrics.isoscore(np.zeros(4), n_cols=4) == 0


def both(z, **options):
    acc = rankme.Accumulator(z.shape[1], **options)
    acc.update(z)
    return acc.spectrum(), acc.spectrum(center=True)


@pytest.mark.parametrize("shape", [(300, 40), (30, 60), (2, 3)], ids=str)
@pytest.mark.parametrize("mean", [0.0, 1.0, 1e6])
def test_the_mean_against_all_pairs(shape, mean):
    z = moderate(62, *shape) + mean
    share = len(z) * (z.mean(axis=0) ** 2).sum() / (z**2).sum()
    w = preprocess(z, normalize=True)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    cosines = (w @ w.T)[~np.eye(len(z), dtype=bool)]
    for spectrum in both(z):
        assert spectrum.mean_share() == pytest.approx(share, rel=1e-12)
    for spectrum in both(z, normalize=True):
        assert spectrum.anisotropy() == pytest.approx(cosines.mean(), abs=1e-12)
        sigma = np.linalg.svd(w, compute_uv=False)
        centred = np.linalg.svd(w - w.mean(axis=0), compute_uv=False)
        found = metrics.anisotropy(sigma, centred, n_rows=len(z))
        assert found == pytest.approx(cosines.mean(), abs=1e-12)


@pytest.mark.parametrize("factor", [1e-250, 1e250])
def test_the_scale_of_the_mean_does_not_matter(factor):
    z = moderate(63, 100, 8)
    (plain, _), (scaled, _) = both(z), both(z * factor)
    assert scaled.mean_share() == pytest.approx(plain.mean_share(), rel=1e-12)


def test_random_rows_have_no_anisotropy_on_average():
    rng = np.random.default_rng(64)
    draws = [
        rankme.spectrum(rng.standard_normal((20, 10)), normalize=True).anisotropy()
        for _ in range(400)
    ]
    # Without the term of a row with itself; the squared norm of the mean alone is 1/N = 0.05.
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20 < 0.005


def test_rows_that_are_alike_and_zeros():
    alike = np.tile(moderate(65, 1, 5), (20, 1))
    for spectrum in both(alike, normalize=True):
        assert spectrum.mean_share() == pytest.approx(1, abs=1e-12)
        assert spectrum.anisotropy() == pytest.approx(1, abs=1e-12)
        assert spectrum.anisotropy() <= 1
    half = np.vstack([alike, np.zeros((20, 5))])  # a zero row is at right angles to all
    assert both(half, normalize=True)[0].anisotropy() == pytest.approx(20 * 19 / (40 * 39))
    assert both(np.zeros((9, 4)), normalize=True)[0].anisotropy() == 0
    assert rankme.spectrum(np.zeros((9, 4))).mean_share() == 0


def test_the_mean_says_what_it_needs():
    z = moderate(66, 30, 8)
    for options in ({"method": "qr"}, {"method": "qr", "center": True}):
        spectrum = rankme.spectrum(z, **options)
        with pytest.raises(ValueError, match="with and without the mean") as error:
            spectrum.mean_share()
        # What it tells to do works.
        program = str(error.value).partition("has both: ")[2]
        *steps, last = program.split("; ")
        names = {"rankme": rankme, "Z": z}
        exec("; ".join(steps), names)  # noqa: S102
        assert eval(last, names) == rankme.spectrum(z).mean_share()  # noqa: S307
    with pytest.raises(ValueError, match=r"anisotropy needs rows of unit length: .*normalize=True"):
        rankme.spectrum(z).anisotropy()
    sigma = np.linalg.svd(z, compute_uv=False)
    with pytest.raises(
        ValueError, match=r"100 rows of unit length sum to 100, these to more; anis"
    ):
        metrics.anisotropy([11.0], [1.0], n_rows=100)
    with pytest.raises(ValueError, match="must be those of the same rows, less their mean"):
        metrics.mean_share(sigma, 2 * sigma)
    with pytest.raises(ValueError, match="must be those of the same rows"):
        metrics.mean_share([0.0], [1.0])
    with pytest.raises(ValueError, match="n_rows must be 2 or more, not 1"):
        metrics.anisotropy([1.0], [0.0], n_rows=1)


@pytest.mark.parametrize("fit", ["weighted", "plain"])
def test_r2_against_polyfit(fit):
    sigma = np.linalg.svd(preprocess(moderate(67, 300, 150), center=True), compute_uv=False)
    for first, last in ((11, 100), (1, 150), (20, 22)):
        k = np.arange(first, last + 1)
        y = np.log(sigma[first - 1 : last] ** 2)
        weights = k**-0.5 if fit == "weighted" else None
        missed = y - np.polyval(np.polyfit(np.log(k), y, 1, w=weights), np.log(k))
        expected = 1 - (missed**2).sum() / ((y - y.mean()) ** 2).sum()
        found = metrics.alpha_req_r2(sigma, fit=fit, k_min=first, k_max=last)
        assert found == pytest.approx(expected, rel=1e-9)
    assert metrics.alpha_req_r2(np.arange(1.0, 200) ** -0.7) == pytest.approx(1, abs=1e-12)


def test_r2_where_there_is_none():
    with pytest.raises(ValueError, match=r"alpha_req_r2 has nothing to explain: .*k from 11 to 40"):
        metrics.alpha_req_r2(np.full(40, 0.3))
    with pytest.raises(ValueError, match="alpha_req_r2 needs at least 3 positive singular values"):
        metrics.alpha_req_r2(np.ones(12))
    # A spectrum that bends: the weighted line follows its beginning.
    bent = np.r_[np.ones(30), np.full(70, 1e-3)]
    weighted, plain = (metrics.alpha_req_r2(bent, fit=fit) for fit in ("weighted", "plain"))
    assert weighted < plain < 1
