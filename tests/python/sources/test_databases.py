"""Queries of SQLite and DuckDB give the rows of one set, and what cannot be read is one line."""

import base64
import json
import pickle
import sqlite3
import subprocess
import sys

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from oracles import moderate
from rankme.sources import BadDataError, choose_rows

Z = moderate(5, 3000, 8, "f4")
IN_ORDER = " ORDER BY id"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two databases whose names need quoting; `u` has bad rows, and `n` begins with nulls."""
    folder = tmp_path_factory.mktemp("databases")
    short = "SELECT id, e[:CASE id WHEN 9 THEN 7 ELSE 8 END] AS e FROM x"
    with duckdb.connect(folder / "a b%.duckdb") as connection:
        connection.register("x", pa.table({"id": range(len(Z)), "e": list(Z)}))
        connection.execute("CREATE TABLE t AS SELECT id, e::FLOAT[8] AS e, e::DOUBLE[] AS d FROM x")
        connection.execute(f"CREATE TABLE u AS {short}")
        connection.execute("CHECKPOINT")  # a copy of the file alone is to have both
    connection = sqlite3.connect(folder / "a b%.db")
    connection.execute("CREATE TABLE t (id INT, b BLOB, s TEXT, h TEXT)")
    made = [
        (i, row.tobytes(), json.dumps(row.tolist()), base64.b64encode(row).decode())
        for i, row in enumerate(Z)
    ]
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", made)
    connection.execute("CREATE TABLE d (id INT, x REAL, y REAL)")
    pairs = [(i, *row[:2]) for i, row in enumerate(Z.tolist())]
    connection.executemany("INSERT INTO d VALUES (?, ?, ?)", pairs)
    connection.execute("CREATE TABLE u AS SELECT * FROM t")
    connection.execute("UPDATE u SET b = x'00000000', s = NULL WHERE id = 1500")
    connection.execute("UPDATE u SET s = '[1, 2' WHERE id = 1700")
    connection.execute("CREATE TABLE n AS SELECT id, CASE WHEN id >= 500 THEN b END AS b FROM t")
    connection.commit()
    connection.close()
    return folder / "a b%"


def same(source, z):
    """Whatever is asked of a source has the rows of a matrix."""
    assert (source.n_rows, source.n_cols, source.dtype) == (*z.shape, z.dtype)
    found = rankme.spectrum(source)
    assert found.n_rows == len(z)
    assert found.rankme() == pytest.approx(rankme.spectrum(z).rankme(), rel=1e-12)
    np.testing.assert_array_equal(np.vstack([block.copy() for block in source.blocks(17)]), z[17:])
    rows = choose_rows(len(z), 40)
    some = rankme.spectrum(source, rows=40).rankme()
    assert some == pytest.approx(rankme.spectrum(z[rows]).rankme(), rel=1e-12)
    few = rankme.spectrum(source, rows=5, seed=None).rankme()  # fewer than columns
    assert few == pytest.approx(rankme.spectrum(z[:5]).rankme(), rel=1e-12)
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    assert rankme.score(again) == pytest.approx(rankme.score(z), rel=1e-12)


FILES = {
    "fixed widths of DuckDB": ("duckdb:{}.duckdb", "SELECT id, e FROM t", {}, Z),
    "lists of DuckDB": ("duckdb:{}.duckdb", "SELECT d FROM t", {}, Z.astype("f8")),
    "one of two": ("duckdb:{}.duckdb", "SELECT * FROM t", {"column": "e"}, Z),
    "settings": ("duckdb:{}.duckdb?memory_limit=1GB&threads=2", "SELECT e FROM t", {}, Z),
    "bytes": ("sqlite:{}.db", "SELECT id, b FROM t", {"dtype": "float32"}, Z),
    "text": ("sqlite:{}.db", "SELECT id, s FROM t", {}, Z.astype("f8")),
    "base64": ("sqlite:{}.db", "SELECT h FROM t", {}, Z),
    "base64 by name": ("sqlite:{}.db", "SELECT * FROM t", {"column": "h", "dtype": np.float32}, Z),
    "dimensions": ("sqlite:{}.db", "SELECT x, y FROM d", {}, Z[:, :2].astype("f8")),
}


@pytest.mark.parametrize(("url", "query", "options", "z"), FILES.values(), ids=FILES)
def test_a_file_gives_the_rows(place, url, query, options, z):
    same(rankme.open_source(url.format(place), query=query + IN_ORDER, **options), z)


def test_spellings_of_a_file(place, monkeypatch):
    query = "SELECT b FROM t -- all\n;"
    quoted = str(place).replace("%", "%25").replace(" ", "%20")
    for url in (f"sqlite://{quoted}.db", f"SQLite:{place}.db", f"sqlite+pysqlite:{place}.db"):
        found = rankme.score(url, query=query, dtype="float32")
        assert found == pytest.approx(rankme.score(Z), rel=1e-12)
    monkeypatch.chdir(place.parent)
    assert rankme.spectrum("sqlite:a b%.db", query=query, dtype="float32").n_rows == len(Z)
    with pytest.raises(FileNotFoundError, match=r"for that in this folder: sqlite:a b%\.db"):
        rankme.score("sqlite:/a b%.db", query=query)


def test_every_function_takes_a_query(place):
    url, query = f"duckdb:{place}.duckdb", "SELECT e FROM t ORDER BY id"
    centred = rankme.score(Z, center=True)
    assert rankme.score(url, query=query, center=True) == pytest.approx(centred, rel=1e-12)
    error = rankme.estimate(Z).std_error
    assert rankme.estimate(url, query=query).std_error == pytest.approx(error, rel=1e-9)
    found = rankme.curve(url, [100, 1000], query=query)
    assert found.scores == pytest.approx(rankme.curve(Z, [100, 1000]).scores)
    source = rankme.open_source(url, query=query, tags={"model": "a"})
    assert source.tags == {"model": "a"}
    runs = rankme.compare({"a": source, "b": Z[:2000]}, groups=8)
    assert runs.rows == 2000
    query = "SELECT 1.5e0 AS a, 2.5e0 AS b FROM t"
    both = rankme.open_source([url, f"sqlite:{place}.db"], query=query)
    assert both.n_rows == rankme.spectrum(both).n_rows == 2 * len(Z)
    with pytest.raises(BadDataError, match="counted twice"):
        rankme.open_source([url, url], query=query)


def test_duckdb_reads_files_in_its_query(tmp_path):
    pq.write_table(pa.table({"e": list(Z)}), tmp_path / "z.parquet")
    query = f"SELECT e FROM '{tmp_path}/z.parquet'"  # noqa: S608
    assert rankme.score("duckdb:", query=query) == pytest.approx(rankme.score(Z), rel=1e-12)


def test_nulls_are_left_out_where_that_is_asked(place):
    source = rankme.open_source(f"sqlite:{place}.db", query="SELECT s FROM u WHERE id < 1700")
    found = rankme.spectrum(source, skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (1699, 1)


BAD = {
    "a wrong query": ("sqlite:{}.db", "SELECT x FROM t", {}, "cannot be run: .*no such column: x"),
    "a writing query": ("sqlite:{}.db", "DELETE FROM t RETURNING b", {}, "cannot be run: .*syntax"),
    "two queries": ("sqlite:{}.db", "SELECT b FROM t; SELECT s FROM t", {}, "cannot be run"),
    "DuckDB's": ("duckdb:{}.duckdb", "SELECT x FROM t", {}, '"x" not found'),
    "an error on the way": (
        "duckdb:{}.duckdb", "SELECT CASE id WHEN 2900 THEN error('no') ELSE e END AS e FROM t", {},
        "cannot be run: .*no",
    ),
    "a variable of Python": ("duckdb:{}.duckdb", "SELECT * FROM names", {}, "names does not exist"),
    "no rows": ("sqlite:{}.db", "SELECT * FROM t WHERE id < 0", {}, "the query gave no rows"),
    "no such column": ("sqlite:{}.db", "SELECT * FROM t", {"column": "x"}, "has no column 'x'"),
    "no vectors": ("sqlite:{}.db", "SELECT id FROM t", {}, "type int64; wanted lists .* cast it"),
    "no vectors of two": ("sqlite:{}.db", "SELECT id, h FROM t", {}, "no column of floating-point"),
    "ids": ("sqlite:{}.db", "SELECT id + 0.0 AS i, x, y FROM d", {}, "'i' holds whole numbers"),
    "whole dimensions": (
        "sqlite:{}.db", "SELECT id, x, y FROM d", {}, r"such as CAST\(id AS DOUBLE PRECISION\)",
    ),
    "twice": ("sqlite:{}.db", "SELECT s, s FROM t", {}, "2 columns 's'; rename one"),
    "untold": ("sqlite:{}.db", "SELECT b FROM t", {}, "say what they are"),
    "told lists": ("duckdb:{}.duckdb", "SELECT e FROM t", {"dtype": "float16"}, "converts nothing"),
    "told wrongly": ("sqlite:{}.db", "SELECT b FROM t", {"dtype": "float64"}, "of another type"),
    "only nulls": ("sqlite:{}.db", "SELECT b FROM n", {"dtype": "float32"}, "256 rows that are"),
    "a null": ("sqlite:{}.db", "SELECT s FROM u", {}, "row 1500 of the query is null"),
    "a null dimension": (
        "sqlite:{}.db", "SELECT x, nullif(y, 0 + (SELECT y FROM d WHERE id = 7)) AS y FROM d", {},
        "row 7 of the query is null in column 'y'",
    ),
    "bad text": (
        "sqlite:{}.db", "SELECT s FROM u WHERE s IS NOT NULL", {},
        r"row 1699 of the query is no JSON list of numbers in column 's': '\[1, 2'",
    ),
    "short bytes": (
        "sqlite:{}.db", "SELECT b FROM u", {"dtype": "float32"}, "row 1500 of the query has 4 by",
    ),
    "a short list": ("duckdb:{}.duckdb", "SELECT e FROM u", {}, "row 9 of the query has length 7"),
    "infinity": (
        "duckdb:{}.duckdb",
        "SELECT [id::DOUBLE, CASE id WHEN 2500 THEN 'inf'::DOUBLE ELSE 1.5 END] AS v FROM t", {},
        r"row 2500 of the query, column 1 \(counted from 0\) is inf",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_one_line(place, name):
    url, query, options, message = BAD[name]
    names = pa.table({"v": [[0.5]]})
    with pytest.raises(BadDataError, match=message) as raised:
        rankme.score(url.format(place), query=query, **options)
    assert len(names) == 1
    assert str(raised.value).startswith(url.format(place))
    assert "\n" not in str(raised.value)


def test_rows_before_a_bad_one_are_looked_at_first(place):
    nan = "'nan'::DOUBLE"
    row = f"CASE id WHEN 7 THEN [1e0, {nan}] WHEN 9 THEN NULL ELSE [id::DOUBLE, 1] END"
    query = f"SELECT {row} AS v FROM t"  # noqa: S608
    with pytest.raises(BadDataError, match="row 7 of the query, column 1"):
        rankme.score(f"duckdb:{place}.duckdb", query=query)


def test_a_query_and_a_database_belong_together(place, tmp_path):
    np.save(tmp_path / "z.npy", Z)
    for path in (tmp_path / "z.npy", str(tmp_path / "z.npy"), "https://h/z.npy"):
        with pytest.raises(BadDataError, match="no database; query="):
            rankme.score(path, query="SELECT 1")
    with pytest.raises(TypeError, match=r"as sqlite:FILE; Z is numpy\.ndarray"):
        rankme.score(Z, query="SELECT 1")
    for function in (rankme.score, rankme.open_source):
        with pytest.raises(BadDataError, match=f"^sqlite:{place}.db: a database, of which a query"):
            function(f"sqlite:{place}.db")
    with pytest.raises(ValueError, match=r"run 'a': .* a database, of which a query"):
        rankme.compare({"a": f"sqlite:{place}.db", "b": Z})
    with pytest.raises(ValueError, match="query is empty"):
        rankme.score(f"sqlite:{place}.db", query=" ; ")
    with pytest.raises(TypeError, match="query must be a text of SQL, not int"):
        rankme.score(f"sqlite:{place}.db", query=1)


def test_rows_are_chosen_by_place_only_where_there_is_an_order(place):
    url = f"duckdb:{place}.duckdb"
    chosen = rankme.score(Z[choose_rows(len(Z), 100, seed=3)])
    for query in (
        "SELECT e FROM t ORDER BY id",
        "WITH x AS (SELECT * FROM t) SELECT e FROM x order\nby id, d",
    ):
        found = rankme.score(url, query=query, rows=100, seed=3)
        assert found == pytest.approx(chosen, rel=1e-12)
    for query in (
        "SELECT e FROM t",
        "SELECT e FROM (SELECT * FROM t ORDER BY id)",
        "SELECT e FROM t WHERE 'ORDER BY' <> '''' -- ORDER BY id",
        'SELECT e FROM t WHERE id >= 0 /* ORDER BY */ AND "id" < 1000000',
    ):
        assert rankme.spectrum(url, query=query).n_rows == len(Z)
        assert rankme.spectrum(url, query=query, rows=len(Z)).n_rows == len(Z)
        with pytest.raises(BadDataError, match="without ORDER BY gives its rows in any order"):
            rankme.score(url, query=query, rows=100)
    source = rankme.open_source(url, query="SELECT e FROM t")
    with pytest.raises(BadDataError, match="without ORDER BY"):
        rankme.Monitor(8, window=100, reference=source)


def test_a_table_that_changed_after_it_was_counted(place, tmp_path):
    path = tmp_path / "c.db"
    path.write_bytes((place.parent / f"{place.name}.db").read_bytes())
    source = rankme.open_source(f"sqlite:{path}", query="SELECT b FROM t", dtype="float32")
    for statement, came in (
        ("INSERT INTO t SELECT * FROM t LIMIT 3", "more rows, and 3000"),
        ("DELETE FROM t WHERE id >= 1000", "rows, and 3000 when they were counted"),
    ):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()
        with pytest.raises(BadDataError, match=f"gave .*{came}"):
            rankme.score(source)


def test_files_that_are_no_such_database(place, tmp_path):
    (tmp_path / "x.db").write_bytes(b"no database at all")
    for url, message in (
        (f"duckdb:{place}.db", "no database of duckdb; it is one of sqlite: sqlite:"),
        (f"sqlite:{place}.duckdb", "no database of sqlite; it is one of duckdb: duckdb:"),
        (f"sqlite:{tmp_path}/x.db", "no database of sqlite; the first bytes are b'no database"),
        (f"duckdb:{tmp_path}/x.db", "no database of duckdb; the first bytes are"),
        (f"sqlite:{tmp_path}", "a folder; wanted the file"),
        ("sqlite://host/x.db", "names a host; wanted sqlite:FILE"),
        (
            f"sqlite:{place}.db?mode=rw",
            "a setting that is not known; SQLite has none; a '.' within",
        ),
        (f"duckdb:{place}.duckdb?memory_limit=lots", "wanted such as memory_limit=1GB"),
        ("duckdb:md:x?motherduck_token=abc", "MotherDuck is not opened by a URL"),
    ):
        with pytest.raises(BadDataError, match=message) as raised:
            rankme.score(url, query="SELECT 1.5")
        assert "abc" not in str(raised.value)
    with pytest.raises(FileNotFoundError, match=r"no such file: 'sqlite:/no/file\.db'"):
        rankme.score("sqlite:/no/file.db", query="SELECT 1")


def test_a_database_that_is_open_already(place, tmp_path):
    path = tmp_path / "c.duckdb"
    path.write_bytes((place.parent / f"{place.name}.duckdb").read_bytes())
    with (
        duckdb.connect(path),
        pytest.raises(ConnectionError, match=r"open in this process .*score\(connection.sql"),
    ):
        rankme.score(f"duckdb:{path}", query="SELECT e FROM t")


def test_nothing_stays_open_after_an_error(place, tmp_path):
    path = tmp_path / "c.duckdb"
    path.write_bytes((place.parent / f"{place.name}.duckdb").read_bytes())
    source = rankme.open_source(f"duckdb:{path}", query="SELECT e FROM u")
    with pytest.raises(BadDataError) as raised:
        rankme.score(source)
    blocks = rankme.open_source(f"duckdb:{path}", query="SELECT e FROM t").blocks()
    next(blocks)
    blocks.close()
    assert raised.tb  # which holds the frames, and all that is in them
    with duckdb.connect(path) as connection:
        connection.execute("DELETE FROM u")


def run(*arguments):
    command = [sys.executable, "-m", "rankme", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(place):
    url, query = f"sqlite:{place}.db", "SELECT b FROM t"
    done = run("score", url, "--query", query, "--dtype", "float32", "--json", "--groups", "16")
    record = json.loads(done.stdout)
    assert record["rankme"] == pytest.approx(rankme.score(Z), rel=1e-12)
    assert (record["path"], record["n_rows"]) == (url, 3000)
    done = run("score", url, "sqlite:no.db", "--query", query, "--dtype", "float32")
    assert done.returncode == 1
    assert done.stderr == "rankme: error: sqlite:no.db: no such file\n"
    assert "3000" in done.stdout


USAGE = {
    "no query": (["sqlite:a.db"], "sqlite:a.db is a database, of which --query selects the rows"),
    "a file": ([__file__, "--query", "SELECT 1"], ": no database; query= and --query are for"),
    "nothing": (["sqlite:a.db", "--query", " "], "query is empty"),
    "a state": (["sqlite:a.db", "--query", "SELECT 1", "--state", "a.rankme"], "may be others"),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage(place, name):
    arguments, message = USAGE[name]
    done = run("score", *(one.format(place) for one in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
