"""A stack of layers and bad input: the layer is named, and no layer has changed."""

import pickle

import numpy as np
import pytest

import rankme
from layer_stacks import K, L, N, bits_of, filled, stack
from oracles import DTYPES, moderate


def changed(edit):
    zs = list(stack())
    edit(zs)
    return zs


def put(layer, z):
    return lambda zs: zs.__setitem__(layer, z)


REFUSED = {
    "None": (None, TypeError, r"Zs must be an array of shape \(L, n, K\).*not NoneType"),
    "a generator": (iter(stack()), TypeError, "Zs must be an array of shape.*not iterator"),
    "text": ("layers", TypeError, "Zs must be an array of shape.*not str"),
    "2-D": (
        np.ones((N, K)),
        ValueError,
        r"Zs must be an array of shape.*it is 2-D with shape \(120, 24\)",
    ),
    "4-D": (np.ones((1, L, 2, K)), ValueError, "Zs must be an array of shape.*it is 4-D"),
    "no columns": (np.ones((L, N, 0)), ValueError, r"Zs is empty: it has shape \(5, 120, 0\)"),
    "no rows, narrow": (np.ones((L, 0, K - 1)), ValueError, r"Zs.*(empty|23 columns)"),
    "no rows of too few": (np.ones((L - 1, 0, K)), ValueError, r"Zs has 4 layers, .* n_layers 5"),
    "no layers": ([], ValueError, "Zs is empty: at least one matrix is needed"),
    "a layer less": (list(stack())[1:], ValueError, "Zs has 4 layers, .* n_layers 5"),
    "the embedding layer too": (
        [*stack(), stack()[0]],
        ValueError,
        r"Zs has 6 layers, .* n_layers 5; .* embedding layer: take n_layers=6, or .* Zs\[1:\]",
    ),
    "without the embedding layer": (
        stack()[1:],
        ValueError,
        r"n_layers 5; .* embedding layer, which may be missing in Zs: .* n_layers=4$",
    ),
    "two layers less": (stack()[2:], ValueError, "Zs has 3 layers, .* n_layers 5$"),
    "integers": (np.ones((L, N, K), "i8"), TypeError, "Zs has dtype int64"),
    "a list in it": (
        changed(put(2, ["a"])),
        TypeError,
        r"Zs\[2\] is a list of str; wanted are vectors",
    ),
    "a 1-D layer": (changed(put(1, np.ones(K))), ValueError, r"Zs\[1\] must be 2-D"),
    "an empty layer": (changed(put(4, np.ones((0, K)))), ValueError, r"Zs\[4\] is empty"),
    "a narrow layer": (
        changed(put(3, np.ones((N, K - 1)))),
        ValueError,
        r"Zs\[3\] has 23 columns, the accumulator has dim 24",
    ),
    "a short layer": (
        changed(put(3, np.ones((N - 1, K)))),
        ValueError,
        r"Zs\[3\] has 119 rows and Zs\[0\] has 120; all layers take in the same number",
    ),
}


@pytest.mark.parametrize(("zs", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(zs, error, message):
    acc = filled(stack())
    before = bits_of(acc)
    with pytest.raises(error, match=message) as caught:
        acc.update(zs)
    assert type(caught.value) is error
    assert bits_of(acc) == before
    acc.update(stack())
    assert acc.n_rows == 2 * N


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_first_bad_layer_is_named(dtype, bad):
    zs = stack(dtype)
    zs[4, 0, 0] = np.nan
    zs[2, 17, 5] = bad
    zs[2, 18, 0] = np.nan
    acc = filled(stack())
    before = bits_of(acc)
    with pytest.raises(rankme.NonFiniteError) as caught:
        acc.update(zs)
    error = caught.value
    assert (error.matrix, error.row, error.column) == (2, 17, 5)
    assert str(error) == f"Zs[2][17, 5] is {bad}; every entry must be finite"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.matrix) == (str(error), 2)
    assert bits_of(acc) == before


def test_a_single_matrix_has_no_number():
    with pytest.raises(rankme.NonFiniteError, match=r"^Z\[0, 1\] is nan") as caught:
        rankme.score(np.array([[1, np.nan]]))
    assert caught.value.matrix is None
    assert pickle.loads(pickle.dumps(caught.value)).matrix is None


def test_refused_arguments():
    make = rankme.LayerAccumulator
    with pytest.raises(ValueError, match=r"n_layers must be from 1 to .*, not 0"):
        make(0, K)
    with pytest.raises(TypeError, match="n_layers must be an integer, not float"):
        make(1.0, K)
    with pytest.raises(ValueError, match="dim must be from 1"):
        make(1, 0)
    with pytest.raises(ValueError, match="seed must be from 0"):
        make(1, K, seed=-1)


def test_refused_merges():
    acc = filled(stack())
    before = bits_of(acc)
    others = {
        "n_layers 5 and n_layers 4": filled(stack(layers=4)),
        "dim 24 and dim 7": filled(stack(k=7)),
        "seed 0 and seed 1": filled(stack(), seed=1),
        "normalizes rows": filled(stack(), normalize=True),
    }
    for message, other in others.items():
        with pytest.raises(ValueError, match=message):
            acc.merge(other)
    with pytest.raises(TypeError, match=r"must be a rankme\.LayerAccumulator, not rankme"):
        acc.merge(acc[0])
    with pytest.raises(TypeError):
        acc += 1
    assert bits_of(acc) == before


def test_no_such_layer():
    acc = filled(stack())
    for wrong in (L, -L - 1):
        with pytest.raises(IndexError, match=f"layer {wrong} of a stack of 5"):
            acc[wrong]
        with pytest.raises(IndexError, match=f"layer {wrong} of a stack of 5"):
            acc.spectrum(wrong)
    with pytest.raises(TypeError, match="layer must be an integer, not slice"):
        acc[:2]


def test_no_rows_yet():
    acc = rankme.LayerAccumulator(2, 3)
    for call in (acc.score, acc.spectra, lambda: acc.spectrum(0)):
        with pytest.raises(ValueError, match="no rows yet"):
            call()
    acc.update(moderate(0, 8, 3)[None].repeat(2, 0))
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        acc.score(eps=2)
