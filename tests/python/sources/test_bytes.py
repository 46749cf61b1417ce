"""Bytes in binary columns: somebody has to tell what they are, and what is told is looked at."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from command import WORDNET, error_line, run
from rankme.sources import BadDataError, open_source
from source_files import matrix

EYE = np.eye(8)
INTEGERS = np.random.default_rng(0).integers(-127, 128, (50, 8), np.int8)


def save(path, rows, kind=None, name="emb", metadata=None):
    """Write the bytes of rows as a column of some binary type."""
    rows = np.asarray(rows)
    data = [row.tobytes() for row in rows]
    array = pa.array(data, pa.binary(len(data[0])) if kind is None else kind)
    field = pa.field(name, array.type, metadata=metadata)
    table = pa.table([array], schema=pa.schema([field]))
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=7)
    else:
        compression = "zstd" if path.stem == "packed" else None
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with (
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_file(file, table.schema, options=options) as writer,
        ):
            writer.write_table(table, max_chunksize=7)
    return path


@pytest.fixture(params=["rows.parquet", "rows.arrow", "packed.arrow"])
def path(request, tmp_path):
    return tmp_path / request.param


KINDS = {"fixed": None, "binary": pa.binary(), "large": pa.large_binary()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_bytes_are_what_was_told(path, kind, dtype):
    import ml_dtypes

    code = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    rows = matrix(30, 8).astype(code)
    save(path, rows, KINDS[kind])
    source = open_source(path, dtype=dtype)
    assert (source.n_rows, source.n_cols, source.dtype) == (30, 8, np.dtype(code))
    np.testing.assert_array_equal(source.matrix(), rows)
    read = [block.copy() for block in source.blocks(11)]
    np.testing.assert_array_equal(np.concatenate(read), rows[11:])
    assert rankme.score(source) == pytest.approx(rankme.score(rows.astype("f4")), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_guessed_and_the_way_out_is_right(path, kind):
    save(path, EYE.astype("f2"), KINDS[kind])
    with pytest.raises(BadDataError, match="column 'emb' holds bytes") as caught:
        rankme.score(path)
    way = re.search(r"open_source\(\.\.\., (dtype='float16')\)", str(caught.value))[1]
    source = eval(f"open_source(path, {way})")  # noqa: S307
    assert rankme.score(source, eps=0) == pytest.approx(8, rel=1e-12)
    if kind == "fixed":
        assert "a row of 16 bytes: 8 float16, 8 bfloat16, 4 float32, 2 float64, 16 int8" in str(
            caught.value
        )


def test_the_command_takes_the_type(tmp_path):
    save(tmp_path / "x.parquet", EYE.astype("f2"))
    line = error_line(run("score", "x.parquet", cwd=tmp_path))
    option = re.search(r"--dtype float16", line)[0].split()
    result = run("score", "x.parquet", "--eps", "0", *option, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "RankMe      8.000000" in result.stdout


def test_integers_are_numbers_if_told(path):
    save(path, INTEGERS)
    source = open_source(path, dtype=np.int8)
    np.testing.assert_array_equal(source.matrix(), INTEGERS)
    expected = rankme.score(INTEGERS.astype("f8"), eps=0)
    assert 7.5 < expected < 8
    assert rankme.score(source, eps=0) == pytest.approx(expected, rel=1e-12)


def test_what_the_file_says_is_believed(path):
    save(path, EYE.astype("f2"), metadata={"dtype": "float16"})
    assert rankme.score(path, eps=0) == pytest.approx(8, rel=1e-12)


@pytest.mark.parametrize(
    ("rows", "told", "right"),
    [
        (EYE.astype("f2"), "float32", "float16"),
        (INTEGERS, "float32", "int8"),
        (INTEGERS, "float64", "int8"),
        (matrix(50, 8), "float16", "float32"),
        (matrix(50, 8).astype("f8"), "float32", "float64"),
        (matrix(50, 8, np.float64), "float32", "float64"),
        (matrix(50, 8, np.float64), "float16", "float64"),
        (matrix(50, 8, np.float16), "float32", "float16"),
        (matrix(50, 8, np.float16), "bfloat16", "float16"),
        (matrix(50, 8), "float64", "float32"),
    ],
)
def test_values_that_nobody_embeds_with_are_an_error(path, rows, told, right):
    save(path, rows)
    with pytest.raises(BadDataError, match=rf"if its bytes are {told}: they are of another type"):
        open_source(path, dtype=told)
    source = open_source(path, dtype=right)
    assert rankme.score(source) == pytest.approx(rankme.score(rows.astype("f8")), rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_real_and_graded_rows_are_taken(tmp_path, dtype):
    import ml_dtypes

    code = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    real = np.load(WORDNET)[:200]
    graded = np.random.default_rng(1).standard_normal((200, 64)) * 10.0 ** -np.arange(0, 16, 0.25)
    sparse = np.maximum(np.random.default_rng(2).standard_normal((200, 64)) - 2, 0)
    for number, rows in enumerate((real, graded, sparse, np.eye(64), np.zeros((9, 4)))):
        path = save(tmp_path / f"{number}.parquet", rows.astype(code))
        np.testing.assert_array_equal(open_source(path, dtype=dtype).matrix(), rows.astype(code))


def test_rows_that_hold_such_numbers_are_read_as_lists(path):
    rows = matrix(20, 8)
    rows[3, 5] = 1e-41
    save(path, rows)
    with pytest.raises(BadDataError, match=r"row 3, entry 5 of column 'emb' is 1\.0e-41 .*lists"):
        open_source(path, dtype="float32")
    table = pa.table({"emb": pa.array(rows.tolist(), pa.list_(pa.float32()))})
    pq.write_table(table, path.with_suffix(".lists.parquet"))
    np.testing.assert_array_equal(open_source(path.with_suffix(".lists.parquet")).matrix(), rows)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_row_of_other_length_is_named(path, kind):
    rows = [row.tobytes() for row in matrix(10, 4)]
    rows[8] = rows[8][:12]
    table = pa.table({"emb": pa.array(rows, kind)})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=7)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
    with pytest.raises(BadDataError, match=r"row 1 \(row 8 of the file\) has 12 bytes .*wanted 16"):
        rankme.score(open_source(path, dtype="float32"))


def test_bytes_that_are_no_row_are_an_error(path):
    save(path, INTEGERS[:, :7])
    with pytest.raises(BadDataError, match=r"has 7 bytes .* no row of float16; say .* 7 int8"):
        open_source(path, dtype="float16")
    save(path, np.zeros((3, 6), np.int8), pa.binary())
    with pytest.raises(BadDataError, match=r"row 0 has 6 bytes .* no row of float32"):
        open_source(path, dtype="float32")


def test_a_type_for_what_has_one_is_an_error(tmp_path):
    np.save(tmp_path / "rows.npy", matrix())
    with pytest.raises(BadDataError, match=r"its entries are float32 by the file .* leave it out"):
        open_source(tmp_path / "rows.npy", dtype="float16")
    np.testing.assert_array_equal(open_source(tmp_path / "rows.npy").matrix(), matrix())
    np.testing.assert_array_equal(
        open_source(tmp_path / "rows.npy", dtype="float32").matrix(), matrix()
    )
    with pytest.raises(ValueError, match="dtype must be one of float16, bfloat16"):
        open_source(tmp_path / "rows.npy", dtype="int32")


def test_bytes_beside_lists_are_found_by_their_type(tmp_path):
    lists = pa.array(matrix(20, 4, seed=2).tolist(), pa.list_(pa.float32()))
    data = pa.array([row.tobytes() for row in matrix(20, 4)], pa.binary(16))
    pq.write_table(pa.table({"a": lists, "b": data}), tmp_path / "x.parquet")
    np.testing.assert_array_equal(
        open_source(tmp_path / "x.parquet").matrix(), matrix(20, 4, seed=2)
    )
    source = open_source(tmp_path / "x.parquet", dtype="float32")
    np.testing.assert_array_equal(source.matrix(), matrix(20, 4))


def test_a_run_does_not_go_on_with_another_type(tmp_path):
    # Numbers from 1 to 2, which are such of the other type as well.
    rows = 1 + np.random.default_rng(1).random((30, 8))
    save(tmp_path / "x.parquet", rows.astype("f2"))
    state = ("--state", "run.rankme")
    assert run("score", "x.parquet", "--dtype", "float16", *state, cwd=tmp_path).returncode == 0
    result = run("score", "x.parquet", "--dtype", "bfloat16", *state, cwd=tmp_path)
    assert result.returncode == 1
    line = error_line(result)
    assert "took its bytes for float16, and they are bfloat16 now; go on with --dtype f" in line
    again = run("score", "x.parquet", "--dtype", "float16", *state, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_run_of_the_old_rule_says_so(tmp_path):
    # As version 0.1 wrote it: the bytes were float32, and nothing in the file tells so.
    rows = matrix(30, 8)
    save(tmp_path / "x.parquet", rows)
    state = ("--state", "run.rankme")
    assert run("score", "x.parquet", "--dtype", "float32", *state, cwd=tmp_path).returncode == 0
    from rankme._accumulators import state_file

    path = str(tmp_path / "run.rankme")
    saved = state_file.read(path)
    ((name, (size, version, n_rows)),) = saved.run["shards"].items()
    shards = {name: (size, version.partition(";bytes:")[0], n_rows)}
    state_file.write(path, saved._replace(run={**saved.run, "shards": shards}))
    for dtype in ("float32", "float16"):
        line = error_line(run("score", "x.parquet", "--dtype", dtype, *state, cwd=tmp_path))
        if dtype == "float32":
            assert "for float32 without being told so, as before the first release" in line
        else:
            assert "if its bytes are float16" in line
    line = error_line(run("score", "x.parquet", *state, cwd=tmp_path))
    assert "was begun before the first release" in line
    assert "say what they are" in line
    assert "start again with another file" in line
    other = ("--dtype", "float32", "--state", "other.rankme", "--json")
    result = run("score", "x.parquet", *other, cwd=tmp_path)
    assert str(rankme.score(rows))[:10] in result.stdout


def test_an_engine_says_what_to_do():
    from rankme.distributed._columns import matrices_of

    rows = matrix(6, 4).astype("f2")
    table = pa.table({"emb": pa.array([row.tobytes() for row in rows], pa.binary(8))})
    with pytest.raises(BadDataError, match="make lists of them") as caught:
        list(matrices_of([table], "emb", "it"))
    way = re.search(r"as by (\[.*\])$", str(caught.value))[1]
    lists = eval(way, {"numpy": np, "rows": table["emb"].to_pylist()})  # noqa: S307
    (found,) = matrices_of(
        [pa.table({"emb": pa.array(lists, pa.list_(pa.float16()))})], "emb", "it"
    )
    np.testing.assert_array_equal(found, rows)


def test_a_call_tells_what_bytes_are_as_the_command_does(tmp_path):
    rows = np.random.default_rng(8).standard_normal((60, 4)).astype(np.float16)
    path = tmp_path / "rows.parquet"
    table = {"e": [row.tobytes() for row in rows], "f": [row.tobytes() for row in rows[::-1]]}
    pq.write_table(pa.table(table), path)
    told = {"column": "f", "dtype": "float16"}
    expected = rankme.score(rows, rows=50, seed=None)
    assert rankme.score(path, column="e", dtype=np.float16, rows=50, seed=None) == expected
    assert rankme.score(path, **told) == rankme.score(rankme.open_source(path, **told))
    assert rankme.spectrum(str(path), **told).n_cols == 4
    assert rankme.estimate(path, groups=8, **told).score == pytest.approx(rankme.score(rows))
    assert rankme.curve(path, [30, 60], groups=8, **told).scores[1] == pytest.approx(
        rankme.score(rows)
    )
    with pytest.raises(ValueError, match="dtype must be one of float16"):
        rankme.score(path, column="e", dtype="int64")
    for z in (rows, [path], rankme.open_source(path, **told), pa.table(table)):
        with pytest.raises(
            TypeError,
            match="dtype= tells what the bytes of a file or an Arrow",
        ):
            rankme.score(z, dtype="float16")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("told", ["int8", "uint8"])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_floats_that_are_told_as_integers_are_refused(tmp_path, dtype, told, scale):
    rows = scale * np.maximum(np.random.default_rng(2).standard_normal((40, 6)), -0.5)
    save(tmp_path / "rows.parquet", rows.astype(dtype))
    with pytest.raises(BadDataError, match=f"are usual numbers if they are float.*told was {told}"):
        rankme.score(tmp_path / "rows.parquet", dtype=told)


@pytest.mark.parametrize("told", ["int8", "uint8"])
@pytest.mark.parametrize("most", [1, 3, 20, 127])
def test_integers_that_are_told_so_are_scored(tmp_path, told, most):
    rows = np.random.default_rng(most).integers(0, most + 1, (64, 16)) * (
        1 if told == "uint8" else -1
    )
    save(tmp_path / "rows.parquet", rows.astype(told))
    expected = rankme.score(rows.astype(float))
    assert rankme.score(tmp_path / "rows.parquet", dtype=told) == pytest.approx(expected)


def test_packed_bits_are_told_to_be_unpacked(tmp_path):
    bits = np.random.default_rng(9).integers(0, 2, (60, 56), np.uint8)
    save(tmp_path / "rows.parquet", np.packbits(bits, axis=1))
    with pytest.raises(BadDataError, match=r"unpacked before they are saved, by numpy\.unpackbits"):
        open_source(tmp_path / "rows.parquet")
