"""Columns of embeddings in Arrow tables, as the engines hand them over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["matrices_of", "only_column"]


def only_column(schema: Any, column: str | None) -> str:
    """Find the column of embeddings in an Arrow schema.

    Parameters
    ----------
    schema : pyarrow.Schema
    column : str, optional
        The user's choice.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is not there, or none was chosen and there is not exactly one of lists or tensors of
        floating-point numbers.
    """
    if column is not None:
        if column not in schema.names:
            raise ValueError(f"there is no column {column!r}, only {_listed(schema.names)}")
        return column
    candidates: list[str] = [field.name for field in schema if _holds_rows(field.type)]
    if len(candidates) != 1:
        found = (
            f"{_listed(candidates)} could be meant; choose one with column="
            if candidates
            else f"of the columns {_listed(schema.names)} none holds lists or tensors of floats"
        )
        raise ValueError(f"column was not given, and {found}")
    return candidates[0]


def matrices_of(column: Any, name: str) -> Iterator[NDArray[Any]]:
    """Yield a column of lists or tensors as matrices over the memory where Arrow keeps it.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
        Lists of any kind, or an extension type over lists; K numbers in each.
    name : str
        Of the column, for the error messages.

    Yields
    ------
    numpy.ndarray
        Shape (n, K), one a chunk.

    Raises
    ------
    TypeError
        If the column holds something else.
    ValueError
        If a row or a number in it is null, or rows of a chunk differ in their width. Rows are
        counted from the first of `column`.
    """
    first_row = 0
    for chunk in getattr(column, "chunks", [column]):
        yield _matrix_of(chunk, name, first_row)
        first_row += len(chunk)


def _matrix_of(lists: Any, name: str, first_row: int) -> NDArray[Any]:
    kind = lists.type
    lists = getattr(lists, "storage", lists)  # of an extension type, such as Ray's tensors
    if not _holds_rows(kind):
        raise TypeError(
            f"column {name!r} holds {kind}; wanted are lists or tensors of float16, float32 "
            f"or float64"
        )
    if lists.null_count:
        row = first_row + lists.is_null().index(True).as_py()
        raise ValueError(f"column {name!r}: row {row} is null")
    # `flatten` and not `values`: the numbers of these rows only. It would drop null rows.
    numbers = lists.flatten()
    widths = lists.value_lengths().to_numpy(zero_copy_only=False)
    wrong = (widths != widths[:1]).nonzero()[0]
    if wrong.size:
        raise ValueError(
            f"column {name!r}: row {first_row + wrong[0]} has {widths[wrong[0]]} numbers, and "
            f"those before it have {widths[0]}"
        )
    if numbers.null_count:
        row, place = divmod(numbers.is_null().index(True).as_py(), int(widths[0]))
        raise ValueError(f"column {name!r}: row {first_row + row}, entry {place} is null")
    matrix: NDArray[Any] = numbers.to_numpy()
    return matrix.reshape(len(lists), -1 if len(lists) else 0)


def _holds_rows(kind: Any) -> bool:
    if len(getattr(kind, "shape", (0,))) != 1:  # a tensor a row, of more dimensions
        return False
    kind = getattr(kind, "storage_type", kind)
    is_list = str(kind).startswith(("list<", "large_list<", "fixed_size_list<"))
    return is_list and str(kind.value_type) in ("halffloat", "float", "double")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
