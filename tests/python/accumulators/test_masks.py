"""Rows that a mask leaves out are as good as not there: not read, not counted, not dealt."""

import json
import pickle

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

import rankme
from helpers import bits, output_of
from oracles import moderate

K = 24
DTYPES = ["f2", ml_dtypes.bfloat16, "f4", "f8"]


def tokens(dtype="f4", n=30, t=16, k=K, seed=0):
    """States (n, t, k) whose padding holds NaN, and their mask: some holes, and padded ends."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(t) < rng.integers(1, t + 1, (n, 1))) & (rng.random((n, t)) > 0.2)
    z = (rng.standard_normal((n, t, k)) * rng.uniform(0.1, 2, k)).astype(dtype)
    z[~mask] = np.nan
    return z, mask


def updated(z, *, k=K, mask=None, ids=None, **options):
    acc = rankme.Accumulator(k, **options)
    acc.update(z, mask=mask, ids=ids)
    return acc


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "options",
    [{}, {"normalize": True}, {"method": "qr"}, {"groups": 8, "run_length": 5}],
    ids=str,
)
def test_the_state_is_that_of_boolean_indexing_bit_for_bit(dtype, options):
    z, mask = tokens(dtype)
    expected = bits(updated(z[mask], **options))
    assert bits(updated(z, mask=mask, **options)) == expected
    flat = z.reshape(-1, K)
    assert bits(updated(flat, mask=mask.ravel(), **options)) == expected
    assert bits(updated(z, mask=mask.astype("i8"), **options)) == expected


def stored(z, order):
    """The same array, whose axes lie in memory in this order."""
    return np.ascontiguousarray(z.transpose(order)).transpose(np.argsort(order))


LAYOUTS = {
    "rows backwards": lambda z, m: (z[::-1], m[::-1]),
    "every other column": lambda z, m: (np.repeat(z, 2, axis=2)[..., ::2], m),
    "tokens first": lambda z, m: (stored(z, (1, 0, 2)), m),
    "columns first": lambda z, m: (stored(z, (2, 0, 1)), m),
    "Fortran": lambda z, m: (np.asfortranarray(z), np.asfortranarray(m)),
    "flat Fortran": lambda z, m: (np.asfortranarray(z.reshape(-1, K)), m.ravel()),
    "four axes": lambda z, m: (z.reshape(5, 6, 16, K), m.reshape(5, 6, 16)),
    "a slice": lambda z, m: (z[2:, 3:], m[2:, 3:]),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("method", ["gram", "qr"])
def test_any_strides(layout, method):
    z, mask = layout(*tokens())
    found = updated(z, mask=mask, method=method).spectrum(center=True)
    expected = updated(z[mask], method=method).spectrum(center=True)
    assert found.n_rows == mask.sum()
    np.testing.assert_allclose(found.singular_values, expected.singular_values, rtol=1e-12)
    assert found.rankme() == pytest.approx(expected.rankme(), rel=1e-13)


@pytest.mark.parametrize(
    "keep", [np.ones(60, bool), np.arange(60) < 41, np.arange(60) % 3 == 1, np.arange(60) == 7]
)
def test_rows_at_one_stride_are_read_as_a_plain_matrix(keep):
    z = moderate(1, 60, K)
    assert bits(updated(z, mask=keep)) == bits(updated(z[keep]))


def test_narrow_rows_and_one_column():
    z, mask = tokens(k=1)
    assert bits(updated(z, k=1, mask=mask)) == bits(updated(z[mask], k=1))


def test_rows_and_masks_of_other_libraries():
    z, mask = tokens()
    expected = bits(updated(z[mask]))
    states = torch.from_numpy(z)
    for given in (torch.from_numpy(mask), torch.from_numpy(mask).long(), mask, mask.tolist()):
        assert bits(updated(states, mask=given)) == expected
    assert bits(updated(jnp.asarray(z), mask=jnp.asarray(mask))) == expected
    half = states.to(torch.bfloat16)
    assert bits(updated(half, mask=torch.from_numpy(mask))) == bits(updated(half[mask]))
    assert updated(z.reshape(-1, K).tolist(), mask=mask.ravel()).n_rows == mask.sum()


def test_a_mask_that_keeps_nothing_changes_nothing():
    acc = updated(moderate(1, 40, K), groups=8)
    before = bits(acc)
    z = np.full((5, 3, K), np.nan, "f4")
    acc.update(z, mask=np.zeros((5, 3), bool), shard="a")
    acc.update(z[:0], mask=np.zeros((0, 3), "i8"))
    acc.update(np.zeros((0, K)), mask=[])
    assert bits(acc) == before
    with pytest.raises(ValueError, match="Z has 7 columns, the accumulator has dim 24"):
        acc.update(np.zeros((2, 7)), mask=[False, False])


def test_rows_left_out_have_no_turn_in_groups_and_no_id():
    z, mask = tokens()
    flat, keep = z.reshape(-1, K), mask.ravel()
    numbers = np.arange(len(flat))
    expected = rankme.Accumulator(K, groups=8, run_length=7)
    found = rankme.Accumulator(K, groups=8, run_length=7)
    for part in (slice(0, 100), slice(100, 101), slice(101, 480)):
        kept = keep[part]
        expected.update(flat[part][kept], ids=numbers[part][kept], shard=f"{part}")
        found.update(flat[part], mask=kept, ids=numbers[part], shard=f"{part}")
    assert bits(found) == bits(expected)
    assert (found.fingerprint, found.shards) == (expected.fingerprint, expected.shards)
    texts = updated(flat, mask=keep, ids=[str(i) for i in numbers])
    assert texts.fingerprint == updated(flat[keep], ids=list(map(str, numbers[keep]))).fingerprint
    with pytest.raises(ValueError, match="there are 3 ids and 480 rows"):
        updated(flat, mask=keep, ids=[1, 2, 3])
    with pytest.raises(ValueError, match=r"pass Z.reshape\(-1, Z.shape\[-1\]\)"):
        updated(z, mask=mask, ids=numbers)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_a_bad_entry_in_a_kept_row_changes_nothing_and_is_named_where_it_stands(method):
    z, mask = tokens()
    n, t = map(int, np.argwhere(mask)[57])
    z[n, t, 5] = -np.inf
    acc = updated(moderate(1, 40, K), method=method)
    before = bits(acc)
    with pytest.raises(rankme.NonFiniteError) as caught:
        acc.update(z, mask=mask)
    error = caught.value
    assert str(error) == f"Z[{n}, {t}, 5] is -inf; every entry must be finite"
    assert (error.row, error.index, error.column) == (16 * n + t, (n, t), 5)
    assert z[error.index][error.column] == z.reshape(-1, K)[error.row, error.column]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    with pytest.raises(rankme.NonFiniteError, match=rf"^Z\[{16 * n + t}, 5\] is -inf"):
        acc.update(z.reshape(-1, K), mask=mask.ravel())
    assert bits(acc) == before


def test_bad_rows_that_are_kept_are_skipped_and_counted():
    z, mask = tokens()
    for at in np.argwhere(mask)[::9]:
        z[(*at, 3)] = np.nan
    good = mask & np.isfinite(z).all(axis=-1)
    expected = updated(z[mask], skip_nonfinite=True)
    for given in (z, torch.from_numpy(z), np.asfortranarray(z)):
        acc = updated(given, mask=mask, skip_nonfinite=True)
        assert (acc.n_rows, acc.n_skipped) == (good.sum(), mask.sum() - good.sum())
        assert acc.score() == pytest.approx(expected.score(), rel=1e-13)


WRONG = {
    "numbers": (np.arange(6), ValueError, r"it is 2 at \[2\].*Z\[rows\]"),
    "minus one": (-np.ones(6, "i4"), ValueError, r"it is -1 at \[0\]"),
    "floats": (np.ones(6), TypeError, "of dtype float64; mask > 0 makes booleans"),
    "half": (torch.ones(6, dtype=torch.bfloat16), TypeError, "not torch.Tensor"),
    "text": ("101010", TypeError, "mask must be booleans"),
    "masked": (np.ma.MaskedArray([True] * 6, mask=[0, 1, 0, 0, 0, 0]), TypeError, "MaskedArray"),
    "ragged": ([[True], [True, False]], TypeError, "mask must be booleans"),
    "another length": ([True] * 5, ValueError, r"\(6,\); it has shape \(5,\)$"),
    "two axes": (np.ones((2, 3), bool), ValueError, r"mask.reshape\(\(6,\)\) has it"),
}


@pytest.mark.parametrize(("mask", "error", "text"), WRONG.values(), ids=WRONG)
def test_what_is_no_mask_is_refused(mask, error, text):
    acc = rankme.Accumulator(3)
    with pytest.raises(error, match=text):
        acc.update(np.eye(6, 3), mask=mask)
    assert acc.n_rows == 0


def test_the_advice_can_be_followed():
    z, mask = tokens()
    whole = mask.any(axis=1)
    with pytest.raises(ValueError, match=r"np.broadcast_to\(mask\[..., None\], \(30, 16\)\)"):
        updated(z, mask=whole)
    states = np.nan_to_num(z)
    every = np.broadcast_to(whole[..., None], (30, 16))
    assert updated(states, mask=every).n_rows == 16 * whole.sum()
    added = np.where(mask, 0, -np.inf)  # as attention takes it
    with pytest.raises(TypeError, match="mask == 0 of one that is added"):
        updated(z, mask=added)
    assert updated(z, mask=added == 0).n_rows == mask.sum()
    with pytest.raises(ValueError, match="Z must have 2 axes or more"):
        updated(np.ones(K), mask=True)


def test_layers():
    stack = np.stack([tokens(seed=0)[0], np.nan_to_num(tokens(seed=1)[0])])
    mask = tokens()[1]
    for options in ({}, {"groups": 8, "run_length": 5}):
        expected = rankme.LayerAccumulator(2, K, **options)
        expected.update(stack[:, mask])
        ways = (stack, list(stack), [torch.from_numpy(z) for z in stack], stack.reshape(2, -1, K))
        for given in ways:
            acc = rankme.LayerAccumulator(2, K, **options)
            acc.update(given, mask=mask.ravel() if np.ndim(given[0]) < 3 else mask)
            assert [bits(layer) for layer in acc] == [bits(layer) for layer in expected]
        acc.update(stack, mask=np.zeros((30, 16), int))
        bad = stack.copy()
        n, t = map(int, np.argwhere(mask)[11])
        bad[1, n, t, 2] = np.nan
        with pytest.raises(rankme.NonFiniteError, match=rf"^Zs\[1\]\[{n}, {t}, 2\] is nan"):
            acc.update(bad, mask=mask)
        with pytest.raises(ValueError, match=r"shape of Zs\[0\] without its last axis, \(30, 16\)"):
            acc.update(stack, mask=mask[:-1])
        assert [bits(layer) for layer in acc] == [bits(layer) for layer in expected]
    with pytest.raises(ValueError, match=r"it has shape \(2, 24\)"):
        acc.update(np.ones((2, K)), mask=[True])


def test_groups_with_labels():
    z, mask = tokens()
    labels = np.where(mask, np.arange(mask.size).reshape(mask.shape) % 5, -100)
    expected = rankme.GroupedAccumulator(K, 5)
    expected.update(z[mask], groups=labels[mask])
    found = rankme.GroupedAccumulator(K, 5)
    found.update(z, groups=torch.from_numpy(labels), mask=mask)
    assert np.array_equal(found.scores(), expected.scores())
    assert found.score() == expected.score()
    n, t = map(int, np.argwhere(mask)[20])
    wrong = labels.copy()
    wrong[n, t] = 9
    with pytest.raises(ValueError, match=f"row {n}, {t} has the label 9"):
        found.update(z, groups=wrong, mask=mask)
    with pytest.raises(ValueError, match=r"a label for each entry of the mask, shape \(30, 16\)"):
        found.update(z, groups=labels[mask], mask=mask)
    z[n, t, 0] = np.inf
    with pytest.raises(rankme.NonFiniteError, match=rf"Z\[{n}, {t}, 0\] is inf"):
        found.update(z, groups=labels, mask=mask)
    assert found.n_rows == mask.sum()
    skipping = rankme.GroupedAccumulator(K, 5, skip_nonfinite=True)
    skipping.update(z, groups=labels, mask=mask)
    assert (skipping.n_rows, skipping.n_skipped) == (mask.sum() - 1, 1)


MEMORY = """
import json, sys
import numpy as np
import rankme

method = sys.argv[1]

def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

acc = rankme.Accumulator(256, method=method)
acc.update(np.ones((4000, 256), "f4"))
z = np.random.default_rng(0).standard_normal((60, 1000, 256), dtype=np.float32)
mask = np.random.default_rng(0).random((60, 1000)) < 0.75
before = memory("VmRSS:")
acc.update(z, mask=mask)
print(json.dumps([memory("VmHWM:") - before, z.nbytes]))
"""


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_memory_does_not_grow_with_what_is_kept(method):
    peak, whole = json.loads(output_of(MEMORY, method, RANKME_NUM_THREADS="2"))
    assert 0.75 * whole > 40e6
    assert peak < 24e6  # a number a row, and blocks
