"""Files of databases: how they are named, with and without their scheme, and what is said of it."""

import sqlite3

import duckdb
import pytest

import rankme
from command import run
from rankme.sources import BadDataError
from rankme.sources._database_rows import _line_of
from rankme.sources._database_url import DatabaseUrl

QUERY = "SELECT x, y FROM t"
ROWS = "CREATE TABLE t AS SELECT 1.5e0 AS x, 2.25e0 AS y UNION ALL SELECT 0.5e0, 3.25e0"
KINDS = ["sqlite", "duckdb"]


def made(kind, path):
    connection = (sqlite3 if kind == "sqlite" else duckdb).connect(path)
    connection.execute(ROWS)
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", [None, QUERY])
def test_a_database_without_its_scheme_says_how_it_is_opened(tmp_path, kind, query):
    path = made(kind, tmp_path / "rows.db")
    advice = "rows.db: a database of {0}, of which a query selects the rows: {0}:{1} --query"
    advice = advice.format(kind, path)
    with pytest.raises(BadDataError) as caught:
        rankme.open_source(path, query=query)
    assert advice in str(caught.value)
    done = run("score", path, *(() if query is None else ("--query", query)))
    assert done.returncode == (1 if query is None else 2)
    assert advice in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_mark_in_the_name_of_a_file(tmp_path, kind):
    made(kind, tmp_path / "a?b.db")
    made(kind, tmp_path / "a?b=c.db")
    url = f"{kind}:{tmp_path}/a?b.db"
    assert rankme.open_source(url, query=QUERY).name == url
    escaped = f"{kind}://{tmp_path}/a%3Fb=c.db"
    assert rankme.open_source(escaped, query=QUERY).n_rows == 2
    with pytest.raises(BadDataError, match="within the name of a file is %3F in"):
        rankme.open_source(f"{kind}:{tmp_path}/a?b=c.db", query=QUERY)


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_without_rows(tmp_path, kind):
    made(kind, tmp_path / "a.db")
    with pytest.raises(BadDataError, match="the query gave no rows; wanted at least one"):
        rankme.score(f"{kind}:{tmp_path}/a.db", query=f"{QUERY} WHERE x > 9")


def test_a_message_of_duckdb_that_goes_on_is_whole():
    url = DatabaseUrl.parse("duckdb:")
    error = RuntimeError("cannot install 'httpfs:\nFailed to download\n\nFor more")
    assert _line_of(url, error) == "cannot install 'httpfs': Failed to download"
    assert _line_of(url, RuntimeError("no column:\nLINE 1: SELECT x")) == "no column:"
