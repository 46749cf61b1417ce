"""Running a query: PostgreSQL and SQLite by their ADBC drivers, DuckDB by its own Arrow reader.

Whatever fails is one line that begins with the database, without its secrets.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rankme._base.optional import require
from rankme.sources._database_url import DUCKDB, IN_MEMORY, POSTGRESQL, SQLITE
from rankme.sources._errors import BadDataError
from rankme.sources._record_batches import BATCH_ROWS, record_batches
from rankme.sources._source import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from rankme.sources._database_url import DatabaseUrl

__all__ = ["query_batches"]

# What a look at the first rows, whose width is not known yet, asks for.
FIRST_ROWS, FIRST_BYTES = 256, 2**20
MOST_ROWS = 2**14
# DuckDB keeps what it read of a file, up to 80% of the memory, and sorts in memory, in a buffer of
# its own a thread. With one thread 256 MB are enough to sort by way of the disk.
# And it would take variables of Python for tables.
DUCKDB_SETTINGS = {
    "memory_limit": "256MB",
    "threads": "1",
    "python_enable_replacements": "false",
}
OUT_OF_MEMORY = "Out of Memory Error"
CONFLICT = "different configuration"


@contextmanager
def query_batches(
    url: DatabaseUrl, query: str, row_bytes: int | None = None
) -> Iterator[Iterator[Any]]:
    """Run a query that only reads, and give its record batches.

    Parameters
    ----------
    url
        The database. A connection of its own is opened, and closed with the context.
    query
        One statement that gives rows.
    row_bytes
        How large a row is, for batches of some megabytes; None for some first rows.

    Raises
    ------
    ConnectionError
        The database cannot be reached or opened.
    BadDataError
        The query fails, at its beginning or on the way.
    MissingLibraryError
        The driver is not installed: an ImportError.
    """
    rows, n_bytes = FIRST_ROWS, FIRST_BYTES
    if row_bytes is not None:
        rows, n_bytes = max(1, min(MOST_ROWS, BLOCK_BYTES // row_bytes)), BLOCK_BYTES
    if url.scheme == DUCKDB:
        # What it holds of them is beside its limit, and more at a time are no faster.
        running = _run_duckdb(url, query, min(rows, BATCH_ROWS))
    elif url.scheme == SQLITE:
        place = f"file:{quote(url.place)}?mode=ro"
        running = _run_adbc(url, place, query, {"adbc.sqlite.query.batch_rows": str(rows)})
    else:
        hint = {"adbc.postgresql.batch_size_hint_bytes": str(n_bytes)}
        running = _run_adbc(url, url.place, query, hint)
    with running as batches:
        yield batches


@contextmanager
def _run_duckdb(url: DatabaseUrl, query: str, rows: int) -> Iterator[Iterator[Any]]:
    """Run a query of DuckDB."""
    library = require("duckdb", extra="duckdb", what=f"{url.name}: a database")
    require("pyarrow", extra="duckdb", what=f"{url.name}: a database")
    settings = {**DUCKDB_SETTINGS, **url.settings}
    is_file = url.place != IN_MEMORY
    try:
        connection = library.connect(url.place, read_only=is_file, config=settings)
    except library.Error as error:
        raise _unreachable(url, error) from None
    with closing(connection):
        with _failing(url, library.Error):
            relation = connection.sql(query)
        if relation is None:
            raise BadDataError(url.name, "the query gives no rows; wanted one SELECT")
        # A reader that is left to the garbage collector keeps the file open until then.
        begin = partial(record_batches, relation, url.name, rows)
        with closing(_read(url, library.Error, begin)) as batches:
            yield batches


@contextmanager
def _run_adbc(
    url: DatabaseUrl, place: str, query: str, options: dict[str, str]
) -> Iterator[Iterator[Any]]:
    """Run a query by an ADBC driver."""
    require("pyarrow", extra=url.scheme, what=f"{url.name}: a database")
    module = f"adbc_driver_{url.scheme}.dbapi"
    driver = require(module, extra=url.scheme, what=f"{url.name}: a database")
    try:
        connection = driver.connect(place)
    except driver.Error as error:
        raise _unreachable(url, error) from None
    with closing(connection), closing(connection.cursor()) as cursor:
        with _failing(url, driver.Error):
            if url.scheme == POSTGRESQL:  # the file of the others is opened to be read only
                cursor.execute("SET TRANSACTION READ ONLY")
            cursor.adbc_statement.set_options(**options)
            # PostgreSQL gets it within brackets, which a comment at its end would hide.
            cursor.execute(f"{query}\n")
        with closing(_read(url, driver.Error, lambda: _fetched(cursor, url))) as batches:
            yield batches


def _fetched(cursor: Any, url: DatabaseUrl) -> Iterator[Any]:
    """Fetch the batches of a query that was run."""
    return record_batches(cursor.fetch_record_batch(), url.name)


def _read(
    url: DatabaseUrl, kind: type[Exception], begin: Callable[[], Iterator[Any]]
) -> Generator[Any, None, None]:
    """Yield batches; what fails on the way is an error of the query."""
    # Behind Arrow's stream interface an error of the database is an OSError.
    pa = require("pyarrow", extra=url.scheme, what=url.name)
    with _failing(url, kind, OSError, pa.ArrowException):
        yield from begin()


@contextmanager
def _failing(url: DatabaseUrl, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of a database into a BadDataError."""
    try:
        yield
    except kinds as error:
        reason = _line_of(url, error)
        if OUT_OF_MEMORY in reason:
            reason += f"; give it more: {url.name}?memory_limit=4GB"
        raise BadDataError(url.name, f"the query cannot be run: {reason}") from None


def _unreachable(url: DatabaseUrl, error: Exception) -> ConnectionError:
    """Return the error of a database that cannot be opened."""
    reason = _line_of(url, error)
    if CONFLICT in reason:
        reason = (
            "it is open in this process with other settings; close that connection, or score what "
            "it gives: rankme.score(connection.sql(query))"
        )
    return ConnectionError(f"{url.name}: cannot be reached: {reason}")


def _line_of(url: DatabaseUrl, error: Exception) -> str:
    """Return what a database says, in one line and without its secrets or the query."""
    text = str(error).strip()
    # PostgreSQL repeats the query behind its message, and ADBC puts a code and itself before.
    marked = text.find("ERROR: ")
    if marked >= 0:
        text = text[marked + len("ERROR: ") :]
    line, *more = (" ".join(one.split()) for one in text.splitlines()) if text else [""]
    if line.endswith(":") and more and not more[0].startswith("LINE "):
        # What was wanted, and why it failed. DuckDB leaves the quote open there.
        line = f"{line[:-1]}{chr(39) * (line.count(chr(39)) % 2)}: {more[0]}"
    for before in ("IO: ", "INVALID_ARGUMENT: ", "[libpq] ", "[SQLite] ", "Failed to connect: "):
        line = line.removeprefix(before)
    for secret in url.secrets:
        line = line.replace(secret, "***")
    return line or type(error).__name__
