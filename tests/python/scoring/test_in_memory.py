"""What is no array in memory and has rows all the same: the score is that of the rows."""

import array
import collections
import itertools

import datasets
import jax.numpy as jnp
import nanoarrow
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

import rankme
from oracles import moderate
from rankme.sources import RowSource
from rankme.sources.memory import as_rows, resolve

ROWS = [[3.0, 0.0], [0.0, 4.0]]
LISTS = pa.array(ROWS, pa.list_(pa.float32()))
FIXED = pa.array(ROWS, pa.list_(pa.float32(), 2))
DATASET = datasets.Dataset.from_dict({"id": [7, 9], "emb": ROWS})
FRAME = pd.DataFrame({"id": [7, 9], "emb": ROWS, "text": ["a", "b"]})

TWO_ROWS = {
    "list of lists": ROWS,
    "ints among floats": [[3, 0], [0.0, 4]],
    "tuple of tuples": tuple(map(tuple, ROWS)),
    "list of vectors": list(np.array(ROWS, "f4")),
    "vectors of two dtypes": [np.array(ROWS[0], "f2"), np.array(ROWS[1])],
    "list of tensors": list(torch.tensor(ROWS)),
    "bfloat16 tensors": list(torch.tensor(ROWS, dtype=torch.bfloat16)),
    "JAX vectors": list(jnp.array(ROWS)),
    "array.array": [array.array("f", row) for row in ROWS],
    "deque": collections.deque(ROWS),
    "object array": pd.Series(list(np.array(ROWS))).to_numpy(),
    "Series of vectors": pd.Series(list(np.array(ROWS))),
    "Series of lists": pd.Series(ROWS, index=[5, 3]),
    "Series of Arrow": pd.Series(pa.array(ROWS), dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
    "DataFrame of numbers": pd.DataFrame(ROWS),
    "DataFrame of float16": pd.DataFrame(np.array(ROWS, "f2")),
    "DataFrame of nullable": pd.DataFrame(ROWS).astype("Float32"),
    "DataFrame with vectors": FRAME,
    "column of a DataFrame": FRAME["emb"],
    "Arrow list": LISTS,
    "large list": LISTS.cast(pa.large_list(pa.float32())),
    "list of float16": pa.array(ROWS, pa.list_(pa.float16())),
    "list view": pa.array(ROWS, pa.list_view(pa.float32())),
    "fixed-size list": FIXED,
    "slices": pa.array([[9.0, 9.0], *ROWS, [9.0]]).slice(1, 2),
    "1-D tensors": pa.FixedShapeTensorArray.from_numpy_ndarray(np.array(ROWS)),
    "a chunk a row": pa.chunked_array([LISTS[:1], LISTS[1:]]),
    "an empty chunk": pa.chunked_array([FIXED[:0], FIXED[:1], FIXED[1:]]),
    "table": pa.table({"emb": LISTS}),
    "table with an id": pa.table({"id": [7, 9], "emb": LISTS, "text": ["a", "b"]}),
    "table of numbers": pa.table({"x": [3.0, 0.0], "y": [0.0, 4.0]}),
    "record batch": pa.record_batch({"id": [7, 9], "emb": LISTS}),
    "polars lists": pl.Series(ROWS),
    "polars arrays": pl.Series(ROWS, dtype=pl.Array(pl.Float32, 2)),
    "polars chunks": pl.concat([pl.Series(ROWS[:1]), pl.Series(ROWS[1:])], rechunk=False),
    "polars table": pl.DataFrame({"id": [7, 9], "emb": ROWS}),
    "polars numbers": pl.DataFrame({"x": [3.0, 0.0], "y": [0.0, 4.0]}),
    "nanoarrow": nanoarrow.Array(LISTS),
    "dataset": DATASET,
    "shuffled dataset": DATASET.shuffle(seed=1),
    "column of a dataset": DATASET["emb"],
    "column, NumPy": DATASET.with_format("numpy")["emb"],
    "column, PyTorch": DATASET.with_format("torch")["emb"],
    "column, Arrow": DATASET.with_format("arrow")["emb"],
    "record batch reader": pa.table({"id": [7, 9], "emb": LISTS}).to_reader(max_chunksize=1),
}
EXPECTED = rankme.spectrum(np.array(ROWS)).effective_rank()  # 1.9796263


@pytest.mark.parametrize("made", TWO_ROWS.values(), ids=TWO_ROWS)
def test_two_rows(made):
    assert rankme.spectrum(made).effective_rank() == pytest.approx(EXPECTED, rel=1e-12)
    assert pytest.approx(1.9796263, abs=1e-7) == EXPECTED


@pytest.mark.parametrize("made", list(TWO_ROWS.values())[:-1], ids=list(TWO_ROWS)[:-1])
def test_two_rows_in_a_stream(made):
    acc = rankme.Accumulator(2)
    acc.update(made)
    assert acc.n_rows == 2
    assert acc.spectrum().effective_rank() == pytest.approx(EXPECTED, rel=1e-7)
    (score,) = rankme.score_batch([made], eps=0)
    assert score == pytest.approx(EXPECTED, rel=1e-7)


def chunked(z, sizes):
    starts = np.cumsum([0, *sizes])
    kind = pa.list_(pa.from_numpy_dtype(z.dtype))
    lists = [pa.array(list(z[a:b]), kind) for a, b in itertools.pairwise(starts)]
    return pa.chunked_array(lists)


@pytest.mark.parametrize(("n", "k"), [(3000, 20), (30, 50)], ids=["tall", "wide"])
@pytest.mark.parametrize("options", [{}, {"center": True}, {"normalize": True}], ids=str)
@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
def test_many_rows(n, k, options, method):
    z = moderate(7, n, k, "f4")
    expected = rankme.score(z, method=method, **options)
    table = pa.table({"id": np.arange(n), "emb": chunked(z, [1, n // 2, 0, n - n // 2 - 1])})
    for made in (z.tolist(), list(z), table, table["emb"], pd.Series(list(z)), pd.DataFrame(z)):
        found = rankme.score(made, method=method, **options)
        assert found == pytest.approx(expected, rel=1e-7)


def test_large_lists_are_stacked_block_by_block():
    z = moderate(8, 5000, 500, "f4")
    rows = resolve(list(z))
    assert isinstance(rows, RowSource)
    assert (rows.n_rows, rows.n_cols) == (5000, 500)
    sizes = [len(block) for block in rows.blocks(70)]
    assert len(sizes) > 1
    assert sum(sizes) == 4930
    assert rankme.score(list(z)) == pytest.approx(rankme.score(z), rel=1e-12)
    assert rankme.score(list(torch.from_numpy(z))) == pytest.approx(rankme.score(z), rel=1e-12)
    bad = [*z[:4990], z[0] * np.nan]
    with pytest.raises(rankme.NonFiniteError, match=r"^Z\[4990, 0\] is nan"):
        rankme.score(bad)
    with pytest.raises(ValueError, match=r"Z\[4990\] has length 3; wanted 500"):
        rankme.score([*z[:4990], z[0][:3]])


def test_columns_are_read_where_they_lie():
    z = moderate(9, 50, 6, "f4")
    column = pa.array(list(z))
    assert as_rows(column).pointer == column.flatten().buffers()[1].address
    assert as_rows(pa.table({"e": column})).pointer == column.flatten().buffers()[1].address
    frame = pd.DataFrame(z, copy=False)
    assert as_rows(frame).pointer == frame.to_numpy().ctypes.data


def test_the_first_bad_entry_is_counted_over_all_chunks():
    z = moderate(10, 90, 4)
    z[71, 2] = np.inf
    for made in (chunked(z, [30, 30, 30]), list(z), pd.Series(list(z)), pl.Series(list(z))):
        with pytest.raises(rankme.NonFiniteError, match=r"^Z(\['emb'\])?\[71, 2\] is inf"):
            rankme.score(made)
        acc = rankme.Accumulator(4)
        with pytest.raises(rankme.NonFiniteError, match=r"^Z\[71, 2\] is inf"):
            acc.update(made)
        assert acc.n_rows == 0


NULLS = {
    "list": pa.array([[1.0, 2.0], None, [3.0, 4.0]]),
    "fixed": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float64(), 2)),
    "view": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_view(pa.float64())),
    "entry": pa.array([[1.0, 2.0], [None, 1.0], [3.0, 4.0]]),
    "polars": pl.Series([[1.0, 2.0], None, [3.0, 4.0]]),
}


@pytest.mark.parametrize("made", NULLS.values(), ids=NULLS)
def test_a_null_is_no_row(made):
    with pytest.raises(ValueError, match=r"null in row 1|row 1 is null|row 1, entry 0 is null"):
        rankme.score(made)
    later = pa.chunked_array([pa.array([[1.0, 1.0]]), pa.array([[1.0, 2.0], None])])
    with pytest.raises(ValueError, match="row 2 is null"):
        rankme.score(later)


def test_nulls_among_numbers():
    for made in (pd.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}).astype("Float64"),):
        with pytest.raises(ValueError, match=r"null in column 'a'; Z\.dropna\(\)"):
            rankme.score(made)
        assert rankme.score(made.dropna(), eps=0) == pytest.approx(1)
    with pytest.raises(ValueError, match="null in column 'a'"):
        rankme.score(pa.table({"a": [1.0, None], "b": [1.0, 2.0]}))


