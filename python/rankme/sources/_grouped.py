"""Files whose rows come in groups: record batches, row groups."""

from __future__ import annotations

from bisect import bisect_right

from rankme.sources._file_source import FileSource

__all__ = ["GroupedSource"]


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
    """

    column: str
    firsts: tuple[int, ...]
    noun: str

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Rows of all groups."""
        return self.firsts[-1]

    def group_of(self, row: int) -> int:
        """Return the number of the group that a row is in."""
        return bisect_right(self.firsts, row) - 1

    def where(self, row: int) -> str:
        """Say in words where a row stands, group first."""
        return self.where_in(self.group_of(row), row)

    def where_in(self, group: int, row: int) -> str:
        """Say where a row of the file stands that is in a known group."""
        return f"{self.noun} {group}, row {row - self.firsts[group]} (row {row} of the file)"
