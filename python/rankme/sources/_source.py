"""What every source of rows is: a shape, an identity and an iterator of row blocks."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.tags import as_tags
from rankme.sources._errors import BadDataError
from rankme.sources._not_finite import not_finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from typing_extensions import Self

    from rankme._base.tags import Tags

__all__ = [
    "BLOCK_BYTES",
    "Identity",
    "RowSource",
    "check_count",
    "check_start",
    "source_bytes",
]

# Large enough for the core's fast path for many narrow rows, which wants 32 rows for each column
# and thread: 16,384 float32 rows of 256 columns do for up to two threads, and narrower rows for
# more.
# Small enough that the few blocks of a read-ahead are nothing beside the rest.
BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Identity:
    """What tells a shard from every other, and from its own earlier content.

    Attributes
    ----------
    name : str
        Absolute path without links, or URL without user, password and signature.
    size : int
        In bytes, as stored.
    version : str
        When or what it was: ``mtime_ns:...`` of a local file, ``etag:...`` or the like of a remote
        one; ``unknown`` where the store tells nothing.
    column : str or None
        Which column, tensor or dataset of the file, where it holds several things.
    """

    name: str
    size: int
    version: str
    column: str | None = None

    @property
    def shard(self) -> str:
        """The id of the shard in an accumulator: its name, and the column after a ``#``."""
        return self.name if self.column is None else f"{self.name}#{self.column}"


