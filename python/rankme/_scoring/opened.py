"""From what a user gave to its rows, all or some: a source, blocks, or what may be an array."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.errors import NonFiniteError
from rankme.sources import RowSource, choose_rows, open_source, subset
from rankme.sources._block_stream import BlockStream, is_blocks
from rankme.sources._choice import as_row_count, as_row_seed, check_enough
from rankme.sources._in_memory import ChunkRows, VectorRows
from rankme.sources._picked import PickedStream, picked
from rankme.sources._told import as_told
from rankme.sources.memory import as_rows, is_one_shot_table, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["Opened", "Select", "in_rows_of", "open_rows"]

# Which part of an item of an iterable holds the rows.
Select: TypeAlias = "int | str | Callable[[Any], Any] | None"


class Opened(NamedTuple):
    """Rows that are to be scored.

    Attributes
    ----------
    rows
        A RowSource, a BlockStream, or what may be an array.
    numbers
        Which rows of the user's these are, where they cannot tell by themselves.
    """

    rows: Any
    numbers: NDArray[np.int64] | None = None


def open_rows(
    Z: object,  # noqa: N803
    *,
    rows: SupportsIndex | None = None,
    seed: SupportsIndex | None = 0,
    column: str | None = None,
    dtype: object = None,
    select: Select = None,
    nulls: bool = False,
    query: str | None = None,
) -> Opened:
    """Find the rows of what the user gave, and choose among them.

    Parameters
    ----------
    Z, rows, seed, column, dtype, select, query
        As in `rankme.score`.
    nulls
        Whether rows of Arrow that are null are to come as NaN.

    Raises
    ------
    TypeError, ValueError, BufferError, ImportError, OSError
        As `rankme.score`.
    """
    start = as_row_seed(seed)
    wanted = None if rows is None else as_row_count(rows)
    told = as_told(dtype)
    if query is not None:
        Z, column, told = _queried(Z, query, column, told), None, None  # noqa: N806
    if told is not None and not is_one_shot_table(Z):
        Z, column, told = _told(Z, column, told), None, None  # noqa: N806
    found = _opened(Z, column, select, nulls=nulls, told=told)
    return Opened(found) if wanted is None else _chosen(found, wanted, start, Z)


def _told(Z: object, column: str | None, dtype: str) -> RowSource:  # noqa: N803
    """Open a file of which the user tells what its bytes are."""
    if not isinstance(Z, str | os.PathLike) or isinstance(Z, RowSource):
        raise TypeError(
            f"dtype= tells what the bytes of a file or an Arrow stream are, and Z is "
            f"{type_name(Z)}; bytes in memory are read by np.frombuffer(row, dtype), row by row"
        )
    return open_source(Z, column=column, dtype=dtype)


def _queried(Z: object, query: str, column: str | None, dtype: str | None) -> RowSource:  # noqa: N803
    """Open what a query of a database gives."""
    if not isinstance(Z, str | os.PathLike):
        raise TypeError(
            f"query= is run by a database, of which Z is the URL, as sqlite:FILE; Z is "
            f"{type_name(Z)}"
        )
    return open_source(Z, column=column, dtype=dtype, query=query)


def _chosen(found: Any, wanted: int, start: int | None, given: object) -> Opened:
    """Choose some of the rows that were found."""
    if isinstance(found, BlockStream):
        some = PickedStream(found, wanted, start)
        return Opened(some, some.numbers)
    if isinstance(found, VectorRows):
        check_enough(wanted, found.n_rows, "Z")
        numbers = choose_rows(found.n_rows, wanted, seed=start)
        return Opened(found.some(numbers), numbers)
    if isinstance(found, RowSource):
        return Opened(subset(found, wanted, seed=start))
    view = as_rows(found, of=given)
    check_enough(wanted, view.shape[0], "Z")
    if wanted == view.shape[0]:
        return Opened(found)
    if start is not None and isinstance(found, np.ndarray):
        # Its rows are taken a block at a time: all of them may not fit in memory twice.
        return Opened(subset(ChunkRows("Z", [found]), wanted, seed=start))
    numbers = choose_rows(view.shape[0], wanted, seed=start)
    return Opened(picked(found, view, numbers), numbers)


@contextmanager
def in_rows_of(numbers: NDArray[np.int64] | None) -> Iterator[None]:
    """Let a NonFiniteError in chosen rows tell which row of the user's it is."""
    try:
        yield
    except NonFiniteError as error:
        if numbers is None:
            raise
        row = int(numbers[error.row])
        raise NonFiniteError(row, error.column, error.value) from error


def _opened(
    Z: object,  # noqa: N803
    column: str | None,
    select: Select,
    *,
    nulls: bool,
    told: str | None,
) -> Any:
    """Find the rows of what the user gave: a source, blocks, or what may be an array."""
    if type(Z) is np.ndarray and Z.dtype != object and column is None and select is None:
        return Z  # most of all calls
    blocks = is_blocks(Z) and not isinstance(Z, RowSource | os.PathLike)
    if select is not None and not blocks:
        raise TypeError(
            f"select= chooses from the items of an iterable of blocks, and Z is {type_name(Z)}"
        )
    if told is not None and select is not None:
        raise TypeError(
            "dtype= tells of a column of an Arrow stream, which column= names: leave out select="
        )
    if blocks:
        return BlockStream(Z, column=column, select=select, nulls=nulls, told=told)
    if isinstance(Z, str | os.PathLike):
        return open_source(Z, column=column)
    if isinstance(Z, RowSource):
        if column is not None:
            raise TypeError("Z is a source, which was opened with its column: leave out column=")
        return Z
    return resolve(Z, column=column, nulls=nulls)
