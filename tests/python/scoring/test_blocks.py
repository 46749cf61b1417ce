"""Iterables of blocks: one set of rows, in one pass unless they can be read again."""

import itertools
import pickle
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import rankme
from oracles import moderate

Z = moderate(3, 200, 16, "f4")
WIDE = moderate(4, 10, 16, "f4")
OPTIONS = [{}, {"center": True}, {"normalize": True}, {"center": True, "normalize": True}]


class Blocks:
    """What can be read again."""

    def __init__(self, *passes):
        self._passes = itertools.cycle(passes)
        self.count = 0

    def __iter__(self):
        self.count += 1
        return iter(next(self._passes))


MADE = {
    "iterator": lambda z: iter(np.array_split(z, 7)),
    "generator of one row each": lambda z: (z[i : i + 1] for i in range(len(z))),
    "generator of vectors": iter,
    "generator of lists": lambda z: (block.tolist() for block in np.array_split(z, 3)),
    "generator of tensors": lambda z: map(torch.from_numpy, np.array_split(z, 3)),
    "generator of columns": lambda z: (pa.array(list(b)) for b in np.array_split(z, 3)),
    "vectors and matrices": lambda z: iter([z[0], z[1], z[2:5], z[5], z[6:]]),
    "blocks without rows": lambda z: iter([z[:0], z[:3], z[3:3], z[3:], z[:0]]),
    "map of views": lambda z: map(np.asfortranarray, np.array_split(z, 4)),
    "class": lambda z: Blocks(np.array_split(z, 5)),
    "dict view": lambda z: dict(enumerate(np.array_split(z, 5))).values(),
    "loader": lambda z: DataLoader(torch.from_numpy(z), batch_size=7),
    "reader": lambda z: pa.table({"e": list(z)}).to_reader(max_chunksize=9),
}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("z", [Z, WIDE], ids=["tall", "wide"])
@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_the_rows_are_those_of_one_set(made, z, options):
    for method in ("gram", "qr"):
        expected = rankme.score(z, method=method, **options)
        assert rankme.score(made(z), method=method, **options) == pytest.approx(expected, rel=1e-7)
    found = rankme.spectrum(made(z), **options)
    assert (found.n_rows, found.n_cols) == z.shape
    low, high = found.rankme_bounds()
    assert low - 1e-9 <= rankme.score(z.astype("f8"), method="qr", **options) <= high + 1e-9


def test_a_set_of_few_rows_is_the_matrix_that_it_is():
    for options in OPTIONS:
        expected = rankme.spectrum(WIDE.astype("f8"), **options)
        found = rankme.spectrum(iter(np.array_split(WIDE, 4)), **options)
        assert (found.singular_values == expected.singular_values).all()


def test_a_buffer_that_is_used_again():
    def overwritten(z):
        buffer = np.empty((2, 16), "f4")
        for start in range(0, len(z), 2):
            buffer[:] = z[start : start + 2]
            yield buffer

    for z in (Z, WIDE):
        assert rankme.score(overwritten(z)) == pytest.approx(rankme.score(z), rel=1e-9)


class Batch(NamedTuple):
    """What a loader may give."""

    rows: np.ndarray
    labels: np.ndarray


def batches():
    for block in np.array_split(Z, 6):
        yield block, np.arange(len(block))


SELECT = {
    "loader of tuples": (
        lambda: DataLoader(TensorDataset(torch.from_numpy(Z), torch.arange(200)), batch_size=9),
        0,
    ),
    "tuples": (batches, 0),
    "labels first": (lambda: ((labels, rows) for rows, labels in batches()), 1),
    "dicts": (lambda: ({"emb": rows, "y": labels} for rows, labels in batches()), "emb"),
    "named": (lambda: (Batch(*both) for both in batches()), 0),
    "pairs of a vector and a label": (lambda: ((row, 7) for row in Z), 0),
}


