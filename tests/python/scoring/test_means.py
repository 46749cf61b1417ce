"""A mean that is much longer than the spread around it costs nothing, on any way to the score."""

import pickle

import numpy as np
import pytest

import extended
import rankme
from helpers import in_blocks
from oracles import DTYPES, moderate

K = 12
# Mean over spread.
RATIOS = [1.0, 1e2, 1e4, 1e6, 1e8]
AGAINST_EXACT = 1e-9


def far_from_zero(ratio, n_rows=700, seed=5):
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((n_rows, K)) * np.arange(1, K + 1) ** -0.7
    return spread + ratio * rng.standard_normal(K)


def parts_of(z, count):
    parts = [rankme.Accumulator(K) for _ in range(count)]
    for part, rows in zip(parts, np.array_split(z, count), strict=True):
        part.update(rows)
    return parts


def saved_between(z, folder):
    acc = rankme.Accumulator(K)
    for rows in np.array_split(z, 6):
        acc.update(rows)
        acc.save(folder / "a")
        acc = rankme.Accumulator.load(folder / "a")
    return acc


def in_random_cuts(z, _folder):
    cuts = np.sort(np.random.default_rng(9).integers(1, len(z), 25))
    acc = rankme.Accumulator(K)
    for rows in np.split(z, np.unique(cuts)):
        acc.update(rows)
    return acc


def one_layer(z, folder):
    """The last of three, of a stack that was merged, saved and loaded."""
    whole = rankme.LayerAccumulator(3, K)
    for rows in np.array_split(z, 5):
        part = rankme.LayerAccumulator(3, K)
        part.update([rows - 7, rows * 2, rows])
        whole.merge(part)
        whole.save(folder / "stack")
        whole = rankme.LayerAccumulator.load(folder / "stack")
    return whole[2]


STREAMS = {
    "at once": lambda z, _: in_blocks(z, method="gram", lengths=(len(z),)),
    "row by row": lambda z, _: in_blocks(z, method="gram", lengths=(1,)),
    "in blocks": lambda z, _: in_blocks(z, method="gram"),
    "in random cuts": in_random_cuts,
    "by columns": lambda z, _: in_blocks(np.asfortranarray(z), method="gram", lengths=(300,)),
    "merged": lambda z, _: sum(parts_of(z, 7)),
    "merged backwards": lambda z, _: sum(parts_of(z, 7)[::-1]),
    "merged by pairs": lambda z, _: sum(sum(parts_of(half, 3)) for half in np.array_split(z, 2)),
    "saved between": saved_between,
    "pickled": lambda z, _: pickle.loads(pickle.dumps(in_blocks(z, method="gram"))),
    "in a stack": one_layer,
}


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("way", STREAMS)
def test_every_stream_is_exact(way, ratio, tmp_path):
    z = far_from_zero(ratio)
    acc = STREAMS[way](z, tmp_path)
    for center in (False, True):
        sigma = extended.singular_values(extended.exact_matrix(z, center=center)[0])
        spectrum = acc.spectrum(center=center)
        np.testing.assert_allclose(
            spectrum.singular_values, sigma.astype(np.float64), rtol=AGAINST_EXACT
        )
        for eps in (0, 1e-7):
            exact = extended.rankme(sigma, eps)
            low, high = spectrum.rankme_bounds(eps=eps)
            assert low <= exact <= high
            # The interval knows it, and so nobody is warned.
            assert high - low < 1e-6 * exact
            assert acc.score(eps=eps, center=center) == pytest.approx(
                float(exact), rel=AGAINST_EXACT
            )


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_file_is_exact(ratio, tmp_path):
    z = far_from_zero(ratio)
    np.save(tmp_path / "z.npy", z)
    for center in (False, True):
        exact = float(extended.score(z, center=center))
        for of in (z, tmp_path / "z.npy"):
            assert rankme.score(of, center=center) == pytest.approx(exact, rel=AGAINST_EXACT)


@pytest.mark.parametrize("mean", [1e6, 1e8, 1e12])
def test_a_mean_costs_no_method_anything(mean):
    rng = np.random.default_rng(5)
    z = rng.standard_normal((400, 20)) + mean * rng.standard_normal(20)
    exact = extended.score(z, center=True)
    for spectrum in (
        in_blocks(z, method="gram").spectrum(center=True),
        rankme.spectrum(z, center=True),
        rankme.spectrum(z, center=True, method="qr"),
        in_blocks(z, method="qr").spectrum(center=True),
    ):
        low, high = spectrum.rankme_bounds()
        assert low <= exact <= high
    for score in (in_blocks(z, method="gram").score(center=True), rankme.score(z, center=True)):
        assert score == pytest.approx(float(exact), rel=1e-11)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(30, 8), (8, 30)], ids=str)
@pytest.mark.parametrize("normalize", [False, True])
def test_identical_rows_have_no_spread(shape, dtype, normalize):
    z = np.tile(moderate(6, 1, shape[1]) + 3, (shape[0], 1)).astype(dtype)
    spectrum = rankme.spectrum(z, center=True, normalize=normalize)
    assert (spectrum.rankme(), spectrum.rankme_bounds()[0]) == (0.0, 0.0)
    for lengths in ((7, 100, 1), (1,), (3, 4)):
        stream = in_blocks(z, method="gram", normalize=normalize, lengths=lengths)
        spectrum = stream.spectrum(center=True)
        assert (spectrum.rankme(), spectrum.rankme_bounds()) == (0.0, (0.0, 0.0))
        assert (stream + stream).score(center=True) == 0.0
    qr = rankme.spectrum(z, center=True, normalize=normalize, method="qr")
    assert qr.rankme_bounds()[0] == 0.0
    assert not qr.singular_value_bounds()[0].any()
