"""A stack of layers against one accumulator a layer, and against a float64 SVD."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rankme
from helpers import bits, contents, output_of
from layer_stacks import K, L, N, bits_of, filled, stack
from oracles import (
    AGAINST_SVD,
    DTYPES,
    SAME_ROWS,
    moderate,
    rankme_by_svd,
    relative_error,
    with_singular_values,
)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_against_svd(dtype, normalize, center):
    zs = stack(dtype)
    acc = rankme.LayerAccumulator(L, K, normalize=normalize)
    for batch in np.array_split(zs, 4, axis=1):
        acc.update(batch)
    scores = acc.score(center=center)
    assert scores.shape == (L,)
    assert scores.dtype == np.float64
    for z, score, spectrum in zip(zs, scores, acc.spectra(center=center), strict=True):
        expected = rankme_by_svd(z, normalize=normalize, center=center)
        assert relative_error(score, expected) < AGAINST_SVD
        low, high = spectrum.rankme_bounds()
        assert low <= expected * (1 + 1e-12)
        assert high >= expected * (1 - 1e-12)
        assert (spectrum.n_rows, spectrum.n_cols, spectrum.center) == (N, K, center)


def test_every_layer_is_what_an_accumulator_of_its_rows_is():
    zs = stack("f4")
    acc = rankme.LayerAccumulator(L, K, normalize=True, seed=9)
    alone = [rankme.Accumulator(K, normalize=True, seed=9) for _ in range(L)]
    for batch in np.array_split(zs, 3, axis=1):
        acc.update(batch)
        for layer, z in zip(alone, batch, strict=True):
            layer.update(z)
    assert len(acc) == acc.n_layers == L
    for number, (layer, own) in enumerate(zip(acc, alone, strict=True)):
        # Of one stack there are many sums, and young ones for the layer at hand alone.
        np.testing.assert_allclose(layer.gram(), own.gram(), rtol=0, atol=1e-14 * N)
        assert contents(layer)["blocks"] <= contents(own)["blocks"] + 3
        for center in (False, True):
            expected = pytest.approx(own.score(center=center), rel=1e-13)
            assert layer.score(center=center) == expected
            assert acc.spectrum(number, center=center).rankme() == expected
        own.merge(layer)  # the settings are the same
        assert own.n_rows == 2 * N
    assert bits(acc[-1]) == bits(acc[L - 1])


def test_a_layer_is_a_copy():
    acc = filled(stack())
    layer = acc[1]
    acc.update(stack())
    assert (layer.n_rows, acc.n_rows) == (N, 2 * N)
    layer.update(moderate(9, 3, K))
    assert acc.n_rows == 2 * N


@pytest.mark.parametrize(
    "give",
    {
        "3-D": lambda zs: zs,
        "list": list,
        "tuple": tuple,
        "reversed layers": lambda zs: zs[::-1],
        "rows first": lambda zs: np.ascontiguousarray(zs.transpose(1, 0, 2)).transpose(1, 0, 2),
        "Fortran": np.asfortranarray,
        "every other row": lambda zs: np.repeat(zs, 2, axis=1)[:, ::2],
        "mixed dtypes": lambda zs: [z.astype("f4" if i % 2 else "f8") for i, z in enumerate(zs)],
    }.values(),
)
def test_whatever_the_layout(give):
    zs = stack("f4")
    given = give(zs)
    acc = filled(given)
    for score, z in zip(acc.score(), given, strict=True):
        assert relative_error(score, rankme_by_svd(z)) < AGAINST_SVD


@pytest.mark.parametrize("layers", [1, 2, 3, 7])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads(layers, threads):
    code = """
import sys, numpy as np, rankme
layers, expected = int(sys.argv[1]), np.array(eval(sys.argv[2]))
rng = np.random.default_rng(0)
zs = rng.standard_normal((layers, 3000, 130)) * np.arange(1, 131) ** -0.7
acc = rankme.LayerAccumulator(layers, 130)
for batch in np.array_split(zs, 2, axis=1):
    acc.update(batch)
