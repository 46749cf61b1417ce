"""Rows in groups that mean something, such as classes: a stream for each, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from rankme import _core
from rankme._accumulators.compared_groups import ComparedGroups
from rankme._accumulators.grouped_file import MAX_GROUPS
from rankme._accumulators.labels import as_labels
from rankme._accumulators.masks import in_full, rows_that_count
from rankme._accumulators.shards import decoded, encoded
from rankme._accumulators.skipped import NOTHING, SkippedCounter
from rankme._base.arguments import MAX_DIM, MAX_SEED, as_index, type_name
from rankme._base.arrays import as_matrix
from rankme._base.devices import place_of
from rankme._base.errors import NonFiniteError
from rankme._base.threads import require_budget
from rankme.metrics._values import float64_blocks
from rankme.sources._column_order import ColumnOrder
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GroupedAccumulator"]


class GroupedAccumulator(ComparedGroups):
    """Streaming RankMe of each class, from rows that come with labels.

    Every group keeps what a `rankme.Accumulator` of ``method="gram"`` keeps, its triangle packed:
    ``4 * dim**2`` bytes for each of the `n_groups`, with rows or without, and up to a quarter more
    for rows that wait until they are worth a product. All groups together are the accumulator of
    all rows, so that `score` needs no second sum. Accumulators of the same `dim`, `n_groups`,
    `normalize` and `seed` form a commutative monoid under `merge`.

    One accumulator may be updated from several threads; every method is safe to call meanwhile.
    What looks at all groups sees them at one instant: updates wait for it.

    Parameters
    ----------
    dim : int
        K, the length of a row; 1 or more.
    n_groups : int
        1 or more. Labels are 0 to n_groups - 1.
    normalize : bool
        Divide each row by its Euclidean norm as it comes; a zero row stays zero.
    seed : int
        Of the probes, which all groups share, 0 to 2**64 - 1.
    skip_nonfinite : bool
        Leave out rows that hold NaN or infinity, with their labels, and count them in `n_skipped`.
        By default such a row is an error.

    Raises
    ------
    TypeError
        If `dim`, `n_groups` or `seed` is no integer.
    ValueError
        If one of them is out of range, or if ``RANKME_NUM_THREADS`` was set to something else than
        a positive integer.
    MemoryError
        If there is no room for the sums.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> acc = rankme.GroupedAccumulator(dim=4, n_groups=3)
    >>> acc.update(np.vstack([np.eye(4), np.ones((2, 4))]), groups=[0, 0, 0, 0, 1, 1])
    >>> acc.scores(eps=0).round(6)
    array([ 4.,  1., nan])
    """

    __slots__ = ()

    def __init__(
        self,
        dim: SupportsIndex,
        n_groups: SupportsIndex,
        *,
        normalize: bool = False,
        seed: SupportsIndex = 0,
        skip_nonfinite: bool = False,
    ) -> None:
        require_budget()
        self._columns = ColumnOrder()
        self._skipped = SkippedCounter(NOTHING._replace(allowed=bool(skip_nonfinite)))
        self._core = _core.GroupSums(
            as_index(dim, "dim", 1, MAX_DIM),
            as_index(n_groups, "n_groups", 1, MAX_GROUPS),
            bool(normalize),
            as_index(seed, "seed", 0, MAX_SEED),
        )

    def update(
        self,
        Z: object,  # noqa: N803
        *,
        groups: object,
        shard: str | None = None,
        mask: object = None,
    ) -> None:
        """Take in more rows, each into its group.

        Parameters
        ----------
        Z : array, list, Series, table or column
            Shape (n, dim), in host memory; whatever `rankme.Accumulator.update` takes, with a
            `mask` too.
        groups : array or sequence of int
            Shape (n,): the group of each row, from 0 to n_groups - 1. Any integer dtype; in host
            memory.
        shard : str, optional
            The id of the shard that the rows belong to, as in `rankme.Accumulator.update`.
        mask : array or tensor, optional
            Which rows count, as in `rankme.Accumulator.update`. `groups` then has its shape, and
            the labels of rows that are left out are not looked at.

        Raises
        ------
        TypeError, BufferError, ImportError, ValueError, NonFiniteError
            As `rankme.Accumulator.update`.
        TypeError
            If the labels are no integers, or lie on a GPU.
        ValueError
            If there are more or fewer labels than rows, or one is out of range: the first such row
            is named. If `Z` lies on a GPU; if the columns of a table have another order than
            before, which a saved state does not keep.

        Notes
        -----
        After an error every group is what it was before the call, bit for bit, but for the one
        exception that `rankme.Accumulator.update` names.
        """
        of = None if shard is None else encoded(shard)
        rows, keep = rows_that_count(Z, mask, nulls=self.skip_nonfinite)
        matrix = as_rows(rows, of=Z, empty=True)
        place_of(matrix.device, "cpu", "Z")
        n_rows, width = matrix.shape
        labels = as_labels(groups, n_rows, self.n_groups, mask=keep)
        names = self._columns.of(Z, width)
        if n_rows == 0:
            if width not in (0, self.dim):
                raise ValueError(f"Z has {width} columns, the accumulator has dim {self.dim}")
            return
        try:
            self._core.update(matrix, labels, of)
        except NonFiniteError as error:
            if not self.skip_nonfinite:
                raise in_full(error, keep) from None
            self._update_finite(matrix, labels, of)
        self._columns.keep(names)

    def _update_finite(
        self, matrix: _core.ArrayView, labels: NDArray[np.int64], shard: bytes | None
    ) -> None:
        """Take in the finite rows with their labels, and count the others, as one step."""
        finite = [np.isfinite(chunk).all(axis=1) for chunk in float64_blocks(matrix)]
        chunks = zip(float64_blocks(matrix), finite, strict=True)
        kept = np.concatenate([chunk[mask] for chunk, mask in chunks])
        skipped = matrix.shape[0] - len(kept)
        shards = {} if shard is None else decoded({shard: skipped})
        with self._skipped.lock:
            if len(kept):
                self._core.update(as_matrix(kept), labels[np.concatenate(finite)], shard)
            self._skipped.add(skipped, shards)

    def merge(self, other: GroupedAccumulator) -> None:
        """Take in the rows of another one, group by group; also ``self += other``.

        Parameters
        ----------
        other : GroupedAccumulator
            Of the same `dim`, `n_groups`, `normalize` and `seed`. It stays as it is.

        Raises
        ------
        TypeError
            If `other` is no grouped accumulator.
        ValueError
            If one of these differs, or the order of the columns of tables; or if both hold rows of
            the same shard, which is then named.
            Nothing has changed then.
        """
        if not isinstance(other, GroupedAccumulator):
            raise TypeError(f"other must be a rankme.GroupedAccumulator, not {type_name(other)}")
        self._columns.require(other._columns.names, "other")
        with other._skipped.lock:
            theirs = other._skipped.snapshot()
        with self._skipped.lock:
            self._core.merge(other._core)
            self._skipped.add(theirs.rows, theirs.shards)
        self._columns.keep(other._columns.names)

    def reset(self) -> None:
        """Forget all rows; what the accumulator was made with stays."""
        with self._skipped.lock:
            self._core.reset()
            self._skipped.reset()
        self._columns = ColumnOrder()

    def copy(self) -> GroupedAccumulator:
        """Return an independent accumulator in the same state, bit for bit.

        Returns
        -------
        GroupedAccumulator
        """
        new = self._from_state(self._state())
        new._columns.keep(self._columns.names)  # noqa: SLF001
        return new

    def __repr__(self) -> str:
        return (
            f"GroupedAccumulator(dim={self.dim}, n_groups={self.n_groups}, "
            f"normalize={self.normalize}): {self.n_rows} rows"
        )
