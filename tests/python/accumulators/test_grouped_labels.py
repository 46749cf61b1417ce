"""Labels of every kind, and those that are refused."""

import array

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import rankme

ROWS = np.random.default_rng(0).standard_normal((5, 3))
LABELS = [0, 2, 1, 2, 0]


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        tuple(LABELS),
        *(np.array(LABELS, dtype) for dtype in ("i1", "u1", "i2", "u4", "i8", "u8", ">i4")),
        np.repeat(LABELS, 2)[::2],
        torch.tensor(LABELS),
        pd.Series(LABELS, index=list("abcde")),
        pa.array(LABELS),
        pa.chunked_array([LABELS[:2], LABELS[2:]]),
        array.array("h", LABELS),
    ],
    ids=lambda labels: f"{type(labels).__name__} {getattr(labels, 'dtype', '')}",
)
def test_kinds(labels):
    acc = rankme.GroupedAccumulator(3, 3)
    acc.update(ROWS, groups=labels)
    assert acc.group_rows.tolist() == [2, 1, 2]
    assert acc.scores()[1] == rankme.score(ROWS[2:3])


def test_no_rows():
    acc = rankme.GroupedAccumulator(3, 3)
    acc.update(np.empty((0, 3)), groups=[])
    acc.update([], groups=np.empty(0, int))
    assert acc.n_rows == 0
    with pytest.raises(ValueError, match="Z has 2 columns, the accumulator has dim 3"):
        acc.update(np.empty((0, 2)), groups=[])


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([0, 1, 2, 3, 0], ValueError, "from 0 to 2; row 3 has the label 3; .* more n_groups"),
        ([0, -1, 2, 3, 0], ValueError, r"row 1 has the label -1; .* Z\[groups >= 0\]"),
        (
            np.array([0, 2**63, 0, 0, 0], "u8"),
            ValueError,
            "row 1 has the label 9223372036854775808",
        ),
        ([0, 1, 2, 0], ValueError, "4 labels for 5 rows: row 4 has no label"),
        ([0] * 6, ValueError, "6 labels for 5 rows: row 5 does not exist"),
        (np.zeros((5, 1), int), ValueError, r"shape is \(5, 1\); pass groups.ravel\(\)"),
        ([0, 1, 1.5, 0, 0], TypeError, "dtype float64, .*; row 2 has 1.5"),
        ([0, 1, np.nan, 0, 0], TypeError, "row 2 has nan"),
        (list("aabbc"), TypeError, "row 0 has a; numpy.unique"),
        ([True] * 5, TypeError, "dtype bool"),
        ([0, 1, None, 2, 0], TypeError, "row 2 has None"),
        (pa.array([0, 1, None, 2, 0]), TypeError, "row 2 has nan"),
        (np.ma.array([0, 1, 2, 0, 0]), TypeError, "masked"),
        (torch.zeros(5, dtype=torch.long, device="meta"), TypeError, r"on meta; pass groups.cpu"),
        (3, ValueError, r"must be 1-D"),
    ],
    ids=str,
)
def test_refused(labels, error, text):
    acc = rankme.GroupedAccumulator(3, 3)
    acc.update(ROWS[:2], groups=[1, 1])
    before = acc.__getstate__()
    with pytest.raises(error, match=text):
        acc.update(ROWS, groups=labels)
    assert acc.__getstate__() == before


def test_the_ways_out_work():
    names = np.array(list("aabbc"))
    numbers = np.unique(names, return_inverse=True)[1]
    acc = rankme.GroupedAccumulator(3, 3)
    acc.update(ROWS, groups=numbers)
    groups = np.array([0, -1, 2, -1, 0])
    acc.update(ROWS[groups >= 0], groups=groups[groups >= 0])
    assert acc.group_rows.tolist() == [4, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((0, 2), ValueError, "dim must be from 1"),
        ((2, 0), ValueError, "n_groups must be from 1"),
        ((2, 1.5), TypeError, "n_groups must be an integer, not float"),
    ],
)
def test_wrong_sizes(arguments, error, text):
    with pytest.raises(error, match=text):
        rankme.GroupedAccumulator(*arguments)