@pytest.mark.parametrize(("make", "key"), SELECT.values(), ids=SELECT)
def test_parts_of_batches_are_chosen(make, key):
    expected = rankme.score(Z)
    assert rankme.score(make(), select=key) == pytest.approx(expected, rel=1e-9)
    assert rankme.score(make(), select=lambda item: item[key]) == pytest.approx(expected, rel=1e-9)
    with pytest.raises(TypeError, match=rf"block 0 of Z is .*select={key!r} takes item\[{key!r}\]"):
        rankme.score(make())
    with pytest.raises(ValueError, match=r"block 0 of Z is .* which has no \['none'\]"):
        rankme.score(make(), select="none")


def test_a_choice_needs_an_iterable():
    for made in (Z, Z.tolist(), pa.table({"e": list(Z)})):
        with pytest.raises(TypeError, match="select= chooses from the items of an iterable"):
            rankme.score(made, select=0)


def test_a_column_of_record_batches():
    table = pa.table({"id": range(200), "a": list(Z), "b": list(-2 * Z[::-1])})
    for made in (table.to_reader(max_chunksize=30), iter(table.to_batches(max_chunksize=30))):
        assert rankme.score(made, column="b") == pytest.approx(rankme.score(Z), rel=1e-9)
    with pytest.raises(ValueError, match="'a', 'b'"):
        rankme.score(table.to_reader())


def uncertain(seed=6):
    return moderate(seed, 300, 40) @ np.diag(np.r_[1, np.full(39, 1e-9)])


def test_what_may_be_read_again():
    z = uncertain()
    made = Blocks(np.array_split(z, 4))
    found = rankme.spectrum(made, method="auto", rtol=1e-9)
    assert (found.method, made.count) == ("qr", 2)
    assert found.rankme() == pytest.approx(rankme.score(z, method="qr"), rel=1e-9)
    short = Blocks(np.array_split(z, 4), np.array_split(z[:-1], 4))
    with pytest.raises(ValueError, match="gave 299 rows when it was read again, and 300 before"):
        rankme.spectrum(short, method="auto", rtol=1e-9)


@pytest.mark.parametrize(
    "make", [lambda: iter([Z]), pa.table({"e": list(Z)}).to_reader], ids=["iterator", "reader"]
)
def test_what_is_given_once_is_not_read_twice(make):
    message = (
        r'method="auto" may read the rows a second time.*method="qr".*np\.concatenate\(list\(Z\)\)'
    )
    with pytest.raises(ValueError, match=message):
        rankme.score(make(), method="auto")
    assert rankme.score(make(), method="qr") == pytest.approx(rankme.score(Z), rel=1e-7)
    rows = np.concatenate(list(iter([Z])))
    assert rankme.score(rows, method="auto") == pytest.approx(rankme.score(Z), rel=1e-9)


BAD = {
    "integers": (lambda: iter([Z, Z.astype("i8")]), TypeError, "block 1 of Z, here z: z has dtype"),
    "text": (lambda: iter(["a"]), TypeError, "block 0 of Z, here z: z must be an array"),
    "numbers": (lambda: iter([1.0, 2.0]), TypeError, "block 0 of Z is a single number"),
    "3-D": (lambda: iter([Z[None]]), ValueError, r"block 0 .* z.reshape\(200, 16\)"),
    "another width": (lambda: iter([Z, Z[:, 1:]]), ValueError, "has 15 columns; those before"),
    "vectors of two lengths": (lambda: iter([Z[0], Z[1][:3]]), ValueError, "has length 3"),
    "nothing": (lambda: iter([]), ValueError, "Z has no rows"),
    "no rows": (lambda: iter([Z[:0], Z[:0]]), ValueError, "Z has no rows"),
}


@pytest.mark.parametrize(("make", "error", "message"), BAD.values(), ids=BAD)
def test_bad_blocks(make, error, message):
    with pytest.raises(error, match=message):
        rankme.score(make())


MADE = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "batches": pa.RecordBatch.from_pandas,
}


