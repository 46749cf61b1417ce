"""Lists of vectors, and the other things that a list may be."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rankme import _core
from rankme._base.arguments import type_name
from rankme._base.arrays import is_tensor
from rankme.sources._in_memory import VectorRows, stacked

__all__ = ["depth_of", "is_vector", "list_rows"]

_WHOLE_BYTES = 2**24  # what is stacked at once rather than block by block


def depth_of(item: object) -> int | None:
    """Count the axes of an array, a number or lists of them; None of what is neither."""
    shape = getattr(item, "shape", None)
    depth: int | None = None
    if isinstance(shape, tuple):
        depth = len(shape)
    elif isinstance(item, numbers.Number):
        depth = 0
    elif isinstance(item, str | bytes | bytearray):
        pass
    elif _core.is_array(item):
        depth = np.ndim(np.asarray(item))
    elif isinstance(item, Sequence):
        inner = depth_of(item[0]) if len(item) else 0
        depth = None if inner is None else inner + 1
    return depth


def is_vector(item: object) -> bool:
    """Tell whether something is one row: numbers in an array or a list."""
    return depth_of(item) == 1


def list_rows(items: Sequence[Any], name: str) -> Any:
    """Return the rows of a sequence of vectors: one matrix where it is small, else a source.

    Parameters
    ----------
    items
        A list, or what can be sliced and indexed as one.
    name
        What it is called, in errors.

    Raises
    ------
    TypeError
        Its items are no vectors; the text says what to do.
    ValueError
        They are of several lengths.
    """
    if len(items) == 0:
        return np.empty((0, 0))
    first = items[0]
    depth = depth_of(first)
    if depth == 0:
        return np.asarray(items)
    if depth != 1:
        raise TypeError(_no_vectors(items, depth, name))
    on_gpu = is_tensor(first) and first.device.type != "cpu"
    width = len(first)
    if on_gpu or len(items) < width or len(items) * width * 8 <= _WHOLE_BYTES:
        return stacked(items if isinstance(items, list | tuple) else items[:], name, 0, width)
    return VectorRows(name, items)


def _no_vectors(items: Sequence[Any], depth: int | None, name: str) -> str:
    """Say what to do with a list of something else."""
    first = items[0]
    if depth is not None:
        return _matrices(first, depth, name)
    text = f"{name} is a list of {type_name(first)}; wanted are vectors of numbers, a row each"
    advice = ""
    if isinstance(first, str):
        advice = (
            f"; where each is JSON, pass [json.loads(text) for text in {name}]; where they are "
            f"paths of one set, rankme.open_source({name})"
        )
    elif isinstance(first, bytes | bytearray):
        advice = (
            f"; which numbers bytes are is not known: [np.frombuffer(row, np.float32) for "
            f"row in {name}] if they are float32"
        )
    elif isinstance(first, list | tuple):
        advice = (
            f"; where their entries are numbers as text, pass np.asarray({name}).astype(np.float64)"
        )
    elif isinstance(first, Mapping):
        keys = [key for key, value in first.items() if is_vector(value)] or list(first)
        advice = f"; pass one of their entries: [row[{keys[0]!r}] for row in {name}]"
    else:
        fields = [key for key in getattr(first, "__dict__", {}) if is_vector(getattr(first, key))]
        if fields:
            advice = f"; pass [item.{fields[0]} for item in {name}]"
    return text + advice


def _matrices(first: Any, depth: int, name: str) -> str:
    """Say what to do with a list of matrices."""
    shape = tuple(getattr(first, "shape", np.shape(first)))
    text = f"{name} is a list of {depth}-D arrays, the first of shape {shape}; "
    if depth > 2:  # noqa: PLR2004
        return text + "wanted are vectors, a row each, or blocks of rows"
    return (
        f"{text}rankme.score_batch({name}) scores each by itself; as one set, read block by block, "
        f"it is rankme.score(iter({name}))"
    )
