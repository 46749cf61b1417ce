"""A bad batch: the message names what came, which matrix it was, and what is wanted."""

import pickle
import re
from collections.abc import Sequence

import numpy as np
import pytest
import torch

import rankme
from oracles import DTYPES, moderate

CALLS = [rankme.score_batch, rankme.spectrum_batch]
GOOD = np.ones((3, 4), "f4")

BAD_BATCHES = {
    "empty list": ([], ValueError, "Zs is empty: at least one matrix is needed"),
    "empty tuple": ((), ValueError, "Zs is empty"),
    "no matrices": (np.ones((0, 3, 4)), ValueError, r"Zs is empty: it has shape \(0, 3, 4\)"),
    "no rows": (np.ones((2, 0, 4)), ValueError, r"Zs is empty: it has shape \(2, 0, 4\)"),
    "2-D": (GOOD, ValueError, r"shape \(B, N, K\) or a seq.*; it is 2-D with shape \(3, 4\); "),
    "2-D hint": (GOOD, ValueError, "rankme.score takes one matrix$"),
    "4-D": (np.ones((1, 2, 3, 4)), ValueError, r"it is 4-D with shape \(1, 2, 3, 4\)$"),
    "1-D": (np.ones(4), ValueError, r"it is 1-D with shape \(4,\)$"),
    "int64": (np.ones((2, 3, 4), "i8"), TypeError, "Zs has dtype int64; accepted are float16"),
    "big-endian": (np.ones((2, 3, 4), ">f4"), TypeError, "Zs has dtype float32 in foreign byte"),
    "masked": (np.ma.ones((2, 3, 4)), TypeError, "Zs is a masked array"),
    "None": (None, TypeError, r"Zs must be .*\(B, N, K\) or a seq.*, not NoneType"),
    "text": ("abc", TypeError, "Zs must be .*, not str"),
    "generator": ((z for z in [GOOD]), TypeError, "Zs must be .*, not generator"),
    "mapping": ({0: GOOD}, TypeError, "Zs must be .*, not dict"),
}

