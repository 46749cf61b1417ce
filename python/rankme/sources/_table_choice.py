"""Which columns of a table in memory are the embeddings, by one rule for every library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.dtypes import dtype_advice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "ARROW",
    "DATASETS",
    "PANDAS",
    "POLARS",
    "Columns",
    "Ways",
    "check_coordinates",
    "choose",
]

_MOST_LISTED = 8
# Rows that are looked at for columns of whole numbers, and how many there have to be.
_LOOKED_AT, _FEWEST_ROWS = 1000, 8


class Ways(NamedTuple):
    """Python of a library of tables, with ``{name}`` and ``{labels}`` to be filled in.

    Attributes
    ----------
    select, drop : str
        Leaves some columns, or leaves them out.
    select_all : str
        Leaves the columns of floating-point numbers.
    array : str
        Makes an array of all columns.
    column : str
        Makes of a column of the library what PyArrow has.
    """

    select: str
    drop: str
    select_all: str
    array: str
    column: str


_FLOAT_FIELDS = "[f.name for f in {schema} if 'float' in str(f.type) or str(f.type) == 'double']"
ARROW = Ways(
    select="{name}.select({labels})",
    drop="{name}.drop_columns({labels})",
    select_all=f"{{name}}.select({_FLOAT_FIELDS.format(schema='{name}.schema')})",
    array="np.column_stack({name}.columns)",
    column="{name}",
)
POLARS = Ways(
    select="{name}.select({labels})",
    drop="{name}.drop({labels})",
    select_all="{name}.select(polars.selectors.float())",
    array="{name}.to_numpy()",
    column="pyarrow.chunked_array({name})",
)
PANDAS = Ways(
    select="{name}[{labels}]",
    drop="{name}.drop(columns={labels})",
    select_all="{name}.select_dtypes('floating')",
    array="{name}.to_numpy()",
    column="pyarrow.array({name})",
)
DATASETS = Ways(
    select="{name}.select_columns({labels})",
    drop="{name}.remove_columns({labels})",
    select_all="{name}.select_columns([name for name, kind in {name}.features.items() "
    "if 'float' in str(kind)])",
    array="{name}.to_pandas().to_numpy()",
    column="pyarrow.array(list({name}))",
)


class Columns(NamedTuple):
    """What a table has.

    Attributes
    ----------
    names, vectors, floats : sequence of str
        All columns, those of vectors, and those of single floating-point numbers.
    types : mapping
        The type of each, in words.
    ways : Ways
        What a user of the library writes.
    labels : mapping
        The label of each in the table, where that is no text.
    """

    names: Sequence[str]
    vectors: Sequence[str]
    floats: Sequence[str]
    types: Mapping[str, str]
    ways: Ways
    labels: Mapping[str, object] = {}

    def way(self, template: str, name: str, names: Sequence[str] = ()) -> str:
        """Fill in a way for some columns."""
        labels = [self.labels.get(one, one) for one in names]
        return template.format(name=name, labels=labels)


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
        label = columns.labels.get(first, first)
        raise ValueError(
            f"{name} has {len(columns.vectors)} columns of vectors: {_listed(columns.vectors)}; "
            f"name one: rankme.score({name}, column={first!r}), or pass {name}[{label!r}]"
        )
    others = [label for label in columns.names if label not in columns.floats]
    if columns.names and not others:
        return None
    raise TypeError(_not_all_numbers(columns, others, name))


def check_coordinates(columns: Columns, matrix: NDArray[Any], name: str) -> None:
    """Refuse a table of numbers with a column of whole ones beside fractions, such as an id.

    Parameters
    ----------
    columns
        What the table has.
    matrix
        Shape (n, K), its first rows; of a few rows nothing is said.
    name
        What the table is called, in errors.

    Raises
    ------
    TypeError
        At most half of the columns hold whole numbers alone, and several of them.
    """
    rows = matrix[:_LOOKED_AT]
    if len(rows) < _FEWEST_ROWS:
        return
    whole = ((rows == np.floor(rows)) | np.isnan(rows)).all(axis=0)
    # A dimension that is dead has one value.
    whole &= ((rows != rows[0]) & ~np.isnan(rows)).any(axis=0)
    if not 0 < whole.sum() <= len(whole) / 2:
        return
    odd = [columns.names[i] for i in np.flatnonzero(whole).tolist()]
    noun, verb = ("column", "holds") if len(odd) == 1 else ("columns", "hold")
    raise TypeError(
        f"{name} is a table whose {noun} {_listed(odd)} {verb} whole numbers alone, beside columns "
        f"of fractions: ids, labels or counts are no coordinates of an embedding; without them, "
        f"pass {columns.way(columns.ways.drop, name, odd)}; if every column is a coordinate, "
        f"{columns.way(columns.ways.array, name)}"
    )


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
        template = columns.ways.select if few else columns.ways.select_all
        way = columns.way(template, name, columns.floats)
        return (
            f"{text}; if every column of floating-point numbers is one, pass {way}; if a column "
            f"holds vectors, rankme.score({name}, column=...) names it"
        )
    (kind, *more) = dict.fromkeys(columns.types.values())
    if not more and kind in ("int8", "uint8"):  # wider ones are ids
        return text + dtype_advice(kind, columns.way(columns.ways.array, name))
    return (
        f"{text}; wanted is a column of vectors, which rankme.score({name}, column=...) names, or "
        f"columns of floating-point numbers alone"
    )


def _listed(names: Sequence[str]) -> str:
    """List some names."""
    shown = ", ".join(map(repr, names[:_MOST_LISTED]))
    rest = len(names) - _MOST_LISTED
    return (f"{shown} and {rest} more" if rest > 0 else shown) or "none"
