"""How the errors of databases in docs/reference/errors.md come about."""

import duckdb


def database_errors(folder):
    """Yield each text's beginning, what is there, and what calls for it."""
    url, query = f"duckdb:{folder / 'e.duckdb'}", "SELECT v FROM t"
    with duckdb.connect(folder / "e.duckdb") as connection:
        for table, row in {
            "t AS SELECT i AS id, ": "[i, 1 / (1 + i)]::FLOAT[] AS v FROM range(6) r(i)",
            "n AS SELECT id, ": "CASE id WHEN 1 THEN NULL ELSE v END AS v FROM t",
            "s AS SELECT id, ": "CASE id WHEN 1 THEN v[:1] ELSE v END AS v FROM t",
        }.items():
            connection.execute(f"CREATE TABLE {table}{row}")
    names = {"url": url, "query": query}
    asked = "rankme.score(url, query={})"
    yield "...: a database", names, "rankme.score(url)"
    yield "...: no database", {"path": folder / "whole.npy"}, 'rankme.score(path, query="SELECT 1")'
    nowhere = "rankme.score('postgresql://127.0.0.1:1/x', query='SELECT 1')"
    yield "...: cannot be reached", names, nowhere
    yield "...: the query cannot", names, asked.format("'SELECT x FROM t'")
    yield "...: column 'id' is of type", names, asked.format("'SELECT id FROM t'")
    nulls, short = (names | {"query": f"SELECT v FROM {table}"} for table in "ns")  # noqa: S608
    yield "...: row 1 of the query is null", nulls, asked.format("query")
    yield "...: row 1 of the query has length", short, asked.format("query")
    yield "...: a query without", names, "rankme.score(url, query=query, rows=4)"
    yield "...: the query gave more", names, GROWN


GROWN = """
import duckdb
source = rankme.open_source(url, query=query)
with duckdb.connect(url.removeprefix("duckdb:")) as connection:
    connection.execute("INSERT INTO t SELECT 9, [1, 2]")
rankme.score(source)
"""
