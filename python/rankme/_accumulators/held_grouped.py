"""What a grouped accumulator holds: the compiled sum of each group, and how they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme import _core
from rankme._accumulators import grouped_file
from rankme._accumulators.grouped_file import GroupsState
from rankme._accumulators.monoid import Monoid
from rankme._accumulators.shards import decoded, encoded
from rankme._accumulators.skipped import SkippedCounter
from rankme._accumulators.state_header import KINDS, State
from rankme._base.notebook import card, spans
from rankme._base.threads import require_budget
from rankme.sources._column_order import ColumnOrder

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray
    from typing_extensions import Self

__all__ = ["HeldGroups"]


class HeldGroups(Monoid):
    """The sums of all groups in the compiled core, and the bytes that they are saved as."""

    __slots__ = ("_columns", "_core", "_skipped")
    _core: _core.GroupSums
    _skipped: SkippedCounter

    @property
    def dim(self) -> int:
        """K, the length of a row."""
        return self._core.dim

    @property
    def n_groups(self) -> int:
        """How many groups there are, with rows or without."""
        return self._core.n_groups

    @property
    def normalize(self) -> bool:
        """Whether each row is divided by its Euclidean norm as it comes."""
        return self._core.normalize

    @property
    def n_rows(self) -> int:
        """How many rows all groups took in, over all updates and merges."""
        return self._core.n_rows

    @property
    def group_rows(self) -> NDArray[np.int64]:
        """How many rows each group took in: shape (n_groups,), int64, a snapshot."""
        return self._core.group_rows

    @property
    def n_skipped(self) -> int:
        """How many rows were left out by ``skip_nonfinite``, over all updates and merges."""
        return self._skipped.rows

    @property
    def skip_nonfinite(self) -> bool:
        """Whether rows with NaN or infinity are left out; else they are an error."""
        return self._skipped.allowed

    @property
    def shards(self) -> dict[str, int]:
        """How many rows came from each shard, by its id: a snapshot."""
        return decoded(self._core.shards)

    def _repr_html_(self) -> str:
        """Show it in notebooks; nothing is computed for it."""
        return card(
            type(self).__name__,
            {
                "groups": self.n_groups,
                "rows so far": f"{self.n_rows:,}",
                "rows of a group": spans(self.group_rows.tolist()),
                "columns": self.dim,
                "normalised": "yes" if self.normalize else "no",
                **({"rows left out": f"{self.n_skipped:,}"} if self.n_skipped else {}),
            },
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all.

        A crash meanwhile leaves the old file or the new one, each complete. As much memory as the
        groups with rows take is needed meanwhile.

        Parameters
        ----------
        path : str or os.PathLike
            An existing file is replaced and keeps its permissions. About ``4 * dim**2`` bytes for
            each group that has rows; the format is specified in the documentation.

        Raises
        ------
        OSError
            If it cannot be written, or if `path` is there and no regular file.
        """
        grouped_file.write(path, self._state())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the accumulator that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        GroupedAccumulator
            In the saved state, bit for bit.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no saved grouped accumulator, was written by a newer rankme, is truncated or
            was changed, or if ``RANKME_NUM_THREADS`` was set to something else than a positive
            integer.
        MemoryError
            If there is no room for the groups.
        """
        return cls._from_state(grouped_file.read(path))

    def __getstate__(self) -> bytes:
        return grouped_file.encode(self._state())

    def __setstate__(self, state: bytes) -> None:
        self._restore(grouped_file.decode(state, "pickled rankme.GroupedAccumulator"))

    def _state(self) -> GroupsState:
        """Return all that is held, of one instant."""
        with self._skipped.lock:
            groups, shards = self._core.state()
            skipped = self._skipped.snapshot()
        filled = {i: self._state_of(group) for i, group in enumerate(groups) if group[0]}
        return GroupsState(
            self.dim,
            self.normalize,
            self._core.seed,
            self.n_groups,
            filled,
            decoded(shards),
            skipped,
        )

    def _state_of(self, group: tuple[int, Any, Any]) -> State:
        """Return the state of a group from what the core tells of it."""
        return State("scatter", self.dim, self.normalize, *group)

    @classmethod
    def _from_state(cls, state: GroupsState) -> Self:
        """Make one that holds a state."""
        new = cls.__new__(cls)
        new._restore(state)  # noqa: SLF001
        return new

    def _restore(self, state: GroupsState) -> None:
        """Hold a state."""
        require_budget()
        self._columns = ColumnOrder()
        self._skipped = SkippedCounter(state.skipped)
        sizes = KINDS["scatter"].arrays.values()
        zeros = tuple(np.zeros(size(state.dim)) for size in sizes)  # one for all without rows
        groups: list[Any] = [(0, (0, state.seed, 0, 0), zeros)] * state.n_groups
        for number, group in state.filled.items():
            groups[number] = (group.n_rows, group.numbers, group.arrays)
        shards = {encoded(shard): rows for shard, rows in state.shards.items()}
        self._core = _core.GroupSums.from_state(state.dim, state.normalize, groups, shards)
