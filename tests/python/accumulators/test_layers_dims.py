"""A stack whose layers have rows of different lengths: what a stack for each length would be."""

import copy
import pickle

import numpy as np
import pytest
import torch

import rankme
from helpers import bits, output_of
from layer_stacks import bits_of
from oracles import AGAINST_SVD, moderate, rankme_by_svd, relative_error

DIMS = [8, 24, 8, 3, 24]
N = 150
OPTIONS = [{}, {"normalize": True}, {"seed": 5}, {"precision": "fast"}, {"groups": 8}]


def layers(dtype="f8", n=N, seed=0):
    return [moderate(seed + i, n, dim, dtype) for i, dim in enumerate(DIMS)]


def filled(zs=None, **options):
    acc = rankme.LayerAccumulator(dims=DIMS, **options)
    zs = layers() if zs is None else zs
    for part in range(3):
        acc.update([z[part * N // 3 : (part + 1) * N // 3] for z in zs])
    return acc


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_against_svd(normalize, center):
    acc = filled(normalize=normalize)
    assert (acc.n_layers, acc.n_rows, acc.dims, len(acc)) == (5, N, DIMS, 5)
    scores = acc.score(center=center)
    for i, (z, score) in enumerate(zip(layers(), scores, strict=True)):
        expected = rankme_by_svd(z, normalize=normalize, center=center)
        assert relative_error(score, expected) < AGAINST_SVD
        spectrum = acc.spectrum(i, center=center)
        assert (spectrum.n_rows, spectrum.n_cols) == z.shape
        assert spectrum.rankme() == score


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_it_is_the_stacks_of_each_length(options, dtype):
    zs = layers(dtype)
    acc = filled(zs, **options)
    for dim in set(DIMS):
        own = [i for i, one in enumerate(DIMS) if one == dim]
        alone = rankme.LayerAccumulator(dims=[dim] * len(own), **options)
        for part in range(3):
            alone.update([zs[i][part * N // 3 : (part + 1) * N // 3] for i in own])
        assert [bits(acc[i]) for i in own] == [bits(layer) for layer in alone]
        assert [acc.fast_rows[i] for i in own] == alone.fast_rows


def test_equal_lengths_are_a_plain_stack():
    one, other = rankme.LayerAccumulator(dims=[4, 4]), rankme.LayerAccumulator(2, 4)
    for acc in (one, other):
        acc.update(np.ones((2, 3, 4)))
    assert bits_of(one) == bits_of(other)
    assert (
        repr(one) == repr(other) == "LayerAccumulator(n_layers=2, dim=4, normalize=False): 3 rows"
    )
    assert (one.dim, one.dims) == (4, [4, 4])
    mixed = filled()
    assert repr(mixed) == f"LayerAccumulator(dims={DIMS}, normalize=False): 150 rows"
    with pytest.raises(ValueError, match="rows of different lengths; dims has them"):
        _ = mixed.dim


def test_masks_and_tensors():
    zs = [torch.from_numpy(z.reshape(15, 10, -1)) for z in layers("f4")]
    mask = np.arange(10) < np.arange(1, 16)[:, None] % 10
    acc = rankme.LayerAccumulator(dims=DIMS)
    acc.update(zs, mask=mask)
    expected = rankme.LayerAccumulator(dims=DIMS)
    expected.update([z[torch.from_numpy(mask)] for z in zs])
    assert bits_of(acc) == bits_of(expected)
    before = bits_of(acc)
    acc.update([np.zeros((0, dim)) for dim in DIMS])
    acc.update(zs, mask=np.zeros((15, 10), bool))
    assert bits_of(acc) == before


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_copies_files_and_pickles(options, tmp_path):
    acc = filled(**options)
    state = bits_of(acc)
    acc.save(tmp_path / "a.rankme")
    for other in (
        acc.copy(),
        copy.deepcopy(acc),
        pickle.loads(pickle.dumps(acc)),
        rankme.LayerAccumulator.load(tmp_path / "a.rankme"),
    ):
        assert bits_of(other) == state
        assert other.dims == DIMS
        other.update(layers(seed=9))
        assert bits_of(acc) == state


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_merging(options):
    one, other = filled(**options), filled(layers(seed=9), **options)
    total = one + other
    assert total.n_rows == 2 * N
    for i, (first, second) in enumerate(zip(layers(), layers(seed=9), strict=True)):
        both = np.concatenate([first, second])
        expected = rankme_by_svd(both, normalize=options.get("normalize", False))
        assert total.spectrum(i).rankme() == pytest.approx(expected, rel=1e-9)
    one += one
    assert one.n_rows == 2 * N
    one.reset()
    assert one.n_rows == 0
    assert bits_of(one) == bits_of(rankme.LayerAccumulator(dims=DIMS, **options))


@pytest.mark.parametrize("groups", [None, 8])
def test_stacks_that_do_not_belong_together(groups):
    acc = filled(groups=groups)
    before = bits_of(acc)
    for dims, text in (
        (DIMS[:4], "n_layers 5 and n_layers 4"),
        (DIMS[::-1], r"dims \[8, 24, 8, 3, 24\] and dims \[24, 3, 8, 24, 8\]"),
        ([8] * 5, "dims .* and dims"),
    ):
        other = rankme.LayerAccumulator(dims=dims, groups=groups)
        with pytest.raises(ValueError, match=f"cannot merge stacks of {text}"):
            acc.merge(other)
        with pytest.raises(ValueError, match="cannot merge stacks of"):
            other.merge(acc)
    with pytest.raises(ValueError, match="seed"):
        acc.merge(rankme.LayerAccumulator(dims=DIMS, seed=1, groups=groups))
    assert bits_of(acc) == before


def changed(edit):
    zs = layers()
    edit(zs)
    return zs


def put(layer, value):
    def edit(zs):
        zs[layer] = value

    return edit


def spoil(*places):
    def edit(zs):
        for layer, row in places:
            zs[layer][row, 1] = np.nan

    return edit


@pytest.mark.parametrize("options", [{}, {"groups": 8}, {"precision": "fast"}], ids=str)
@pytest.mark.parametrize(
    ("zs", "text"),
    [
        (changed(put(1, np.ones((N, 8)))), r"Zs\[1\] has 8 columns, the accumulator has dim 24"),
        (changed(put(3, np.ones((N - 1, 3)))), r"Zs\[3\] has 149 rows and Zs\[0\] has 150"),
        (layers()[:4], "Zs has 4 layers, the accumulator has n_layers 5"),
        (np.ones((5, N, 8)), r"Zs\[1\] has 8 columns, the accumulator has dim 24"),
        # Layer 2 goes with layer 0, and is looked at after layer 1 all the same.
        (changed(spoil((2, 0), (1, 7))), r"Zs\[1\]\[?.?7, 1\]? is nan"),
        (changed(spoil((4, 149))), r"Zs\[4\]\[149, 1\] is nan"),
    ],
)
def test_bad_rows_change_no_layer(zs, text, options):
    acc = filled(**options)
    before = bits_of(acc)
    with pytest.raises(ValueError, match=text):
        acc.update(zs)
    assert bits_of(acc) == before


@pytest.mark.parametrize(
    ("given", "options", "error", "text"),
    [
        ((), {}, TypeError, "needs n_layers and dim, or dims"),
        ((3,), {}, TypeError, "needs n_layers and dim, or dims"),
        ((2, 4), {"dims": [4, 4]}, TypeError, "leave out n_layers and dim"),
        ((), {"dims": []}, ValueError, "dims is empty"),
        ((), {"dims": 4}, TypeError, "dims must be several integers, not int"),
        ((), {"dims": [4, 0]}, ValueError, r"dims\[1\] must be from 1"),
        ((), {"dims": [4, 1.5]}, TypeError, r"dims\[1\] must be an integer"),
        ((), {"dims": [4, 8], "groups": 8, "precision": "fast"}, ValueError, "fast"),
    ],
)
def test_what_is_no_stack(given, options, error, text):
    with pytest.raises(error, match=text):
        rankme.LayerAccumulator(*given, **options)


def test_estimates():
    acc = rankme.LayerAccumulator(dims=DIMS, groups=8, run_length=5)
    zs = layers()
    acc.update(zs)
    for z, found in zip(zs, acc.estimates(), strict=True):
        alone = rankme.Accumulator(z.shape[1], groups=8, run_length=5)
        alone.update(z)
        assert found.score == pytest.approx(alone.estimate().score, rel=1e-12)
        assert found.std_error == pytest.approx(alone.estimate().std_error, rel=1e-9)
        assert found.n_cols == z.shape[1]


def test_more_threads_than_layers_of_a_length():
    code = """
import numpy as np, rankme
rng = np.random.default_rng(0)
zs = [rng.standard_normal((3000, dim)) for dim in (64, 300, 64)]
acc = rankme.LayerAccumulator(dims=[64, 300, 64])
acc.update(zs)
print(max(abs(acc.score() / [rankme.score(z) for z in zs] - 1)) < 1e-12)
"""
    assert output_of(code, RANKME_NUM_THREADS="5") == "True\n"
