"""Whatever offers Arrow's stream interface is read block by block, and its rows are those."""

import adbc_driver_sqlite.dbapi as sqlite
import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import rankme
from oracles import moderate
from rankme.sources import BadDataError, _record_batches

Z = moderate(3, 200, 16, "f4")
TABLE = pa.table({"id": range(len(Z)), "e": list(Z)})


class Exported:
    """A table of a library that is not known here."""

    def __init__(self, table):
        self.opened = 0
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        self.opened += 1
        return self._table.to_reader(max_chunksize=9).__arrow_c_stream__(requested_schema)


class WithSchema(Exported):
    """One that tells its type before it is read."""

    def __arrow_c_schema__(self):
        return self._table.schema.__arrow_c_schema__()

    def __len__(self):
        return len(self._table)


def relation(table=TABLE, query="SELECT * FROM t"):
    connection = duckdb.connect()
    connection.register("t", table)
    return connection.sql(query)


def adbc_stream(table=TABLE, query="SELECT * FROM t"):
    connection = sqlite.connect()
    cursor = connection.cursor()
    cursor.adbc_ingest("t", table)
    cursor.execute(query)
    return cursor, connection


MADE = {
    "reader": lambda: TABLE.to_reader(max_chunksize=30),
    "table of PyArrow": lambda: TABLE,
    "relation of DuckDB": relation,
    "fixed width of DuckDB": lambda: relation(query="SELECT id, e::FLOAT[16] AS e FROM t"),
    "reader of DuckDB": lambda: relation().to_arrow_reader(33),
    "frame of Polars": lambda: pl.DataFrame({"id": range(len(Z)), "e": list(Z)}),
    "unknown": lambda: Exported(TABLE),
    "unknown, with its type": lambda: WithSchema(TABLE),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_every_face_sees_the_rows_of_one_set(make):
    expected = rankme.spectrum(Z)
    found = rankme.spectrum(make())
    assert (found.n_rows, found.n_cols) == Z.shape
    assert found.rankme() == pytest.approx(expected.rankme(), rel=1e-12)
    assert rankme.score(make(), column="e") == pytest.approx(rankme.score(Z), rel=1e-12)
    assert rankme.estimate(make(), groups=8, run_length=5).n_rows == len(Z)
    total = rankme.Accumulator(16)
    total.update(Z[:7])
    total.update(make())
    assert total.n_rows == len(Z) + 7
    rows = np.vstack([Z[:7], Z])
    assert total.score() == pytest.approx(rankme.score(rows), rel=1e-12)


def test_columns_are_chosen_by_name():
    table = pa.table({"a": list(Z), "b": list(-2 * Z[::-1])})
    for made in (relation(table), table.to_reader(), Exported(table)):
        total = rankme.Accumulator(16)
        total.update(made, column="b")
        assert total.score() == pytest.approx(rankme.score(Z), rel=1e-12)
    for made in (relation(table), table.to_reader(), Exported(table), table):
        with pytest.raises(ValueError, match="'a', 'b'"):
            rankme.Accumulator(16).update(made)
    with pytest.raises(ValueError, match="no column 'c'"):
        rankme.score(relation(table), column="c")


def test_a_stream_is_opened_once():
    stream = Exported(TABLE)
    rankme.score(stream)
    total = rankme.Accumulator(16)
    total.update(stream)
    assert stream.opened == 2


def test_bytes_of_a_database_are_what_is_told():
    table = pa.table({"id": range(200), "e": [row.tobytes() for row in Z]})
    cursor, connection = adbc_stream(table)
    with connection, cursor:
        found = rankme.spectrum(cursor.fetch_arrow(), dtype="float32")
    assert found.n_rows == 200
    assert found.rankme() == pytest.approx(rankme.spectrum(Z).rankme(), rel=1e-12)
    assert rankme.score(relation(table), dtype="float32", column="e") == pytest.approx(
        rankme.score(Z), rel=1e-12
    )
    with pytest.raises(BadDataError, match="they are of another type"):
        rankme.score(relation(table), dtype="float16")
    with pytest.raises(BadDataError, match="converts nothing: leave it out"):
        rankme.score(relation(), dtype="float32", column="e")
    with pytest.raises(TypeError, match="dtype= tells what the bytes"):
        rankme.score(table, dtype="float32")
    with pytest.raises(TypeError, match="leave out select="):
        rankme.score(relation(table), dtype="float32", select="e")


def test_bytes_that_are_null_or_short_are_named_by_their_block():
    rows = [row.tobytes() for row in Z]
    table = pa.table({"e": [*rows[:100], None, *rows[101:]]})
    with pytest.raises(BadDataError, match="block 3, row 10 is null in column 'e'"):
        rankme.score(table.to_reader(max_chunksize=30), dtype="float32")
    found = rankme.spectrum(table.to_reader(max_chunksize=30), dtype="float32", skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (199, 1)
    short = pa.table({"e": [*rows[:100], b"1234", *rows[101:]]})
    with pytest.raises(BadDataError, match="block 3, row 10 has 4 bytes"):
        rankme.score(short.to_reader(max_chunksize=30), dtype="float32")


def bad_tables():
    infinite = Z.copy()
    infinite[150, 5] = np.inf
    yield infinite, rankme.NonFiniteError, r"Z\[150, 5\] is inf"
    yield [*Z[:150], None, *Z[151:]], ValueError, "block 16 of Z.* row 6 is null"
    yield [*Z[:150], Z[0, :3], *Z[151:]], ValueError, "block 16 of Z.* row 6 has length 3"


@pytest.mark.parametrize(("rows", "error", "message"), list(bad_tables()))
def test_a_bad_row_leaves_nothing_behind(rows, error, message):
    table = pa.table({"e": pa.array(list(rows), pa.list_(pa.float32()))})
    total = rankme.Accumulator(16)
    total.update(Z[:3], shard="a")
    before = total.gram(), total.n_rows, total.shards
    with pytest.raises(error, match=message):
        total.update(Exported(table), shard="b")
    assert (total.gram() == before[0]).all()
    assert (total.n_rows, total.shards) == before[1:]
    left = rankme.Accumulator(16, skip_nonfinite=True)
    if error is rankme.NonFiniteError:
        left.update(Exported(table), shard="b")
        same = rankme.Accumulator(16, skip_nonfinite=True)
        same.update(rows, shard="b")
        assert (left.n_rows, left.n_skipped, left.shards) == (199, 1, same.shards)
        assert left.score() == pytest.approx(same.score(), rel=1e-12)


def test_what_a_stream_cannot_have():
    total = rankme.Accumulator(16)
    total.update(relation(), shard="a")
    assert total.shards == {"a": 200}
    with pytest.raises(ValueError, match="rows of the shard 'a' already"):
        total.update(relation(), shard="a")
    for options in ({"ids": list(range(200))}, {"mask": np.ones(200, bool)}):
        with pytest.raises(TypeError, match="its batches one by one"):
            total.update(relation(), **options)
    with pytest.raises(TypeError, match="its batches one by one"):
        rankme.Accumulator(16, groups=8).update(relation())
    with pytest.raises(ValueError, match="dim 16"):
        total.update(relation(query="SELECT e[:4] AS e FROM t"))
    assert total.n_rows == 200
    with pytest.raises(TypeError, match="stream of a column"):
        rankme.score(ColumnStream())
    with pytest.raises(TypeError, match="column= names a column"):
        total.update(Z, column="e")
    total.update(relation(query="SELECT * FROM t WHERE id < 0"))
    assert total.n_rows == 200


class ColumnStream:
    """A column, and no table."""

    def __arrow_c_stream__(self, requested_schema=None):
        return TABLE["e"].__arrow_c_stream__(requested_schema)


def test_an_error_of_the_database_is_its_own():
    with pytest.raises(duckdb.Error, match=r"(?i)convert|conversion"):
        rankme.score(relation(query="SELECT ('x' || id)::FLOAT AS e FROM t"))


def test_a_large_result_comes_in_small_batches(monkeypatch):
    monkeypatch.setattr(_record_batches, "BATCH_ROWS", 2048)
    many = duckdb.connect().sql("SELECT [random(), random()] AS e FROM range(10000)")
    sizes = [batch.num_rows for batch in _record_batches.record_batches(many, "Z")]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 2048
