"""From what a user gave to its rows, all or some: a source, blocks, or what may be an array."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.arrays import as_matrix, is_tensor
from rankme._base.errors import NonFiniteError
from rankme.sources import RowSource, choose_rows, open_source, subset
from rankme.sources._block_stream import BlockStream, is_blocks
from rankme.sources._choice import as_row_count, as_row_seed, check_enough
from rankme.sources._converted import as_reading, converted
from rankme.sources._in_memory import ChunkRows, VectorRows
from rankme.sources._open import open_as
from rankme.sources._picked import PickedStream, picked
from rankme.sources._reading import BYTES
from rankme.sources.memory import as_rows, is_one_shot_table, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rankme.sources._reading import Reading

__all__ = ["Opened", "Select", "in_rows_of", "open_rows"]

MATRIX_NDIM = 2
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
    integers: bool = False,
    unpack_bits: object = False,
    select: Select = None,
    nulls: bool = False,
    query: str | None = None,
) -> Opened:
    """Find the rows of what the user gave, and choose among them.

    Parameters
    ----------
    Z, rows, seed, column, dtype, integers, unpack_bits, select, query
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
    reading = as_reading(column, dtype, integers, unpack_bits, query=query)
    told = reading.told
    if query is not None:
        Z, column, told = _queried(Z, reading), None, None  # noqa: N806
    elif reading.takes_bytes:
        Z, column, told = _of_bytes(Z, reading, select), None, None  # noqa: N806
    elif told is not None and not is_one_shot_table(Z):
        Z, column, told = _told(Z, column, told), None, None  # noqa: N806
    found = _opened(Z, column, select, nulls=nulls, told=told)
    return Opened(found) if wanted is None else _chosen(found, wanted, start, Z)


def _of_bytes(Z: object, reading: Reading, select: Select) -> Any:  # noqa: N803
    """Open a path, or take an array, whose rows may be int8 and uint8."""
    if isinstance(Z, str | os.PathLike) and not isinstance(Z, RowSource) and select is None:
        return open_as(Z, reading)
    array: Any = Z
    if is_tensor(array):
        if str(array.dtype).removeprefix("torch.") not in BYTES and reading.bits is None:
            return Z
        array = array.cpu().numpy()
    if not isinstance(array, np.ndarray) or select is not None or reading.column is not None:
        raise TypeError(
            f"integers= and unpack_bits= read a path, an array of NumPy or a tensor of PyTorch, "
            f"and Z is {type_name(Z)}; pass np.stack(rows), or blocks that were converted"
        )
    if reading.told is not None:
        raise TypeError("dtype= tells what the bytes of a file are, and an array has a dtype")
    if array.dtype.name not in BYTES and reading.bits is None:
        return Z
    if array.ndim != MATRIX_NDIM or 0 in array.shape:
        as_matrix(array.astype(np.float16), "Z", of=array)  # which says what is wrong with it
    return converted(ChunkRows("Z", [array]), reading)


def _told(Z: object, column: str | None, dtype: str) -> RowSource:  # noqa: N803
    """Open a file of which the user tells what its bytes are."""
    if not isinstance(Z, str | os.PathLike) or isinstance(Z, RowSource):
        raise TypeError(
            f"dtype= tells what the bytes of a file or an Arrow stream are, and Z is "
            f"{type_name(Z)}; bytes in memory are read by np.frombuffer(row, dtype), row by row"
        )
    return open_source(Z, column=column, dtype=dtype)


def _queried(Z: object, reading: Reading) -> RowSource:  # noqa: N803
    """Open what a query of a database gives."""
    if not isinstance(Z, str | os.PathLike):
        raise TypeError(
            f"query= is run by a database, of which Z is the URL, as sqlite:FILE; Z is "
            f"{type_name(Z)}"
        )
    return open_as(Z, reading)


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
