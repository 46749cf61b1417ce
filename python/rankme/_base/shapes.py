"""Arrays that are no matrix: how to make one of them, in code that can be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["shape_advice"]

_MATRIX_NDIM = 2


def shape_advice(shape: Sequence[int], array: str) -> str:
    """Say how an array of another number of axes becomes a row per embedding.

    Parameters
    ----------
    shape : sequence of int
        Not that of a matrix.
    array : str
        The Python expression that gives the array.

    Returns
    -------
    str
        It begins with ``"; "`` unless it is empty.
    """
    if not shape or 0 in shape:
        return ""
    if len(shape) == 1:
        return f"; one embedding is one row: {array}[None]"
    # The rows come first and the columns last, even where one of them is 1.
    longer = [size for size in shape if size > 1]
    if len(longer) <= 1:
        longer = [shape[0], shape[-1]] if len(longer) == 0 else _placed(shape, longer[0])
    if len(longer) == _MATRIX_NDIM:
        flat = f"{array}.reshape({longer[0]}, {longer[1]})"
        return f"; axes of length 1 mean nothing: {flat}"
    each = f"; rankme.score_batch({array}) scores each of the {shape[0]}" if len(shape) == 3 else ""  # noqa: PLR2004
    return (
        f"; if each vector along the last axis is an embedding, {array}.reshape(-1, {shape[-1]}), "
        f"or {array}[mask] without those that are padding{each}"
    )


def _placed(shape: Sequence[int], size: int) -> list[int]:
    """Put the one axis that is longer than 1 where it stands: last of all, or before that."""
    return [1, size] if shape[-1] == size else [size, 1]