def test_rows_of_several_lengths():
    for made in ([[1.0], [1.0, 2.0]], pa.array([[1.0], [1.0, 2.0]]), pd.Series([[1.0], [2.0, 1]])):
        with pytest.raises(ValueError, match=r"(Z\[1\]|row 1) has length 2"):
            rankme.score(made)
    with pytest.raises(ValueError, match="row 1 has length 2"):
        rankme.score(pa.chunked_array([pa.array([[1.0]]), pa.array([[1.0, 2.0]])]))


def test_a_column_of_a_file_and_of_a_table(tmp_path):
    import pyarrow.parquet as pq

    a, b = moderate(11, 60, 5, "f4"), moderate(12, 60, 5, "f4")
    table = pa.table({"id": range(60), "a": list(a), "b": list(b)})
    pq.write_table(table, tmp_path / "t.parquet")
    frame = table.to_pandas()
    for made in (tmp_path / "t.parquet", table, frame, pl.DataFrame(table), table.to_batches()[0]):
        for name, rows in (("a", a), ("b", b)):
            expected = rankme.score(rows)
            assert rankme.score(made, column=name) == pytest.approx(expected, rel=1e-12)
            assert rankme.spectrum(made, column=name).n_cols == 5
        with pytest.raises(ValueError, match="column"):
            rankme.score(made, column="c")
        with pytest.raises(ValueError, match="'a', 'b'"):
            rankme.score(made)
    reader = table.to_reader(max_chunksize=7)
    assert rankme.score(reader, column="b") == pytest.approx(rankme.score(b), rel=1e-12)
    with pytest.raises(TypeError, match="column= names a column of a file or of a table"):
        rankme.score(a, column="a")
    with pytest.raises(TypeError, match="was opened with its column"):
        rankme.score(rankme.open_source(tmp_path / "t.parquet", column="a"), column="a")


