"""Files cut into ranges of rows, each the work of one task."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._arrays import as_index
from rankme.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["ROWS_PER_TASK", "Part", "is_paths", "parts_of", "rows_of"]

# A partial result costs its checksum, its way and its merging: about as much time as the Gram
# matrix of 700 rows of the same width. With 2**17 rows that is half a percent.
ROWS_PER_TASK = 2**17


class Part(NamedTuple):
    """Rows `start` to `stop` of a file."""

    path: str
    start: int
    stop: int


def is_paths(data: object) -> bool:
    """Tell whether something is a path or a sequence of paths."""
    if isinstance(data, (str, os.PathLike)):
        return True
    return (
        isinstance(data, (list, tuple))
        and bool(data)
        and all(isinstance(item, (str, os.PathLike)) for item in data)
    )


def parts_of(data: Any, rows_per_task: int) -> list[Part]:
    """Open every file for its number of rows, and cut it into ranges of about equal length.

    Parameters
    ----------
    data : path or sequence of path
    rows_per_task : int
        The most rows of a range.

    Returns
    -------
    list of Part

    Raises
    ------
    TypeError, ValueError
        If `rows_per_task` is no positive integer, or a file holds no matrix of embeddings.
    OSError
        If a file cannot be read here.
    """
    most = as_index(rows_per_task, "rows_per_task", 1)
    paths: Sequence[Any] = [data] if isinstance(data, (str, os.PathLike)) else data
    parts = []
    for path in map(os.fspath, paths):
        n_rows = open_source(path).n_rows
        count = -(-n_rows // most)
        cuts = [n_rows * i // count for i in range(count + 1)]
        parts += [Part(path, *ends) for ends in itertools.pairwise(cuts)]
    return parts


def rows_of(part: Part) -> Iterator[NDArray[Any]]:
    """Read the rows of a range, in a task.

    Parameters
    ----------
    part : Part

    Yields
    ------
    array
        Shape (n, K).

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or has fewer rows than when the job began.
    """
    left = part.stop - part.start
    for block in open_source(part.path).blocks(part.start):
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return
    raise ValueError(f"{part.path} ends {left} rows before row {part.stop}, which it had before")