BAD_MATRICES = {
    "1-D": (np.ones(4), ValueError, r"must be 2-D, a row per embedding; it is 1-D with shape"),
    "3-D": (np.ones((1, 3, 4)), ValueError, "must be 2-D, a row per embedding; it is 3-D"),
    "no rows": (np.ones((0, 4)), ValueError, r"is empty: it has shape \(0, 4\)"),
    "no columns": (np.ones((4, 0)), ValueError, r"is empty: it has shape \(4, 0\)"),
    "list": (["a"], TypeError, "is a list of str; wanted are vectors"),
    "number": (1.0, TypeError, "must be an array, .*, not float"),
    "tensor": (torch.ones(3, 4, requires_grad=True), TypeError, "is a tensor that requires a grad"),
    "int32": (np.ones((3, 4), "i4"), TypeError, "has dtype int32; accepted are float16"),
    "complex": (np.ones((3, 4), "c8"), TypeError, "has dtype complex64; accepted are"),
    "longdouble": (np.ones((3, 4), "g"), TypeError, "accepted are float16"),
    "big-endian": (np.ones((3, 4), ">f8"), TypeError, "has dtype float64 in foreign byte order"),
    "masked": (np.ma.ones((3, 4)), TypeError, "is a masked array"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("batch", "error", "message"), BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_no_batch(call, batch, error, message):
    with pytest.raises(error, match=f"^Zs.*{message.removeprefix('Zs')}"):
        call(batch)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("matrix", "error", "message"), BAD_MATRICES.values(), ids=BAD_MATRICES)
def test_a_bad_matrix_is_named(call, matrix, error, message):
    with pytest.raises(error, match=rf"^Zs\[3\] .*{message}"):
        call([GOOD, GOOD, GOOD, matrix, GOOD, None])


OPTIONS = [{}, {"center": True}, {"normalize": True}, {"method": "qr"}, {"method": "auto"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_first_bad_matrix_row_and_column(dtype, options):
    shapes = [(5, 9), (40, 3), (9, 9), (20, 30), (150, 140), (3, 500), (500, 3)]
    for threads in (1, 4):
        for place in [(6, 499, 0), (5, 2, 499), (4, 149, 139), (3, 17, 5), (0, 0, 0)]:
            zs = [moderate(seed, *shape, dtype) for seed, shape in enumerate(shapes)]
            zs[-1][-1] = np.inf
            matrix, row, column = place
            zs[matrix][row, column] = np.nan
            before = rankme._core.num_threads()
            rankme._core.set_num_threads(threads)
            try:
                with pytest.raises(rankme.NonFiniteError) as caught:
                    rankme.score_batch(zs, **options)
            finally:
                rankme._core.set_num_threads(before)
            error = caught.value
            assert (error.matrix, error.row, error.column) == place
            assert str(error) == f"Zs[{matrix}][{row}, {column}] is nan; every entry must be finite"


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_first_bad_matrix_where_a_smaller_one_is_bad_too(threads):
    # They share a register, and the smaller one comes first there.
    zs = [np.ones((9, 9)) for _ in range(64)]
    zs[3] = np.full((12, 12), np.nan)
    zs[5] = np.full((10, 10), np.nan)
    before = rankme._core.num_threads()
    rankme._core.set_num_threads(threads)
    try:
        with pytest.raises(rankme.NonFiniteError, match=re.escape("Zs[3][0, 0] is nan")):
            rankme.score_batch(zs)
    finally:
        rankme._core.set_num_threads(before)


class OnceOnly(Sequence):
    """Claims to be three matrices long, and gives each of those that it has a single time."""

    def __init__(self, *matrices):
        self.left = dict(enumerate(matrices))

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index >= len(self) or not self.left:
            raise IndexError(index)
        return self.left.pop(index)


def test_each_matrix_is_asked_for_once():
    z = moderate(0, 30, 30)
    found = rankme.spectrum_batch(OnceOnly(z, z, z), method="auto", rtol=0)
    # A tolerance that no interval meets: every matrix goes both ways, and is wanted twice.
    np.testing.assert_array_equal(found, rankme.spectrum_batch([z, z, z], method="qr"))
    assert (found != rankme.spectrum_batch([z, z, z], method="gram")).any()


@pytest.mark.parametrize("call", CALLS)
def test_a_sequence_that_lies_about_its_length(call):
    with pytest.raises(ValueError, match=r"^Zs is empty: at least one matrix is needed"):
        call(OnceOnly())


def test_in_a_3d_array():
    zs = np.ones((200, 6, 10), "f4")
    zs[150, 2, 3] = -np.inf
    zs[190] = np.nan
    with pytest.raises(rankme.NonFiniteError, match=re.escape("Zs[150][2, 3] is -inf; every")):
        rankme.score_batch(zs)


def test_the_error_survives_pickling():
    error = rankme.NonFiniteError(17, 5, float("nan"), 3)
    again = pickle.loads(pickle.dumps(error))
    assert (again.matrix, again.row, again.column) == (3, 17, 5)
    assert str(again) == "Zs[3][17, 5] is nan; every entry must be finite"
    assert rankme.NonFiniteError(1, 2, 0.0).matrix is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"eps": -1}, ValueError, "eps must be from 0 to 1, not -1"),
        ({"eps": "x"}, TypeError, "eps must be a real number, not str"),
        ({"method": "svd"}, ValueError, "method must be 'gram', 'qr' or 'auto', not 'svd'"),
        ({"method": "auto", "rtol": -1}, ValueError, "rtol must be finite and 0 or more, not -1"),
        ({"rtol": np.inf}, ValueError, "rtol must be finite and 0 or more, not inf"),
    ],
    ids=str,
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        rankme.score_batch([GOOD], **options)


def test_options_are_keywords():
    with pytest.raises(TypeError, match="positional"):
        rankme.score_batch([GOOD], 1e-7)
    with pytest.raises(TypeError, match="positional"):
        rankme.spectrum_batch([GOOD], True)


def test_entries_too_large_for_qr_name_their_matrix():
    zs = [np.eye(3), np.full((3, 3), 1e305)]
    with pytest.raises(ValueError, match=r"^Zs\[1\]: .*too large for method='qr'"):
        rankme.score_batch(zs, method="qr")


def test_the_batch_is_not_changed():
    zs = [moderate(seed, 8, 20) for seed in range(5)]
    copies = [z.copy() for z in zs]
    rankme.score_batch(zs, center=True, normalize=True)
    for z, copy in zip(zs, copies, strict=True):
        z.flags.writeable = False
        np.testing.assert_array_equal(z, copy)
    rankme.score_batch(zs)  # read-only arrays are read