def frames(kind, turned):
    names = [f"x{i}" for i in range(16)]
    for i, some in enumerate(np.array_split(Z, 4)):
        frame = pd.DataFrame(some, columns=names)
        yield MADE[kind](frame[names[::-1]] if i == turned else frame)


@pytest.mark.parametrize("kind", MADE)
def test_tables_whose_columns_have_another_order(kind):
    assert rankme.score(frames(kind, None)) == pytest.approx(rankme.score(Z), rel=1e-9)
    message = "block 2 of Z has column 'x15' for dimension 0, where that of the rows before is 'x0'"
    with pytest.raises(ValueError, match=message):
        rankme.score(frames(kind, 2))
    acc = rankme.Accumulator(16)
    given = frames(kind, 2)
    for _ in range(2):
        acc.update(next(given))
    before = acc.score()
    with pytest.raises(ValueError, match="Z has column 'x15' for dimension 0, where that of the"):
        acc.update(next(given))
    assert (acc.n_rows, acc.score()) == (100, before)
    acc.update(next(given))
    acc.update(Z)  # an array has no names
    acc.reset()
    assert not acc.tags
    acc.update(next(frames(kind, 0)))


LABELS = np.arange(50) % 2
FED = {
    "accumulator": (lambda: rankme.Accumulator(16), {}),
    "groups": (lambda: rankme.GroupedAccumulator(16, 2), {"groups": LABELS}),
    "monitor": (lambda: rankme.Monitor(16, window=80), {}),
}


def copies(acc):
    """The ways to go on elsewhere that keep what the columns are."""
    yield acc.copy()
    if isinstance(acc, rankme.Accumulator):
        yield pickle.loads(pickle.dumps(acc))


@pytest.mark.parametrize("kind", FED)
def test_what_takes_tables_keeps_to_one_order_of_columns(kind):
    make, more = FED[kind]
    turned, straight = itertools.islice(frames("pandas", 0), 2)
    acc = make()
    acc.update(straight[:20], **{key: labels[:20] for key, labels in more.items()})
    if kind == "accumulator":
        assert acc.tags.pop("rankme.dimensions").startswith("x0, x1, x2, ... (")
        acc.tags = {"step": 1}  # the next rows tell their columns again
    acc.update(straight[20:], **{key: labels[20:] for key, labels in more.items()})
    for one in (acc, *copies(acc)):
        rows = one.report()["pending_rows"] if kind == "monitor" else one.n_rows
        with pytest.raises(ValueError, match="rows would be put together by the place of their"):
            one.update(turned, **more)
        assert rows == (one.report()["pending_rows"] if kind == "monitor" else one.n_rows) == 50
        one.update(Z[:0].astype("f4"), **({"groups": []} if more else {}))
    if kind != "monitor":
        other = make()
        other.update(turned, **more)
        for one in (acc, *copies(acc)):
            with pytest.raises(ValueError, match="by the"):
                one.merge(other)
            assert one.n_rows == 50


def test_a_monitor_keeps_to_the_columns_of_its_reference():
    names = [f"x{i}" for i in range(16)]
    reference = pd.DataFrame(Z, columns=names)
    monitor = rankme.Monitor(16, window=50, reference=reference, resamples=99)
    with pytest.raises(ValueError, match="Z has column 'x15' for dimension 0"):
        monitor.update(reference[names[::-1]])
    assert len(monitor.update(reference)) == 4


@pytest.mark.parametrize("row", [3, 150])
def test_the_bad_row_is_counted_over_all_blocks(row):
    z = Z.copy()
    z[row, 5] = np.nan
    for split in (1, 30):
        with pytest.raises(rankme.NonFiniteError, match=rf"^Z\[{row}, 5\] is nan"):
            rankme.score(iter(np.array_split(z, split)))
    few = WIDE.copy()
    few[3, 5] = np.inf
    with pytest.raises(rankme.NonFiniteError, match=r"^Z\[3, 5\] is inf"):
        rankme.score(iter(np.array_split(few, 4)))


def test_an_error_of_the_iterator_is_its_own():
    def failing():
        yield Z
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rankme.score(failing())