class RowSource(ABC):
    """A set of embeddings that is read as a stream of row blocks.

    Nothing stays open between calls, and iterators are independent of each other. Subclass it to
    score rows from anywhere: set the attributes and write `blocks`.

    Attributes
    ----------
    name : str
        Path or URL, as it is shown.
    identity : Identity
    n_rows, n_cols : int
        Shape (N, K), both at least 1, known before any row is read.
    dtype : numpy.dtype
        float16, bfloat16 (of ml_dtypes), float32 or float64.
    tags : mapping
        Where the rows come from, as `rankme.Accumulator.tags`: what the file itself says, and
        `tagged` over it; empty where nothing was told.
    stored : str or None
        What the entries are in the file, where they are read as something else: bytes as numbers,
        codes that were decoded.
    dimensions : tuple of str
        The names of the K columns, where each dimension has one; else empty.
    """

    name: str
    identity: Identity
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    tags: Tags = MappingProxyType({})
    stored: str | None = None
    dimensions: tuple[str, ...] = ()

    def tagged(self, tags: Tags) -> Self:
        """Return the source with tags over those that it has.

        Parameters
        ----------
        tags
            Texts as keys, and texts, numbers or booleans as values.

        Returns
        -------
        RowSource
            One of the same rows, which is equal to this one.

        Raises
        ------
        TypeError, ValueError
            They are something else.
        """
        result = copy.copy(self)
        # Sources are frozen, and tags are no part of what makes them equal.
        object.__setattr__(result, "tags", {**self.tags, **as_tags(tags)})
        return result

    @property
    def shards(self) -> tuple[RowSource, ...]:
        """The single files behind it, in the order of their rows."""
        return (self,)

    @property
    def entries(self) -> tuple[int, ...] | None:
        """Rows from which reading can begin without reading earlier ones; None where any is one."""
        return None

    @abstractmethod
    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on, in order, each exactly once.

        Parameters
        ----------
        start
            First row, 0 <= start <= N.
        hold
            How many further steps of the iterator a block must outlive. With 0 the next step may
            overwrite it.

        Yields
        ------
        numpy.ndarray
            Shape (rows, K) with rows >= 1, of the source's dtype.

        Raises
        ------
        BadDataError
            Rows that are missing, null or of another length; a file that changed since it was
            opened.
        ValueError
            ``start`` lies outside the source.
        OSError
            It cannot be read.
        """

    def take(
        self,
        rows: NDArray[np.int64],
        *,
        hold: int = 0,  # noqa: ARG002 - formats that know better need it
    ) -> Iterator[NDArray[Any]]:
        """Yield chosen rows, in order.

        Unless a format knows better, the blocks that have some are read, and what lies between
        them is passed over as far as reading can begin again behind it.

        Parameters
        ----------
        rows
            Shape (n,), ascending, each once, counted from 0.
        hold
            As of :meth:`blocks`.

        Yields
        ------
        numpy.ndarray
            Shape (some of the n, K), of the source's dtype.

        Raises
        ------
        BadDataError, OSError
            As :meth:`blocks`.
        """
        done = 0
        while done < len(rows):
            first = int(rows[done])
            for block in self.blocks(first):
                last = int(np.searchsorted(rows, first + len(block)))
                if last > done:
                    yield block[rows[done:last] - first]  # a copy, which outlives any steps
                done, first = last, first + len(block)
                if done == len(rows) or self._can_begin(first + len(block), int(rows[done])):
                    break
            else:
                raise BadDataError(self.name, f"ends before row {rows[done]}")
        self.check_unchanged()

    def _can_begin(self, after: int, row: int) -> bool:
        """Tell whether reading can begin between two rows, to come to the second."""
        if self.entries is None:
            return after <= row
        return any(after <= entry <= row for entry in self.entries)

    def check_ordered(self) -> None:  # noqa: B027 - rows in files have their places
        """Raise a BadDataError where the rows may come in another order each time."""

    def check_unchanged(self) -> None:  # noqa: B027 - most that is no file has nothing to ask
        """Raise a BadDataError if the source is not what it was when it was opened.

        `blocks` does so before its first block and after its last; whoever stops earlier, or uses
        rows that are mapped, asks here. Unless it is overridden, nothing is looked at.
        """

    def where(self, row: int) -> str:
        """Say in words where a row stands.

        Parameters
        ----------
        row
            Counted from 0, over all rows of the source.

        Returns
        -------
        str
            Such as ``row 17``.
        """
        return f"row {row}"

    def bad_entry(self, row: int, column: int, value: float) -> ValueError:
        """Return the error that says where NaN or infinity stands.

        Parameters
        ----------
        row, column
            Counted from 0.
        value
            What stands there.

        Returns
        -------
        ValueError
            One that names the source, and says in words where the row is.
        """
        return not_finite(self.name, self.where(row), column, value)

    def with_nulls_as_nan(self) -> RowSource:
        """Return the source in which rows and entries that are null come as NaN.

        Returns
        -------
        RowSource
            The same where a format has no nulls, or does not tell them.
        """
        return self

    def panels(self, width: int) -> Iterator[NDArray[Any]]:
        """Yield the columns, ``width`` at a time and in order.

        For sets with fewer rows than columns, so that all N x K entries fit where a K x K matrix
        would. Unless a format knows better, all rows are gathered first.

        Parameters
        ----------
        width
            Columns of a panel, at least 1; the last one may have fewer.

        Yields
        ------
        numpy.ndarray
            Shape (N, columns), of the source's dtype. The next step may overwrite it.

        Raises
        ------
        BadDataError, OSError
            As :meth:`blocks`.
        """
        rows = self.matrix()
        for first in range(0, self.n_cols, width):
            yield rows[:, first : first + width]

    def matrix(self) -> NDArray[Any]:
        """Return all rows as one array: in memory, unless a format can map them.

        Returns
        -------
        numpy.ndarray
            Shape (N, K), of the source's dtype.

        Raises
        ------
        BadDataError, OSError
            As :meth:`blocks`.
        """
        rows = np.empty((self.n_rows, self.n_cols), dtype=self.dtype)
        first = 0
        for block in self.blocks():
            rows[first : first + len(block)] = block
            first += len(block)
        check_count(self, first)
        return rows

    def _repr_html_(self) -> str:
        """Show in notebooks what it is; nothing is read for it."""
        from rankme.sources._source_html import html_of  # noqa: PLC0415 - it knows what there is

        return html_of(self, source_bytes(self))


def check_start(start: int, n_rows: int) -> None:
    """Raise a ValueError where ``start`` is no row of the source nor its end."""
    if not 0 <= start <= n_rows:
        raise ValueError(f"start is {start}; wanted a row from 0 to {n_rows}")


def check_count(source: RowSource, n_rows: int) -> None:
    """Raise a BadDataError where a source gave another number of rows than it had announced."""
    # A user's own source may; a score of too few rows must not pass.
    if n_rows != source.n_rows:
        raise BadDataError(source.name, f"gave {n_rows} rows; it had announced {source.n_rows}")


def source_bytes(source: RowSource) -> int:
    """Count the bytes of all rows."""
    return sum(part.n_rows * part.n_cols * part.dtype.itemsize for part in source.shards)
