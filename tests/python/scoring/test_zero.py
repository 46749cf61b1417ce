"""What cannot be told from zero scores 0.0, with a warning, by every route."""

import json
import warnings

import numpy as np
import pytest

import rankme
from command import run
from rankme._base.errors import PrecisionWarning


def equal_rows(n, k=64, seed=0):
    return np.tile(np.random.default_rng(seed).standard_normal(k), (n, 1))


def exactly(call, *args, **options):
    """Return a result that came without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call(*args, **options)


@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
@pytest.mark.parametrize("n", [1, 2, 20, 64, 250])
@pytest.mark.parametrize("normalize", [False, True])
def test_equal_rows_centred_are_exactly_zero(method, n, normalize):
    z = equal_rows(n)
    options = {"center": True, "method": method, "normalize": normalize}
    assert exactly(rankme.score, z, **options) == 0
    scores, (low, high) = exactly(rankme.score_batch, [z], return_bounds=True, **options)
    assert scores[0] == low[0] == high[0] == 0


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_equal_rows_centred_in_a_stream_are_exactly_zero(method, tmp_path):
    acc, other = (rankme.Accumulator(64, method=method) for _ in range(2))
    for _ in range(40):
        acc.update(equal_rows(250))
    other.update(equal_rows(3))
    other.merge(acc)
    other.save(tmp_path / "sum.rankme")
    for total in (acc, other, rankme.Accumulator.load(tmp_path / "sum.rankme")):
        assert exactly(total.score, center=True) == 0
        assert total.spectrum(center=True).rankme_bounds() == (0, 0)
        assert total.score(eps=0) == pytest.approx(1, abs=1e-7)


def test_equal_rows_centred_in_a_stack_are_exactly_zero():
    stack = rankme.LayerAccumulator(2, 64)
    for _ in range(3):
        stack.update([equal_rows(250), equal_rows(250, seed=1)])
    assert exactly(stack.score, center=True).tolist() == [0, 0]


# Parallel rows, each of another length: unit vectors that differ by rounding alone.
def parallel_rows(n, k=64):
    return equal_rows(n, k) * np.arange(1, n + 1)[:, None] / 7


@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
@pytest.mark.parametrize("shape", [(20, 64), (200, 64)], ids=str)
def test_what_is_nothing_but_rounding_scores_0_with_a_warning(method, shape):
    z = parallel_rows(*shape)
    options = {"center": True, "normalize": True, "method": method}
    with pytest.warns(PrecisionWarning, match="no singular value can be told from zero"):
        assert rankme.score(z, **options) == 0
    with pytest.warns(PrecisionWarning, match=r"RankMe of Zs\[1\] is 0, since no singular value"):
        scores, (low, high) = rankme.score_batch([np.eye(3), z], return_bounds=True, **options)
    assert scores[1] == low[1] == 0 < high[1]
    spectrum = rankme.spectrum(z, **options)
    assert spectrum.rankme() == spectrum.effective_rank() == 0
    assert spectrum.rankme_bounds()[0] == spectrum.effective_rank_bounds()[0] == 0
    assert spectrum.entropy() == -np.inf
    assert spectrum.numerical_rank() == spectrum.stable_rank() == 0
    with pytest.warns(PrecisionWarning, match="RankMe is 0"):
        found = spectrum.metrics()
    assert found["rankme"] == found["effective_rank"] == 0


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_streams_of_rounding_score_0_with_a_warning(method):
    acc = rankme.Accumulator(64, method=method, normalize=True)
    for rows in np.array_split(parallel_rows(200), 7):
        acc.update(rows)
    with pytest.warns(PrecisionWarning, match="RankMe is 0"):
        assert acc.score(center=True) == 0


def test_stacks_of_rounding_score_0_with_a_warning():
    stack = rankme.LayerAccumulator(2, 64, normalize=True)
    stack.update([parallel_rows(200), np.random.default_rng(2).standard_normal((200, 64))])
    with pytest.warns(PrecisionWarning, match="RankMe of layer 0 is 0"):
        scores = stack.score(center=True)
    assert scores[0] == 0 < scores[1]


@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
@pytest.mark.parametrize("shape", [(20, 64), (200, 64)], ids=str)
def test_files_of_rounding_score_0_with_a_warning(method, shape, tmp_path):
    path = tmp_path / "z.npy"
    np.save(path, parallel_rows(*shape))
    options = {"center": True, "normalize": True, "method": method}
    with pytest.warns(PrecisionWarning, match="RankMe is 0"):
        assert rankme.score(path, **options) == 0
    result = run("score", "--center", "--normalize", "--method", method, "--json", str(path))
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["rankme"] == record["low"] == 0 < record["high"]
    assert "told from zero" in result.stderr + result.stdout


@pytest.mark.parametrize("method", ["gram", "qr"])
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-30, 1.0])
def test_what_is_tiny_but_resolved_is_not_zero(method, scale):
    z = scale * np.random.default_rng(3).standard_normal((50, 8))
    wanted = exactly(rankme.score, z / scale, center=True)
    acc = rankme.Accumulator(8, method=method)
    acc.update(z)
    for score in (
        exactly(rankme.score, z, center=True, method=method),
        exactly(rankme.score_batch, [z], center=True, method=method)[0],
        exactly(acc.score, center=True),
    ):
        assert score == pytest.approx(wanted, rel=1e-12)


def test_a_collapsed_set_that_is_resolved_is_not_zero():
    z = equal_rows(100) + 1e-9 * np.random.default_rng(4).standard_normal((100, 64))
    reference = np.linalg.svd((z - z[0]) - (z - z[0]).mean(axis=0), compute_uv=False)
    share = reference / reference.sum()
    wanted = np.exp(-(share * np.log(share)).sum())
    for method in ("gram", "qr"):
        score = exactly(rankme.score, z, center=True, method=method, eps=0)
        assert score == pytest.approx(wanted, rel=1e-5)
