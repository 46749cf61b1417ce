"""Vectors within structs, and those that have a column for each dimension."""

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from rankme.sources import BadDataError, choose_rows, open_source, subset
from rankme.sources._vector_types import numpy_dtype
from source_files import joined, matrix, small_blocks

ROWS, OTHER = matrix(37, 5), matrix(37, 5, seed=2)
TWO = [[3.0, 0.0], [0.0, 4.0]]


def lists(rows):
    values = pa.array(rows.ravel())
    return pa.ListArray.from_arrays(np.arange(0, rows.size + 1, rows.shape[1]), values)


def save(path, table):
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=15)
    elif path.suffix == ".lance":
        lance.write_dataset(table, path, max_rows_per_file=15)
    else:
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
    return path


@pytest.fixture(params=[".parquet", ".arrow", ".arrows", ".lance"])
def path(tmp_path, request):
    return tmp_path / f"rows{request.param}"


def check(source, rows):
    assert (source.n_rows, source.n_cols) == rows.shape
    for start in (0, 1, 36, 37):
        np.testing.assert_array_equal(joined(source, start), rows[start:])
    np.testing.assert_array_equal(joined(subset(source, 9)), rows[choose_rows(37, 9)])


def test_a_field_of_a_struct_is_named_by_its_path(path, monkeypatch):
    small_blocks(monkeypatch)
    inner = pa.StructArray.from_arrays([lists(OTHER)], ["text"])
    struct = pa.StructArray.from_arrays([lists(ROWS), inner], ["image", "more"])
    save(path, pa.table({"id": np.arange(37), "vectors": struct}))
    check(open_source(path, column="vectors.image"), ROWS)
    check(open_source(path, column="vectors.more.text"), OTHER)
    with pytest.raises(
        BadDataError, match=r"2 that may be meant: 'vectors\.image', 'vectors\.more"
    ):
        open_source(path)
    with pytest.raises(BadDataError, match=r"has no column 'vectors\.audio'"):
        open_source(path, column="vectors.audio")
    assert open_source(path, column="vectors.image").identity.column == "vectors.image"


def test_a_field_is_found_where_it_is_the_only_one(path):
    struct = pa.StructArray.from_arrays([lists(ROWS)], ["image"])
    save(path, pa.table({"vectors": struct}))
    check(open_source(path), ROWS)
    save(path.with_stem("beside"), pa.table({"vectors": struct, "rows": lists(OTHER)}))
    check(open_source(path.with_stem("beside")), OTHER)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_column_of_that_very_name_comes_first(tmp_path, suffix):
    struct = pa.StructArray.from_arrays([lists(OTHER)], ["b"])
    save(tmp_path / f"rows{suffix}", pa.table({"a": struct, "a.b": lists(ROWS)}))
    check(open_source(tmp_path / f"rows{suffix}", column="a.b"), ROWS)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_the_layouts_of_other_engines(tmp_path, suffix):
    element = pa.struct([("element", pa.float64())])
    given = [{"list": [{"element": x} for x in row]} for row in TWO]
    spark = [{"type": 1, "size": None, "indices": None, "values": row} for row in TWO]
    kind = pa.struct([
        ("type", pa.int8()), ("size", pa.int32()),
        ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64())),
    ])  # fmt: skip
    table = pa.table({
        "emb": pa.array(given, pa.struct([("list", pa.list_(element))])),
        "vec": pa.array(spark, kind),
    })  # fmt: skip
    path = save(tmp_path / f"rows{suffix}", table)
    for column in ("emb.list.element", "vec.values"):
        found = rankme.spectrum(path, column=column)
        assert found.effective_rank() == pytest.approx(1.9796263, abs=5e-8)
    spark[1] |= {"type": 0, "size": 4, "indices": [1, 3]}
    save(path, pa.table({"vec": pa.array(spark, kind)}))
    with pytest.raises(BadDataError, match="row 1 of the file is a sparse vector of Spark"):
        rankme.score(path, column="vec.values")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_what_is_null_within_is_named_by_its_place(tmp_path, suffix):
    given = [{"v": row} for row in [*TWO] * 8]
    given[9] = None
    given[11] = {"v": [1.0, None]}
    table = pa.table({"s": pa.array(given, pa.struct([("v", pa.list_(pa.float64()))]))})
    path = save(tmp_path / f"rows{suffix}", table)
    with pytest.raises(BadDataError, match=r"\(row 9 of the file\) is null in column 's\.v'"):
        rankme.score(path, column="s.v")
    found = rankme.spectrum(path, column="s.v", skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (14, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_for_each_dimension(path, monkeypatch, dtype):
    small_blocks(monkeypatch)
    rows = matrix(37, 12, dtype)
    order = np.random.default_rng(0).permutation(12)
    table = pa.table({"id": np.arange(37), **{f"dim_{i}": rows[:, i] for i in order}})
    save(path, table)
    source = open_source(path, column="dim_*")
    assert source.dtype == dtype
    check(source, rows)
    score = rankme.score(path, column="dim_*")
    assert score == pytest.approx(rankme.score(rows), rel=1e-12)
    with pytest.raises(BadDataError, match=r"name them by a pattern: --column 'x_\*'"):
        open_source(path)
    with pytest.raises(BadDataError, match=r"has no column like 'x_\*'; it has 'id'"):
        open_source(path, column="x_*")
    with pytest.raises(BadDataError, match=r"column 'id', which '[*]' names, is of type int64"):
        open_source(path, column="*")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_dimension_that_is_null_is_named_by_its_row(tmp_path, suffix):
    first = pa.array([*np.arange(20.0), None, 7.0], pa.float32())
    second = pa.array(np.cos(np.arange(22.0)))
    path = save(tmp_path / f"rows{suffix}", pa.table({"x_0": first, "x_1": second}))
    with pytest.raises(BadDataError, match=r"\(row 20 of the file\), entry 0 is null in column 'x"):
        rankme.score(path, column="x_*")
    assert rankme.spectrum(path, column="x_*", skip_nonfinite=True).n_skipped == 1


def test_lists_of_bytes_alone_in_a_table_say_how_they_are_read(tmp_path):
    lists = pa.array([[1, 2, 3]] * 4, pa.list_(pa.uint8()))
    pq.write_table(pa.table({"id": list("abcd"), "v": lists}), tmp_path / "x.parquet")
    with pytest.raises(BadDataError, match="column 'v' holds lists of uint8; read as numbers by"):
        rankme.score(tmp_path / "x.parquet")


# By rankme itself: to_pandas_dtype of PyArrow 19 and before asks for pandas.
@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int8", "uint8"])
def test_types_of_numbers_have_the_names_of_numpy(name):
    assert numpy_dtype(getattr(pa, name)()) == np.dtype(name)
