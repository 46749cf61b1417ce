"""Bad input: the message says what came and what is wanted, and nothing is lost."""

import pickle

import ml_dtypes
import numpy as np
import pytest
import torch

import rankme
from helpers import bits
from oracles import DTYPES, moderate

K = 8
ACCEPTED = "accepted are float16, bfloat16, float32 or float64 in native byte order"

WRONG_KIND = {
    "list of text": (["1.0"] * K, "Z is a list of str; wanted are vectors of numbers"),
    "None": (None, "must be an array,.*not NoneType"),
    "scalar": (1.0, "must be an array,.*not float"),
    "class": (torch.Tensor, r"must be an array,.*not torch\._C\._TensorMeta"),
    "masked array": (
        np.ma.masked_less(np.ones((3, K)), 2),
        "masked array, whose mask would be lost",
    ),
    "int64": (np.ones((3, K), "i8"), f"dtype int64; {ACCEPTED}"),
    "uint8": (np.ones((3, K), "u1"), f"dtype uint8; {ACCEPTED}"),
    "bool": (np.ones((3, K), "?"), f"dtype bool; {ACCEPTED}"),
    "complex": (np.ones((3, K), "c16"), f"dtype complex128; {ACCEPTED}"),
    "object": (np.ones((3, K), "O"), f"dtype object; {ACCEPTED}"),
    "text": (np.full((3, K), "1.0"), f"dtype str.*; {ACCEPTED}"),
    "structured": (np.ones((3, K), [("x", "f4")]), f"dtype .*; {ACCEPTED}"),
    "longdouble": (np.ones((3, K), "g"), f"dtype {np.dtype('g').name}; {ACCEPTED}"),
    "float8": (np.ones((3, K), ml_dtypes.float8_e4m3), f"dtype float8_e4m3; {ACCEPTED}"),
    "big-endian": (
        np.ones((3, K), np.dtype("f4").newbyteorder()),
        f"dtype float32 in foreign byte order .*; {ACCEPTED}",
    ),
}

WRONG_SHAPE = {
    "1-D": (np.ones(K), r"must be 2-D, a row per embedding; it is 1-D with shape \(8,\)"),
    "0-D": (np.array(1.0), r"must be 2-D.*; it is 0-D with shape \(\)"),
    "3-D": (np.ones((2, 3, K)), r"must be 2-D.*; it is 3-D with shape \(2, 3, 8\)"),
    "no columns": (np.ones((3, 0)), r"empty: it has shape \(3, 0\)"),
    "NumPy scalar": (np.float64(1), r"must be 2-D.*; it is 0-D with shape \(\)"),
}

WRONG_WIDTH = {
    "narrow": (np.ones((3, K - 1)), "Z has 7 columns, the accumulator has dim 8"),
    "wide": (np.ones((3, K + 1)), "Z has 9 columns, the accumulator has dim 8"),
    "transposed": (np.ones((K, 3)), "Z has 3 columns, the accumulator has dim 8"),
}


def accumulators():
    """Every kind of state: none, some rows, normalised rows, a scale of its own."""
    empty = rankme.Accumulator(K)
    plain = rankme.Accumulator(K)
    plain.update(moderate(1, 50, K))
    normalised = rankme.Accumulator(K, normalize=True)
    normalised.update(moderate(2, 50, K))
    huge = rankme.Accumulator(K)
    huge.update(moderate(3, 50, K) * 1e250)
    return [empty, plain, normalised, huge]


def assert_update_fails(z, error, message):
    for acc in accumulators():
        before = bits(acc)
        with pytest.raises(error, match=message) as caught:
            acc.update(z)
        assert type(caught.value) is error
        assert bits(acc) == before
        acc.update(np.ones((2, K)))  # and it works on
        assert acc.n_rows == before.n_rows + 2


@pytest.mark.parametrize(("z", "message"), WRONG_KIND.values(), ids=WRONG_KIND)
def test_wrong_kind(z, message):
    assert_update_fails(z, TypeError, message)
    for call in (rankme.score, rankme.spectrum):
        with pytest.raises(TypeError, match=message):
            call(z)


@pytest.mark.parametrize(("z", "message"), WRONG_SHAPE.values(), ids=WRONG_SHAPE)
def test_wrong_shape(z, message):
    assert_update_fails(z, ValueError, message)
    for call in (rankme.score, rankme.spectrum):
        with pytest.raises(ValueError, match=message):
            call(z)


def test_no_rows_are_no_score_and_change_nothing():
    for z in (np.ones((0, K)), np.ones((0, K), "f4").T.copy().T, torch.ones(0, K), []):
        for acc in accumulators():
            before = bits(acc)
            acc.update(z)
            assert bits(acc) == before
        for call in (rankme.score, rankme.spectrum):
            with pytest.raises(ValueError, match=r"empty: it has shape \(0, [08]\)"):
                call(z)
    for z in (np.ones((0, 0)), np.ones((0, K - 1)), torch.ones(0, 3)):
        assert_update_fails(z, ValueError, f"Z has {z.shape[1]} columns, the accumulator has dim 8")


@pytest.mark.parametrize(("z", "message"), WRONG_WIDTH.values(), ids=WRONG_WIDTH)
def test_wrong_width(z, message):
    assert_update_fails(z, ValueError, message)


BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", [(0, 0), (0, K - 1), (19, 0), (19, K - 1), (7, 3)], ids=str)
def test_non_finite_entry(dtype, bad, place):
    z = moderate(4, 20, K, dtype)
    z[place] = bad
    message = rf"^Z\[{place[0]}, {place[1]}\] is {bad}; every entry must be finite$"
    for array in (z, np.asfortranarray(z), z[::-1].copy()[::-1]):
        assert_update_fails(array, rankme.NonFiniteError, message)
        for options in ({}, {"center": True}, {"normalize": True}):
            with pytest.raises(rankme.NonFiniteError, match=message):
                rankme.score(array, **options)
            with pytest.raises(rankme.NonFiniteError, match=message):
                rankme.spectrum(array[:, :, None].repeat(9, 2).reshape(20, -1)[:, ::9], **options)


@pytest.mark.parametrize("options", [{}, {"normalize": True}], ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(20000, 64), (64, 20000)], ids=str)
def test_the_first_bad_entry_in_row_order_is_named(shape, order, options):
    z = np.asarray(moderate(5, *shape, "f4"), order=order)
    rows, columns = shape
    first = (rows // 2, columns // 3)
    for bad, place in zip(
        [np.inf, np.nan, np.nan, -np.inf],
        [(rows - 1, 0), (rows // 2 + 1, 1), (rows // 2, columns - 1), first],
        strict=True,
    ):
        z[place] = bad
    message = rf"^Z\[{first[0]}, {first[1]}\] is -inf;"
    with pytest.raises(rankme.NonFiniteError, match=message) as caught:
        rankme.score(z, **options)
    assert (caught.value.row, caught.value.column) == first
    assert caught.value.value == -np.inf
    acc = rankme.Accumulator(columns if columns < 1000 else 1, **options)
    if columns < 1000:
        before = bits(acc)
        with pytest.raises(rankme.NonFiniteError, match=message):
            acc.update(z)
        assert bits(acc) == before


def test_a_bad_batch_in_the_middle_of_a_stream_loses_nothing():
    z = moderate(6, 6000, 40, "f4")
    bad = z[2000:4000].copy()
    bad[1999, 39] = np.nan
    acc, clean = rankme.Accumulator(40), rankme.Accumulator(40)
    clean.update(z[:2000])
    clean.update(z[4000:])
    acc.update(z[:2000])
    with pytest.raises(rankme.NonFiniteError):
        acc.update(bad)
    acc.update(z[4000:])
    assert bits(acc) == bits(clean)


def test_finite_entries_that_overflow_when_squared_are_no_error():
    z = np.full((5, K), 1e308)
    z[::2] *= -1
    assert rankme.score(z, eps=0) == pytest.approx(1, rel=1e-5)


def test_non_finite_error():
    error = rankme.NonFiniteError(17, 3, float("nan"))
    assert isinstance(error, ValueError)
    assert str(error) == "Z[17, 3] is nan; every entry must be finite"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is rankme.NonFiniteError
    assert (again.row, again.column, str(again)) == (17, 3, str(error))


def test_scoring_no_rows():
    acc = rankme.Accumulator(K)
    for call in (acc.score, acc.spectrum):
        with pytest.raises(ValueError, match="no rows yet"):
            call()
    acc.update(np.ones((1, K)))
    acc.reset()
    with pytest.raises(ValueError, match="no rows yet"):
        acc.score()


@pytest.mark.parametrize("dim", [0, -1, 2**31, 2**70])
def test_dim_out_of_range(dim):
    with pytest.raises(ValueError, match=f"dim must be from 1 to 2147483647, not {dim}"):
        rankme.Accumulator(dim)


@pytest.mark.parametrize("dim", [8.0, "8", None])
def test_dim_that_is_no_integer(dim):
    with pytest.raises(TypeError, match=f"dim must be an integer, not {type(dim).__name__}"):
        rankme.Accumulator(dim)


def test_dim_beyond_memory():
    with pytest.raises(MemoryError, match="2147483647"):
        rankme.Accumulator(2**31 - 1)


@pytest.mark.parametrize("acc", accumulators(), ids=["empty", "plain", "normalised", "huge"])
def test_merging_what_does_not_fit(acc):
    before = bits(acc)
    narrow = rankme.Accumulator(K - 1)
    other = rankme.Accumulator(K, normalize=not acc.normalize)
    with pytest.raises(ValueError, match="cannot merge accumulators of dim 8 and dim 7"):
        acc.merge(narrow)
    with pytest.raises(ValueError, match="that normalizes rows with one that does not"):
        acc += other
    with pytest.raises(ValueError, match="cannot merge"):
        _ = acc + narrow
    with pytest.raises(TypeError, match=r"must be a rankme.Accumulator, not numpy.ndarray"):
        acc.merge(np.ones((2, K)))
    for operand in (np.ones((2, K)), 1, 0.0, "x", None):
        with pytest.raises(TypeError, match=r"unsupported operand|ufunc|Accumulator"):
            acc += operand
        with pytest.raises(TypeError, match=r"unsupported operand|ufunc|Accumulator"):
            _ = acc + operand
        with pytest.raises(TypeError, match=r"unsupported operand|ufunc|Accumulator"):
            _ = operand + acc
    assert bits(acc) == before
