"""Which columns of a table in memory are the embeddings, by one rule for every library."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Columns", "choose"]

_MOST_LISTED = 8


class Columns(NamedTuple):
    """What a table has.

    Attributes
    ----------
    names, vectors, floats : sequence of str
        All columns, those of vectors, and those of single floating-point numbers.
    types : mapping
        The type of each, in words.
    select : str
        Python that leaves the columns whose list takes the place of ``{}``.
    select_all : str
        Python that leaves the columns of floating-point numbers.
    """

    names: Sequence[str]
    vectors: Sequence[str]
    floats: Sequence[str]
    types: Mapping[str, str]
    select: str
    select_all: str


def choose(columns: Columns, column: str | None, name: str) -> str | None:
    """Choose the column of vectors, or None where every column is a dimension of the rows.

    Parameters
    ----------
    columns
        What the table has.
    column
        What the user asked for.
    name
        What the table is called, in errors.

    Raises
    ------
    ValueError
        There is no such column, it is there twice, or several could be meant.
    TypeError
        Beside numbers it has columns that are none, such as an id. They are never scored.
    """
    if column is not None:
        count = list(columns.names).count(column)
        if count == 1:
            return column
        has = "no" if count == 0 else str(count)
        raise ValueError(f"{name} has {has} column {column!r}; it has {_listed(columns.names)}")
    if len(columns.vectors) == 1:
        return columns.vectors[0]
    if columns.vectors:
        first = columns.vectors[0]
        raise ValueError(
            f"{name} has {len(columns.vectors)} columns of vectors: {_listed(columns.vectors)}; "
            f"name one: rankme.score({name}, column={first!r}), or pass {name}[{first!r}]"
        )
    others = [label for label in columns.names if label not in columns.floats]
    if columns.names and not others:
        return None
    raise TypeError(_not_all_numbers(columns, others, name))


def _not_all_numbers(columns: Columns, others: Sequence[str], name: str) -> str:
    """Name the columns that are no embeddings, and the way to those that are."""
    if not columns.names:
        return f"{name} is a table without columns"
    kinds = ", ".join(f"{label!r} ({columns.types[label]})" for label in others[:_MOST_LISTED])
    rest = len(others) - _MOST_LISTED
    text = f"{name} is a table of which {kinds}{f' and {rest} more' if rest > 0 else ''} "
    text += "can be no coordinates of an embedding"
    if columns.floats:
        few = len(columns.floats) <= _MOST_LISTED
        way = columns.select.format(list(columns.floats)) if few else columns.select_all
        return (
            f"{text}; if every column of floating-point numbers is one, pass {way}; if a column "
            f"holds vectors, rankme.score({name}, column=...) names it"
        )
    return (
        f"{text}; wanted is a column of vectors, which rankme.score({name}, column=...) names, or "
        f"columns of floating-point numbers alone"
    )


def _listed(names: Sequence[str]) -> str:
    """List some names."""
    shown = ", ".join(map(repr, names[:_MOST_LISTED]))
    rest = len(names) - _MOST_LISTED
    return (f"{shown} and {rest} more" if rest > 0 else shown) or "none"
