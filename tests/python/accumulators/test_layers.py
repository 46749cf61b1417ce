"""A stack of layers against one accumulator a layer, and against a float64 SVD."""

import copy
import operator
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

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
    assert layer.score() == pytest.approx(rankme.score(stack()[1]), rel=1e-12)


@pytest.mark.parametrize("what", ["update", "merge", "reset", "+="])
def test_a_layer_is_read_only_and_says_what_to_do(what):
    acc = filled(stack())
    more = moderate(9, 3, K)
    other = rankme.Accumulator(K)
    other.update(more)
    given = {"update": (more,), "merge": (other,), "reset": ()}
    name = "merge" if what == "+=" else what
    message = rf"cannot {name} a layer.*stack\.{name}\(\.\.\.\) changes all.*stack\[i\]\.copy\(\)"
    change = operator.iadd if what == "+=" else getattr(type(acc[1]), what)
    with pytest.raises(TypeError, match=message):
        change(acc[1], *given[name])
    assert acc.n_rows == acc[1].n_rows == N
    # What it says: a copy takes all of it, and is a plain accumulator.
    alone = acc[1].copy()
    assert type(alone) is rankme.Accumulator
    getattr(alone, name)(*given[name])
    expected = rankme.Accumulator(K)
    expected.update(stack()[1])
    getattr(expected, name)(*given[name])
    assert alone.n_rows == expected.n_rows
    if expected.n_rows:
        assert alone.score() == pytest.approx(expected.score(), rel=1e-12)


def test_a_layer_serves_where_an_accumulator_does(tmp_path):
    acc = filled(stack())
    assert isinstance(acc[0], rankme.Accumulator)
    total = sum(acc)
    assert (type(total), total.n_rows) == (rankme.Accumulator, L * N)
    assert (acc[0] + acc[1]).n_rows == 2 * N
    for again in (pickle.loads(pickle.dumps(acc[2])), copy.copy(acc[2]), copy.deepcopy(acc[2])):
        assert type(again) is rankme.Accumulator
        again.update(stack()[2])
        assert again.n_rows == 2 * N
    acc[3].save(tmp_path / "layer.rankme")
    again = rankme.Accumulator.load(tmp_path / "layer.rankme")
    assert again.score() == acc[3].score()


def test_no_rows_change_nothing():
    acc = filled(stack())
    before = bits_of(acc)
    none = np.ones((0, K))
    for zs in (np.ones((L, 0, K)), [none] * L, [torch.ones(0, K)] * L):
        acc.update(zs)
    assert bits_of(acc) == before


def test_layers_of_lists_and_columns():
    zs = stack()
    acc, expected = rankme.LayerAccumulator(L, K), rankme.LayerAccumulator(L, K)
    acc.update([zs[0].tolist(), list(zs[1]), pa.array(list(zs[2])), pd.Series(list(zs[3])), zs[4]])
    expected.update(zs)
    assert acc.score() == pytest.approx(expected.score(), rel=1e-12)


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
    zs = stack()
    row = moderate(1, 1, K)
    # Unit rows that differ from one another by hardly more than they are rounded.
    zs[[1, 3]] = row + 1e-12 * np.random.default_rng(1).standard_normal((2, N, K))
    acc = filled(zs, normalize=True)
    low, high = acc.spectrum(1, center=True).rankme_bounds()
    text = (
        rf"of layer 1 has relative uncertainty .* \(interval {low:.6g} to {high:.6g}\), above "
        r"0.001, as have 1 more of 5 layers \(3\); a rankme.Accumulator with method=.qr. sees"
    )
    with pytest.warns(rankme.PrecisionWarning, match=text) as caught:
        acc.score(center=True)
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
