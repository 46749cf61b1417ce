"""Scores and truths as people have them: mappings, Series, sequences, long and wide tables."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.arguments import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CELL", "Side", "check_by", "in_cell", "read_side"]

CELL = "cell"  # what a wide table's columns are called
_NAME, _VALUE = "name", "value"


@dataclass(frozen=True)
class Side:
    """The scores, or the truths: a number for each run, in each cell."""

    what: str  # the argument's name
    columns: tuple[str, ...]  # that make a cell; none where one number serves all cells
    cells: dict[tuple[Any, ...], dict[Any, Any]]  # key of the cell -> name of the run -> value
    has_names: bool = True

    def add(self, key: tuple[Any, ...], name: Any, value: object) -> None:
        """Put a value in; a name that a cell has already is an error."""
        for one in (*key, name):
            if _is_missing(one):
                raise ValueError(
                    f"{self.what} has {value!r} for run {name!r}{in_cell(key)}, where {one!r} is "
                    f"no name; name it, or leave the row out"
                )
        runs = self.cells.setdefault(key, {})
        if name in runs:
            raise ValueError(
                f"{self.what} has run {name!r} twice{in_cell(key)}; give each run one name, and "
                f"repeats of one run as a list under its name"
            )
        runs[name] = value


def in_cell(key: tuple[Any, ...]) -> str:
    """Say which cell, where there are several."""
    return f" in cell {key[0] if len(key) == 1 else key!r}" if key else ""


def check_by(by: tuple[str, ...] | None, columns: Iterable[Any]) -> None:
    """Raise unless the truth has all columns that are to make a cell."""
    for column in by or ():
        if column not in columns:
            raise ValueError(
                f"by names {column!r}, and truth has no such column; by is for a long table with a "
                f"row for each run in each cell; a wide one, run -> cell -> value, needs no by"
            )


def read_side(values: object, what: str, by: tuple[str, ...] | None) -> Side:
    """Bring one side into one form.

    Parameters
    ----------
    values
        What the user gave.
    what
        ``"scores"``, ``"truth"`` or ``"truth_error"``.
    by
        The columns of a long table that make a cell; None where none were named.
    """
    if hasattr(values, "itertuples"):  # a pandas DataFrame
        columns = [*values.columns]  # type: ignore[attr-defined]
        twice = next((c for i, c in enumerate(columns) if c in columns[:i]), None)
        if twice is not None:
            raise ValueError(f"{what} has the column {twice!r} twice; drop or rename one of them")
        rows = [*values.itertuples(index=False, name=None)]
        if by is not None or _NAME in columns:
            return _long([dict(zip(columns, row, strict=True)) for row in rows], columns, what, by)
        index = values.index  # type: ignore[attr-defined]
        return _wide(
            ((n, dict(zip(columns, row, strict=True))) for n, row in zip(index, rows, strict=True)),
            what,
        )
    if isinstance(values, Mapping) or (hasattr(values, "index") and hasattr(values, "items")):
        pairs = [*values.items()]
        if pairs and all(isinstance(value, Mapping) for _, value in pairs):
            return _wide(pairs, what)
        side = Side(what, (), {(): {}})
        for name, value in pairs:
            side.add((), name, value)
        return side
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a masked array, whose mask would be lost; leave the masked runs out of "
            f"all sides"
        )
    # A set has no order that could be that of the other side.
    if isinstance(values, str | AbstractSet) or not hasattr(values, "__len__"):
        raise TypeError(
            f"{what} must be a mapping from names to numbers, a Series, a sequence or a table, not "
            f"{type_name(values)}"
        )
    listed = list(values)  # type: ignore[call-overload]
    if listed and all(isinstance(row, Mapping) for row in listed):
        return _long(listed, [*listed[0]], what, by)
    return Side(what, (), {(): dict(enumerate(listed))}, has_names=False)


def _wide(pairs: Iterable[tuple[Any, Mapping[Any, Any]]], what: str) -> Side:
    """Read a mapping from runs to mappings from cells to values."""
    side = Side(what, (CELL,), {})
    for name, cells in pairs:
        for cell, value in cells.items():
            side.add((cell,), name, value)
    return side


def _long(
    rows: Sequence[Mapping[Any, Any]], columns: list[Any], what: str, by: tuple[str, ...] | None
) -> Side:
    """Read a table with a row for each run in each cell."""
    for number, row in enumerate(rows):
        if row.keys() != set(columns):
            raise ValueError(
                f"{what}: row {number} has the columns {[*row]}, and row 0 has {columns}; give all "
                f"rows the same"
            )
    if what == "truth":
        check_by(by, columns)
    keys = tuple(column for column in by or () if column in columns)
    name, value = _name_and_value(rows, [c for c in columns if c not in keys], what)
    side = Side(what, keys, {})
    for row in rows:
        side.add(tuple(row[key] for key in keys), row[name], row[value])
    return side


def _name_and_value(
    rows: Sequence[Mapping[Any, Any]], left: list[Any], what: str
) -> tuple[Any, Any]:
    """Find the columns of the names and of the numbers among those that make no cell."""
    own = "score" if what == "scores" else what
    other = {"score", "truth", "truth_error"} - {own}
    left = [column for column in left if column not in other]
    numeric = [c for c in left if c != _NAME and all(_is_number(row[c]) for row in rows)]
    values = [c for c in (own, _VALUE) if c in left][:1] or numeric
    names = [_NAME] if _NAME in left else [c for c in left if c not in values]
    if len(values) != 1 or len(names) != 1:
        raise ValueError(
            f"{what}: beside the columns of by= there are {left}; wanted are two, one of names and "
            f"one of numbers, or columns called {_NAME!r} and {own!r}; name the others in by=, or "
            f"leave them out"
        )
    return names[0], values[0]


def _is_missing(name: object) -> bool:
    """Whether a name is what stands in a table where there is none: None, NaN, NaT or NA."""
    if name is None:
        return True
    try:
        return bool(name != name)  # noqa: PLR0124 - NaN and NaT are like nothing
    except TypeError:  # NA, of which nothing is known
        return True


def _is_number(value: object) -> bool:
    """Whether a value is a real number; a truth value is none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
