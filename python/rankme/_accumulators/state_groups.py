"""What the header of a saved state says of the groups of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rankme.metrics._jackknife import MIN_GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_GROUPS", "MAX_RUN", "Groups", "parse_groups"]

MAX_GROUPS = 2**16
MAX_RUN = 2**31 - 1
_MAX_COUNT = 2**63 - 1


class Groups(NamedTuple):
    """How rows were dealt, and the numbers of the sum of each group.

    Attributes
    ----------
    run_length : int
        Rows that go to one group before the next one's turn comes.
    position : int
        Where the next row stands in a round of all groups.
    rows : tuple of int
        Of each group.
    numbers : tuple of tuple of int
        Of each group: those of a scatter but for the seed, which is that of all.
    merged : bool
        Whether groups hold rows of other streams too, so that no row's group is known.
    """

    run_length: int
    position: int
    rows: tuple[int, ...]
    numbers: tuple[tuple[int, ...], ...]
    merged: bool

    def note(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return what the header says; names: of the numbers."""
        columns = zip(*self.numbers, strict=True)
        return {
            "run_length": self.run_length,
            "position": self.position,
            "merged": self.merged,
            "n_rows": list(self.rows),
            **{name: list(column) for name, column in zip(names, columns, strict=True)},
        }


def parse_groups(note: object, limits: Mapping[str, tuple[int, int]], n_rows: int) -> Groups:
    """Return what a header says, or raise a ValueError where it cannot be so.

    limits: the least and the greatest value of each number of a group.
    """
    if not isinstance(note, dict):
        raise ValueError("the header has groups that are no JSON object")  # noqa: TRY004
    counts = note.get("n_rows")
    size = len(counts) if isinstance(counts, list) else 0
    if not MIN_GROUPS <= size <= MAX_GROUPS:
        raise ValueError(
            f"the header has n_rows of {size} groups, outside {MIN_GROUPS} to {MAX_GROUPS}"
        )
    columns = [
        _column(note, name, size, *ends)
        for name, ends in {"n_rows": (0, _MAX_COUNT), **limits}.items()
    ]
    if sum(columns[0]) != n_rows:
        raise ValueError(f"the header has n_rows {n_rows}, and its groups have {sum(columns[0])}")
    (run_length,) = _column({"run_length": [note.get("run_length")]}, "run_length", 1, 1, MAX_RUN)
    last = run_length * size - 1
    (position,) = _column({"position": [note.get("position")]}, "position", 1, 0, last)
    merged = note.get("merged", True)  # the worse, of a file that does not say
    if not isinstance(merged, bool):
        raise ValueError(f"the header has groups with merged {merged!r}")  # noqa: TRY004
    return Groups(run_length, position, columns[0], tuple(zip(*columns[1:], strict=True)), merged)


def _column(note: Mapping[str, Any], name: str, size: int, low: int, high: int) -> tuple[int, ...]:
    """Return a number of each group, where all are integers in their range."""
    values = note.get(name)
    if (
        not isinstance(values, list)
        or len(values) != size
        or not all(type(value) is int and low <= value <= high for value in values)
    ):
        raise ValueError(
            f"the header has groups with {name} {values!r}; wanted {size} of {low} to {high}"
        )
    return tuple(values)
