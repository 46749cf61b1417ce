"""What can be told of a query without a database."""

from __future__ import annotations

import re

from rankme._base.arguments import type_name

__all__ = ["as_query", "counting", "is_ordered"]

# What is no SQL: strings, names in quotes, comments, and the texts between dollars of PostgreSQL.
_QUOTED = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL
)
_INNERMOST = re.compile(r"\([^()]*\)")
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


def as_query(query: object) -> str:
    """Return a query without what may stand around it; a TypeError or ValueError if it is none."""
    if not isinstance(query, str):
        raise TypeError(f"query must be a text of SQL, not {type_name(query)}")
    bare = query.strip().rstrip(";").rstrip()
    if not bare:
        raise ValueError("query is empty; wanted such as 'SELECT embedding FROM items'")
    return bare


def counting(query: str) -> str:
    """Return the query that counts the rows of another."""
    # The lines of their own keep a comment at the end from the bracket.
    return f"SELECT count(*) AS n FROM (\n{query}\n) AS rankme_rows"  # noqa: S608 - the user's own


def is_ordered(query: str) -> bool:
    """Tell whether the rows of a query have an order: an ORDER BY outside of brackets."""
    bare = _QUOTED.sub(" ", query)
    while True:
        outer = _INNERMOST.sub(" ", bare)
        if outer == bare:
            return _ORDER.search(bare) is not None
        bare = outer
