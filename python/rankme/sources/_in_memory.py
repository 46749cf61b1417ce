"""Rows that lie in memory in several pieces, as a source that gives block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.arrays import is_tensor
from rankme._base.errors import NonFiniteError
from rankme.sources._source import BLOCK_BYTES, Identity, RowSource, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["ChunkRows", "MemoryRows", "VectorRows", "stacked"]


class MemoryRows(RowSource):
    """A source without a file: what is wrong with an entry is said as of an array."""

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """What it is called, and how large it is."""
        return Identity(self.name, self.n_rows * self.n_cols * self.dtype.itemsize, "unknown")

    def bad_entry(self, row: int, column: int, value: float) -> ValueError:
        """Return the error of an array."""
        return NonFiniteError(row, column, value)


class ChunkRows(MemoryRows):
    """Matrices one below the other, such as the chunks of an Arrow column.

    Parameters
    ----------
    name
        What it is called.
    chunks
        At least one, each of shape (n, K) with n >= 1; views of what the caller holds.
    """

    def __init__(self, name: str, chunks: Sequence[NDArray[Any]]) -> None:
        self.name = name
        self._chunks = chunks
        self.n_rows = sum(map(len, chunks))
        self.n_cols = chunks[0].shape[1]
        self.dtype = np.result_type(*{chunk.dtype for chunk in chunks})

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield the rows from ``start`` on; a block is a view of a chunk."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield what is left of each chunk, cut into blocks."""
        step = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        for chunk in self._chunks:
            for first in range(min(start, len(chunk)), len(chunk), step):
                yield chunk[first : first + step]
            start = max(0, start - len(chunk))


class VectorRows(MemoryRows):
    """Vectors in a list, each a row; a block of them is stacked at a time.

    Parameters
    ----------
    name
        What it is called.
    vectors
        At least one, of one length; whatever NumPy makes numbers of, or tensors of PyTorch.
    """

    def __init__(self, name: str, vectors: Sequence[Any]) -> None:
        self.name = name
        self._vectors = vectors
        self.n_rows = len(vectors)
        first = stacked(vectors[:1], name, 0)
        self.n_cols = int(first.shape[1])
        tensors = is_tensor(first)
        # Of a tensor only the size of an entry is asked for.
        self.dtype = np.dtype(f"f{first.element_size()}") if tensors else np.asarray(first).dtype

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[Any]:  # noqa: ARG002
        """Yield the rows from ``start`` on, each block an array or tensor of its own."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[Any]:
        """Stack one block after the other."""
        step = max(1, BLOCK_BYTES // (max(1, self.n_cols) * 8))
        for first in range(start, self.n_rows, step):
            yield stacked(self._vectors[first : first + step], self.name, first, self.n_cols)

    def matrix(self) -> Any:
        """Return all rows as one array or tensor."""
        return stacked(self._vectors, self.name, 0, self.n_cols)

    def some(self, rows: NDArray[np.int64]) -> Any:
        """Return some rows as one array or tensor."""
        return stacked([self._vectors[row] for row in rows.tolist()], self.name, 0, self.n_cols)


def stacked(vectors: Any, name: str, first: int, width: int | None = None) -> Any:
    """Make a matrix of vectors.

    Parameters
    ----------
    vectors
        Rows of one length; what a slice of them is may be an array or a tensor already.
    name
        What they are called, in errors.
    first
        The number of the first of them.
    width
        How long each must be; by default as long as the first.

    Raises
    ------
    ValueError
        One has another length.
    """
    if is_tensor(vectors) or isinstance(vectors, np.ndarray):
        matrix = vectors
    elif all(is_tensor(vector) for vector in vectors):
        _check_lengths(vectors, name, first, width)
        import torch  # noqa: PLC0415

        return torch.stack(list(vectors))
    else:
        try:
            matrix = np.array([np.asarray(vector) for vector in vectors])
        except ValueError:  # NumPy does not say which row it is
            _check_lengths(vectors, name, first, width)
            raise
    if width is not None and matrix.ndim > 1 and matrix.shape[1] != width:
        _check_lengths(vectors, name, first, width)
    return matrix


def _check_lengths(vectors: Any, name: str, first: int, width: int | None) -> None:
    """Name the first vector that is longer or shorter than it has to be."""
    wanted = len(vectors[0]) if width is None else width
    for i, vector in enumerate(vectors):
        if not hasattr(vector, "__len__"):
            raise ValueError(
                f"{name}[{first + i}] is {vector!r}; wanted a vector, as of the rows before; pass "
                f"[row for row in {name} if hasattr(row, '__len__')] to leave such out"
            )
        if len(vector) != wanted:
            raise ValueError(
                f"{name}[{first + i}] has length {len(vector)}; wanted {wanted}, as of the rows "
                f"before: every row needs as many columns"
            )
