"""Some rows of a source, as a source: whoever reads it reads little else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from rankme.sources._choice import as_row_count, as_row_seed, check_enough, choose_rows
from rankme.sources._sharded import ShardedSource
from rankme.sources._source import Identity, RowSource, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["SubsetSource", "subset"]

# Between the version of a shard and which rows of it are meant.
CHOSEN = ";rows:"


def subset(source: RowSource, rows: SupportsIndex, *, seed: SupportsIndex | None = 0) -> RowSource:
    """Return a source of some rows of another, in their order.

    These are the rows that `choose_rows` tells: they depend on N, `rows` and `seed` alone, and on
    no format, shard or block. Shards, row groups and blocks without any of them are not read.

    Parameters
    ----------
    source : RowSource
        Of N rows.
    rows : int
        How many, from 1 to N.
    seed : int or None
        From 0 to ``2**64 - 1``: a random subset, drawn without replacement. None: the first rows.

    Returns
    -------
    RowSource
        With ``n_rows == rows``. Its shards are those that have chosen rows. Errors tell the places
        of rows in `source`.

    Raises
    ------
    TypeError
        `rows` or `seed` is no integer.
    ValueError
        One is out of range, or `rows` is more than there are.
    BadDataError
        The source is a query without an order.
    """
    wanted, start = as_row_count(rows), as_row_seed(seed)
    check_enough(wanted, source.n_rows, source.name)
    if wanted == source.n_rows:
        return source
    source.check_ordered()
    chosen = choose_rows(source.n_rows, wanted, seed=start)
    ends = list(accumulate((shard.n_rows for shard in source.shards), initial=0))
    places = np.searchsorted(chosen, ends)
    parts = tuple(
        _part(shard, chosen[first:last] - begin)
        for shard, begin, (first, last) in zip(
            source.shards, ends[:-1], pairwise(places), strict=True
        )
        if first < last
    )
    return parts[0] if len(parts) == 1 else ShardedSource(source.name, parts)


def _part(shard: RowSource, rows: NDArray[np.int64]) -> RowSource:
    """Return some rows of a shard; the shard itself where these are all."""
    return shard if len(rows) == shard.n_rows else SubsetSource(shard, rows)


@dataclass(frozen=True, eq=False)
class SubsetSource(RowSource):
    """Chosen rows of one source.

    Parameters
    ----------
    source
        That has them, itself in one piece.
    rows
        Shape (n,), ascending, each once, n at least 1.
    """

    source: RowSource
    rows: NDArray[np.int64]

    @property
    def name(self) -> str:  # type: ignore[override]
        """As of the source."""
        return self.source.name

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """As of the source; other rows of it are another version."""
        found = self.source.identity
        version = f"{found.version}{CHOSEN}{self.n_rows} of {self.source.n_rows}, {self._digest}"
        return replace(found, version=version)

    @cached_property
    def _digest(self) -> str:
        """Tell these rows from others."""
        return hashlib.sha256(self.rows.astype("<i8").tobytes()).hexdigest()[:16]

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """How many were chosen."""
        return len(self.rows)

    @property
    def n_cols(self) -> int:  # type: ignore[override]
        """As of the source."""
        return self.source.n_cols

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """As of the source."""
        return self.source.dtype

    @property
    def dimensions(self) -> tuple[str, ...]:  # type: ignore[override]
        """As of the source."""
        return self.source.dimensions

    @property
    def entries(self) -> tuple[int, ...] | None:
        """The first chosen rows behind the entries of the source."""
        found = self.source.entries
        if found is None:
            return None
        places = np.unique(np.searchsorted(self.rows, found))
        return tuple(places[places < len(self.rows)].tolist())

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the chosen rows from one on."""
        check_start(start, self.n_rows)
        return self.source.take(self.rows[start:], hold=hold)

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield chosen ones of the chosen rows."""
        return self.source.take(self.rows[rows], hold=hold)

    def check_ordered(self) -> None:
        """Ask the source."""
        self.source.check_ordered()

    def check_unchanged(self) -> None:
        """Ask the source."""
        self.source.check_unchanged()

    def where(self, row: int) -> str:
        """Say where the row stands in the source."""
        return self.source.where(int(self.rows[row]))

    def bad_entry(self, row: int, column: int, value: float) -> ValueError:
        """Return the error of the source."""
        return self.source.bad_entry(int(self.rows[row]), column, value)

    def with_nulls_as_nan(self) -> SubsetSource:
        """Return the chosen rows of the source that has them so."""
        return SubsetSource(self.source.with_nulls_as_nan(), self.rows)
