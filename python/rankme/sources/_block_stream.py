"""Blocks of rows from an iterator, a loader of batches or a reader of record batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from rankme import _core
from rankme._base.arguments import type_name
from rankme._base.arrays import as_matrix
from rankme.sources._column_order import ColumnOrder
from rankme.sources._in_memory import MemoryRows, stacked
from rankme.sources._list_memory import depth_of, is_vector
from rankme.sources._record_batches import ToldRows, record_batches
from rankme.sources._source import BLOCK_BYTES
from rankme.sources.memory import is_one_shot_table, is_table, resolve

__all__ = ["BlockStream", "is_blocks"]

_MATRIX_NDIM = 2


def is_blocks(obj: object) -> bool:
    """Tell whether something gives blocks of rows one after the other, and is no array or list."""
    if is_one_shot_table(obj):
        return True
    whole = (str, bytes, bytearray, Mapping, AbstractSet, Sequence)
    if isinstance(obj, whole) or _core.is_array(obj) or is_table(obj):
        return False
    # What NumPy can convert is an array, be it one that rankme does not read where it lies.
    return isinstance(obj, Iterable) and not any(
        hasattr(obj, name) for name in ("__array__", "toarray", "to_numpy")
    )


class BlockStream:
    """Rows that come block by block, each block one matrix or one vector.

    Parameters
    ----------
    blocks
        An iterable of what `rankme.score` takes, or a reader of record batches.
    column
        Which column of a table holds the vectors.
    select
        Which part of each item holds the rows: its index or key, or a function of the item.
    name
        What the error messages call it.
    nulls
        Whether rows of Arrow that are null are to come as NaN.
    told
        What the bytes of a binary column of an Arrow stream are.

    Attributes
    ----------
    once : bool
        Whether it gives its rows one time only.
    """

    def __init__(
        self,
        blocks: Any,
        *,
        column: str | None = None,
        select: object = None,
        name: str = "Z",
        nulls: bool = False,
        told: str | None = None,
    ) -> None:
        self.name = name
        self.once = is_one_shot_table(blocks) or isinstance(blocks, Iterator)
        self._blocks = blocks
        self._column = column
        self._select = select
        self._nulls = nulls
        self._order = ColumnOrder()
        self._told = None if told is None else ToldRows(name, column, told, nulls=nulls)

    def __iter__(self) -> Iterator[_core.ArrayView]:
        """Yield matrices of at least one row; vectors are gathered first."""
        return (view for _, view in self.matrices())

    def matrices(self) -> Iterator[tuple[Any, _core.ArrayView]]:
        """Yield matrices of at least one row, as they came and as the core reads them."""
        vectors: list[Any] = []
        size = 0
        for number, item in enumerate(self._items()):
            for array in self._arrays(item, number):
                if _is_row(array):
                    vectors.append(array)
                    size += len(array) * 8
                    if size < BLOCK_BYTES:
                        continue
                if vectors:
                    yield self._gathered(vectors)
                    vectors, size = [], 0
                if not _is_row(array):
                    yield self._checked(array, number)
        if vectors:
            yield self._gathered(vectors)

    def _items(self) -> Iterator[Any]:
        """Begin anew, where that is possible."""
        if not is_one_shot_table(self._blocks):
            yield from self._blocks
            return
        yield from record_batches(self._blocks, self.name)

    def _arrays(self, item: Any, number: int) -> Iterator[Any]:
        """Yield the arrays with the rows of an item; none of one without rows."""
        part = self._part(item, number)
        if depth_of(part) == 0:
            raise TypeError(
                f"block {number} of {self.name} is a single number; wanted are rows, or blocks of "
                f"them"
            )
        if getattr(part, "shape", (1,))[0:1] == (0,) or getattr(part, "num_rows", 1) == 0:
            return
        if self._told is not None:
            yield self._told.matrix(part, number)
            return
        try:
            rows = resolve(part, column=self._column, name="z", nulls=self._nulls)
        except (TypeError, ValueError) as error:
            raise self._blamed(error, number) from error
        width = rows.n_cols if isinstance(rows, MemoryRows) else getattr(rows, "shape", (0,))[-1]
        self._order.keep(self._order.of(part, width, f"block {number} of {self.name}"))
        if isinstance(rows, MemoryRows):
            yield from rows.blocks()
        elif getattr(rows, "shape", (1,))[0:1] != (0,):
            yield rows

    def _part(self, item: Any, number: int) -> Any:
        """Take from an item what the user chose, or refuse one whose parts are told apart by it."""
        if self._select is None:
            parts = _parts_of(item)
            if parts is not None:
                raise TypeError(
                    f"block {number} of {self.name} is a {type_name(item)} of several things; say "
                    f"which holds the rows: select={parts[0]!r} takes item[{parts[0]!r}], and a "
                    f"function may do the choosing"
                )
            return item
        if callable(self._select):
            return self._select(item)
        try:
            return item[self._select]
        except (KeyError, IndexError, TypeError) as error:
            has = f" with {list(item)}" if isinstance(item, Mapping) else ""
            raise ValueError(
                f"block {number} of {self.name} is a {type_name(item)}{has}, which has no "
                f"[{self._select!r}]"
            ) from error

    def _gathered(self, vectors: list[Any]) -> tuple[Any, _core.ArrayView]:
        """Stack vectors to a matrix."""
        matrix = stacked(vectors, self.name, 0)
        return matrix, as_matrix(matrix, self.name)

    def _checked(self, array: Any, number: int) -> tuple[Any, _core.ArrayView]:
        """Check that an item is a matrix."""
        try:
            return array, as_matrix(array, "z")
        except (TypeError, ValueError) as error:
            raise self._blamed(error, number) from error

    def _blamed(self, error: Exception, number: int) -> Exception:
        """Say which item an error is about."""
        kind = TypeError if isinstance(error, TypeError) else ValueError
        return kind(f"block {number} of {self.name}, here z: {error}")


def _is_row(array: Any) -> bool:
    """Tell whether an array is a vector."""
    return len(getattr(array, "shape", (0, 0))) == 1


def _parts_of(item: object) -> list[Any] | None:
    """List the parts of a dict or tuple that may be rows; None where it is no batch of parts."""
    if isinstance(item, Mapping):
        return [key for key, value in item.items() if _is_matrix(value)] or list(item) or None
    if isinstance(item, list | tuple) and item and _is_matrix(item[0]):
        return [0]
    if isinstance(item, tuple) and any(map(_is_matrix, item)):
        return [i for i, value in enumerate(item) if _is_matrix(value)]
    if isinstance(item, tuple) and len(item) > 1 and is_vector(item[0]) != is_vector(item[1]):
        return [i for i, value in enumerate(item) if is_vector(value)]
    return None


def _is_matrix(value: object) -> bool:
    """Tell whether something has two axes or more."""
    return (depth_of(value) or 0) >= _MATRIX_NDIM
