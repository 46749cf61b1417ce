"""Files whose rows come in groups: record batches, row groups."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rankme.sources._file_source import FileSource
from rankme.sources._vector_types import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.sources._source import Identity

__all__ = ["TOLD", "GroupedSource", "Rows", "chosen_of"]

# Numbers of rows, ascending: all from one on, or some.
Rows: TypeAlias = range | NDArray[np.int64]

# Between the version of a file and what its bytes were taken for.
TOLD = ";bytes:"


class GroupedSource(FileSource):
    """A source that knows where its groups begin.

    Attributes
    ----------
    column : str
        Which column of the table.
    firsts : tuple of int
        First row of each group, and the number of rows at the end.
    noun : str
        What a group is called.
    told : str or None
        What the bytes of a binary column are.
    """

    column: str
    firsts: tuple[int, ...]
    noun: str
    told: str | None

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """Of the file, and which column of it; bytes taken for another type are other rows."""
        found = super().identity
        if self.told is None:
            return found
        return replace(found, version=f"{found.version}{TOLD}{self.told}")

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Rows of all groups."""
        return self.firsts[-1]

    def group_of(self, row: int) -> int:
        """Return the number of the group that a row is in."""
        return bisect_right(self.firsts, row) - 1

    def by_group(self, rows: Rows) -> Iterator[Rows]:
        """Yield those of some rows that are in each group."""
        for first, last in pairwise(bisect_left(rows, row) for row in self.firsts):
            yield rows[first:last]

    def where(self, row: int) -> str:
        """Say in words where a row stands, group first."""
        return self.where_in(self.group_of(row), row)

    def where_of(self, group: int, rows: Rows, number: int) -> str:
        """Say where one of some rows of a known group stands."""
        return self.where_in(group, int(rows[number]))

    def where_in(self, group: int, row: int) -> str:
        """Say where a row of the file stands that is in a known group."""
        return f"{self.noun} {group}, row {row - self.firsts[group]} (row {row} of the file)"


def ways_in_memory(table: str) -> str:
    """Say what to do with columns that are not read, with Python that reads the whole table."""
    return (
        f"; in memory more is taken, as a column for each dimension, or told how to be made "
        f"vectors: Z = {table}; rankme.score(Z)"
    )


def chosen_of(array: Any, rows: Rows, first: int) -> Any:
    """Return some rows of an Arrow array whose first row has a number."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return array.slice(int(rows[0]) - first, len(rows))
    pa = pyarrow("some rows", "arrow")
    return array.take(pa.array(np.asarray(rows) - first))
