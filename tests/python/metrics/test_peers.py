"""Agreement with independent packages where they compute the same thing."""

import numpy as np
import pytest
from embedding_quality.evaluation import UnsupervisedEmbeddingQualityEvaluation as Peer
from vendi_score import vendi

import rankme
from oracles import moderate
from rankme import metrics

CLOSE = 1e-9


@pytest.fixture(params=[(400, 30, "f8"), (400, 30, "f4"), (25, 60, "f8")], ids=str)
def z(request):
    return moderate(31, *request.param)


@pytest.mark.parametrize("eps", [1e-7, 1e-3])
def test_rankme(z, eps):
    wide = z.astype("f8")
    assert rankme.score(z, eps=eps) == pytest.approx(Peer.RankMe(wide, epsilon=eps), rel=CLOSE)


def test_stable_rank(z):
    wide = z.astype("f8")
    assert rankme.spectrum(z).stable_rank() == pytest.approx(Peer.Stable_rank(wide), rel=CLOSE)


def test_nesum(z):
    # The eigenvalues of a singular covariance come out complex there, by rounding.
    expected = np.real(Peer.NESum(z.astype("f8")))
    assert rankme.spectrum(z, center=True).nesum() == pytest.approx(expected, rel=CLOSE)
    sigma = np.linalg.svd(z - z.mean(axis=0, dtype="f8"), compute_uv=False)
    assert metrics.nesum(sigma) == pytest.approx(expected, rel=CLOSE)


def test_vendi_score(z):
    found = rankme.spectrum(z, normalize=True).matrix_entropy_rank()
    assert found == pytest.approx(vendi.score_dual(z.astype("f8")), rel=CLOSE)
