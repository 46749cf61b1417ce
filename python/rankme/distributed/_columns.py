"""Columns of embeddings in Arrow tables, as the engines hand them over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["matrices_of"]

LISTS = "make lists of them, as by [numpy.frombuffer(row, 'float16') for row in rows]"


def matrices_of(tables: Iterable[Any], column: str, name: str) -> Iterator[NDArray[Any]]:
    """Yield a column of vectors as matrices over the memory of Arrow, one for each chunk.

    A BadDataError names the first row, counted over all tables, that is null, has a null entry or
    is of another length.
    """
    vectors = None
    first = 0
    for table in tables:
        if vectors is None:
            vectors = VectorColumn(name, table.schema.field(column), way_out=LISTS)
        array = table.column(column)
        for chunk in getattr(array, "chunks", [array]):
            if len(chunk) > 0:
                yield vectors.matrix(chunk, partial(_place, first))
            first += len(chunk)


def _place(first: int, row: int) -> str:
    """Say where a row stands among those of all tables."""
    return f"row {first + row}"
