"""The order of the columns of tables in memory, where each column is a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from rankme.sources.memory import names_of_dimensions

__all__ = ["ColumnOrder"]


class ColumnOrder:
    """Which columns the dimensions were so far; a table with others, or another order, is refused.

    Rows are summed by the place of their entries: of a table whose columns were moved the sums, and
    the score, are wrong without a sign. Arrays have no names, and fit all.

    Attributes
    ----------
    names
        The columns, or nothing as long as no table came.
    """

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    def of(self, table: Any, width: int, what: str = "Z") -> tuple[str, ...]:
        """Return the names of what is to be taken in, or raise a ValueError that tells `what`."""
        names = () if type(table) is np.ndarray else names_of_dimensions(table, width)
        self.require(names, what)
        return names

    def require(self, names: tuple[str, ...], what: str) -> None:
        """Raise a ValueError where these are others than those so far."""
        pairs = enumerate(zip(names, self.names, strict=False))
        place = next((i for i, pair in pairs if len({*pair}) > 1), None)
        if place is not None:
            raise ValueError(
                f"{what} has column {names[place]!r} for dimension {place}, where that of the rows "
                f"before is {self.names[place]!r}: rows would be put together by the place of "
                f"their columns, not by name; table[names] puts columns in one order"
            )

    def keep(self, names: tuple[str, ...]) -> None:
        """Remember the names of what was taken in."""
        self.names = self.names or names
