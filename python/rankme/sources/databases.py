"""Rows of a query of PostgreSQL, SQLite or DuckDB."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rankme.sources._checks import check_table_shape
from rankme.sources._database_rows import query_batches
from rankme.sources._database_url import POSTGRESQL, DatabaseUrl, is_database, no_database
from rankme.sources._errors import BadDataError, NoRowsError
from rankme.sources._query_columns import chosen_columns
from rankme.sources._shown import shown_url
from rankme.sources._source import BLOCK_BYTES, Identity, RowSource, check_start
from rankme.sources._sql import as_query, counting, is_ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources._query_columns import QueryColumns

__all__ = ["DatabaseSource", "open_query"]


def open_query(path: object, query: str | None, column: str | None, told: str | None) -> RowSource:
    """Open what a query of a database gives; a query and a database belong together.

    Parameters
    ----------
    path
        The URL of a database, with a query; what is none is refused.
    query, column, told
        As of `DatabaseSource.open`.
    """
    if not isinstance(path, str) or not is_database(path):
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else repr(path)
        raise BadDataError(shown_url(str(text)), no_database(str(text)))
    url = DatabaseUrl.parse(path)
    if query is None:
        raise BadDataError(
            url.name,
            "a database, of which a query selects the rows: query='SELECT embedding FROM items' in "
            "Python, --query of the command",
        )
    return DatabaseSource.open(url, as_query(query), column, told)


@dataclass(frozen=True)
class DatabaseSource(RowSource):
    """The vectors in what a query gives; it is run anew for each pass.

    Attributes
    ----------
    url : DatabaseUrl
    query : str
        What selects the rows. It is not shown, since a query may have secrets too.
    columns : QueryColumns
        Where in the result they are, and how they are written.
    """

    url: DatabaseUrl = field(repr=False)
    query: str = field(repr=False)
    columns: QueryColumns
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    told: str | None = None
    nulls_as_nan: bool = False

    @classmethod
    def open(
        cls, url: DatabaseUrl, query: str, column: str | None, told: str | None
    ) -> DatabaseSource:
        """Count the rows of a query, and look at the first of them.

        Parameters
        ----------
        url
            The database.
        query
            One statement that gives rows.
        column
            Name of a column of its result, needed where several hold vectors.
        told
            What bytes or base64 are.

        Raises
        ------
        ConnectionError
            The database cannot be reached.
        BadDataError
            The query fails, or its result holds no vectors.
        NoRowsError
            It has no rows.
        """
        with query_batches(url, counting(query)) as batches:
            n_rows = sum(int(batch.column(0)[0].as_py()) for batch in batches)
        if not n_rows:
            raise NoRowsError(url.name, "the query gave no rows; wanted at least one")
        with query_batches(url, query) as batches:
            batch = next((one for one in batches if one.num_rows), None)
        if batch is None:
            raise BadDataError(url.name, _changed(0, n_rows))
        columns = chosen_columns(url.name, batch, column, told)
        reader = columns.reader(url.name, batch.schema, None, told)
        first = 0
        if columns.kind != "numbers":
            there = batch.column(columns.label).is_valid().to_numpy(zero_copy_only=False)
            first = int(there.argmax())
        width = reader.look(batch.slice(first), _Places(first))
        check_table_shape(f"{url.name}[{columns.label}]", n_rows, width)
        return cls(url, query, columns, n_rows, width, reader.dtype, reader.told)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The URL, without secrets."""
        return self.url.name

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """The database without secrets and a digest of the query; its rows may change unseen."""
        scheme = self.url.scheme
        place = self.name if scheme == POSTGRESQL else f"{scheme}:{self.url.place}"
        digest = hashlib.sha256(self.query.encode()).hexdigest()[:16]
        size = self.n_rows * self.n_cols * self.dtype.itemsize
        return Identity(f"{place} query:{digest}", size, "unknown", self.columns.label)

    @property
    def entries(self) -> tuple[int, ...]:
        """A query is run from its beginning."""
        return (0,)

    def where(self, row: int) -> str:
        """Say which row of the result it is."""
        return _place(row)

    def with_nulls_as_nan(self) -> DatabaseSource:
        """Return the source in which what is null is NaN."""
        return replace(self, nulls_as_nan=True)

    def check_ordered(self) -> None:
        """Refuse a query without an order."""
        if not is_ordered(self.query):
            raise BadDataError(
                self.name,
                "a query without ORDER BY gives its rows in any order, and rows are to be chosen "
                "by their places; add ORDER BY and a key to the query, or choose the rows in it",
            )

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield the rows from ``start`` on; those before are fetched and passed over."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from `start` on."""
        done, reader = 0, None
        row_bytes = self.n_cols * self.dtype.itemsize
        step = max(1, BLOCK_BYTES // row_bytes)
        with query_batches(self.url, self.query, row_bytes) as batches:
            for batch in batches:
                if reader is None:
                    reader = self.columns.reader(self.name, batch.schema, self.n_cols, self.told)
                for first in range(max(0, start - done), batch.num_rows, step):
                    yield from self._matrices(reader, batch.slice(first, step), done + first)
                done += batch.num_rows
                if done > self.n_rows:
                    break
        if done != self.n_rows:
            raise BadDataError(self.name, _changed(done, self.n_rows))

    def _matrices(self, reader: Any, batch: Any, first: int) -> Iterator[NDArray[Any]]:
        """Yield the rows of a part of a result; before a bad one those that stand before it."""
        try:
            rows = reader.matrix(batch, _Places(first), nulls=self.nulls_as_nan)
        except BadDataError:
            # Each check goes over all rows, so the first that fails one is found by halving.
            half = batch.num_rows // 2
            if not half:
                raise
            yield from self._matrices(reader, batch.slice(0, half), first)
            yield from self._matrices(reader, batch.slice(half), first + half)
        else:
            yield rows


class _Places:
    """Says where the rows of a part of a result stand."""

    def __init__(self, first: int) -> None:
        self._first = first

    def __call__(self, row: int) -> str:
        return _place(self._first + row)


def _place(row: int) -> str:
    """Say which row of the result it is."""
    return f"row {row} of the query"


def _changed(came: int, counted: int) -> str:
    """Say that a table changed."""
    found = f"{came} rows" if came < counted else "more rows"
    return (
        f"the query gave {found}, and {counted} when they were counted: its table changes; bound "
        f"the query, such as by WHERE id <= 1000, or score a cursor of it, which is read once: "
        f"rankme.score(cursor)"
    )