print(acc.score().tolist())
assert not len(expected) or np.allclose(acc.score(), expected, rtol=1e-12, atol=0)
"""
    expected = output_of(code, layers, [], RANKME_NUM_THREADS="1")
    output_of(code, layers, expected, RANKME_NUM_THREADS=str(threads))


def test_merge_is_as_one_stream():
    zs = stack()
    whole = filled(zs)
    parts = [filled(part) for part in np.array_split(zs, 3, axis=1)]
    before = bits_of(parts[2])
    total = sum(parts)
    parts[0] += parts[1]
    parts[0].merge(parts[2])
    assert bits_of(parts[2]) == before
    for merged in (total, parts[0]):
        assert merged.n_rows == N
        np.testing.assert_allclose(merged.score(), whole.score(), rtol=SAME_ROWS)
    total += total
    assert total.n_rows == 2 * N
    np.testing.assert_allclose(total[0].gram(), 2 * whole[0].gram(), rtol=1e-12)


def test_reset_and_copy():
    acc = filled(stack(), seed=3)
    twins = [acc.copy(), copy.copy(acc), copy.deepcopy(acc)]
    before = bits_of(acc)
    acc.reset()
    assert acc.n_rows == 0
    assert bits_of(acc) == bits_of(rankme.LayerAccumulator(L, K, seed=3))
    assert all(bits_of(twin) == before for twin in twins)


def test_uncertain_layers_are_named():
    k = 400
    collapsed = with_singular_values(4, 420, k, np.r_[1.0, np.full(k - 1, 1e-9)])
    zs = np.stack([moderate(layer, 420, k) for layer in range(L)])
    zs[[1, 3]] = collapsed
    acc = filled(zs)
    low, high = acc.spectrum(1).rankme_bounds()
    text = (
        rf"of layer 1 has relative uncertainty .* \(interval {low:.6g} to {high:.6g}\), above "
        r"0.001, as have 1 more of 5 layers \(3\); a rankme.Accumulator with method=.qr. sees"
    )
    with pytest.warns(rankme.PrecisionWarning, match=text) as caught:
        acc.score()
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_repr():
    assert (
        repr(filled(stack())) == "LayerAccumulator(n_layers=5, dim=24, normalize=False): 120 rows"
    )


# ---- threads -----------------------------------------------------------------------------------


def test_four_threads_update_one_stack():
    zs = stack("f4", n=4000)
    one = filled(zs)
    many = rankme.LayerAccumulator(L, K)
    barrier = threading.Barrier(5)

    def feed(part):
        barrier.wait()
        for batch in np.array_split(part, 20, axis=1):
            many.update(batch)

    def look():
        barrier.wait()
        for _ in range(30):
            if many.n_rows:
                # All layers at one instant: the copies have one number of rows.
                assert len({layer.n_rows for layer in many.copy()}) == 1
                assert len({spectrum.n_rows for spectrum in many.spectra()}) == 1

    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(feed, part) for part in np.array_split(zs, 4, axis=1)]
        futures.append(pool.submit(look))
        for future in futures:
            future.result(timeout=60)
    assert many.n_rows == 4000
    np.testing.assert_allclose(many.score(), one.score(), rtol=SAME_ROWS)


def test_merging_two_stacks_into_each_other_at_once():
    pair = [filled(np.stack([np.eye(30)] * 4)) for _ in range(2)]
    barrier = threading.Barrier(2)

    def merge(mine, theirs):
        barrier.wait()
        for _ in range(15):
            mine.merge(theirs)

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(merge, *order) for order in (pair, pair[::-1])]
        for future in futures:
            future.result(timeout=60)
    for acc in pair:
        assert acc.n_rows % 30 == 0
        for layer in acc:
            expected = acc.n_rows // 30 * np.eye(30)
            np.testing.assert_allclose(layer.gram(), expected, rtol=0, atol=1e-12 * expected.max())
