"""The errors of entries that are NaN or infinite, with their places."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rankme._base.errors import NonFiniteError
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.sources._source import RowSource

__all__ = ["not_finite", "not_finite_in"]


def not_finite(name: str, where: str, column: int, value: float) -> BadDataError:
    """Return the error of an entry that is NaN or infinite, in the row that `where` names."""
    return BadDataError(
        name,
        f"{where}, column {column} (counted from 0) is {value}; every entry must be finite",
    )


@contextmanager
def not_finite_in(shard: RowSource, first: int) -> Iterator[None]:
    """Let a NonFiniteError in rows from `first` on say where in the shard the entry stands."""
    try:
        yield
    except NonFiniteError as error:
        raise shard.bad_entry(first + error.row, error.column, error.value) from error