@pytest.mark.parametrize("made", ["pandas", "pandas Arrow", "polars", "Arrow", "datasets"])
def test_null_numbers_of_a_table_are_left_out_with_their_row(made):
    rows = np.random.default_rng(3).standard_normal((20, 3))
    columns = {
        f"x{i}": [None if (i, j) == (1, 4) else v for j, v in enumerate(rows[:, i])]
        for i in range(3)
    }
    table = {
        "pandas": lambda: pd.DataFrame(columns).convert_dtypes(),
        "pandas Arrow": lambda: pd.DataFrame(columns).astype("double[pyarrow]"),
        "polars": lambda: pl.DataFrame(columns),
        "Arrow": lambda: pa.table(columns),
        "datasets": lambda: datasets.Dataset.from_dict(columns),
    }[made]()
    with pytest.raises(ValueError, match="null in column 'x1'"):
        rankme.score(table)
    found = rankme.spectrum(table, skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (19, 1)
    assert found.rankme() == pytest.approx(rankme.score(np.delete(rows, 4, axis=0)), rel=1e-12)


def test_whole_numbers_are_coordinates_where_most_are_or_where_rows_are_few():
    counts = np.random.default_rng(4).poisson(3, (60, 6)).astype(float)
    assert rankme.score(pd.DataFrame(counts)) == rankme.score(counts)
    dead = np.random.default_rng(4).standard_normal((60, 6))
    dead[:, 2] = 0
    assert rankme.score(pd.DataFrame(dead)) == rankme.score(dead)
    few = pd.DataFrame({"a": [0.5, 1.5], "b": [1.0, 2.0]})
    assert rankme.score(few) == rankme.score(few.to_numpy())
