"""Rows that are dealt to groups as they come: the compiled sums, and whose turn it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from rankme import _core
from rankme._accumulators.shards import decoded, encoded
from rankme._accumulators.state_groups import MAX_GROUPS, MAX_RUN
from rankme._accumulators.state_header import State, with_groups
from rankme._base.arguments import as_index
from rankme.metrics._jackknife import MIN_GROUPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "RUN_LENGTH",
    "Deal",
    "DealtRows",
    "as_groups",
    "as_run_length",
    "require_float64",
    "restored_rows",
    "state_with_groups",
]

# Rows of a run, where nobody says otherwise: more than views of one thing are, and few enough that
# a few hundred rows fill 8 groups.
RUN_LENGTH = 32


def as_groups(groups: SupportsIndex) -> int:
    """Return a number of groups, 8 or more."""
    return as_index(groups, "groups", MIN_GROUPS, MAX_GROUPS)


def as_run_length(run_length: SupportsIndex) -> int:
    """Return how many rows go to one group before the next one's turn."""
    return as_index(run_length, "run_length", 1, MAX_RUN)


class Deal:
    """Which group the next rows go to: runs of rows in turn, counted over the whole stream.

    Whoever takes in rows, or reads sums and position together, holds `lock`.
    """

    __slots__ = ("groups", "lock", "merged", "position", "run_length")

    def __init__(
        self,
        groups: SupportsIndex,
        run_length: SupportsIndex,
        position: int = 0,
        *,
        merged: bool = False,
    ) -> None:
        self.groups = as_groups(groups)
        self.run_length = as_run_length(run_length)
        self.position = position  # within one round of all groups
        self.merged = merged  # or else row i of the stream is in group i // run_length % groups
        self.lock = threading.Lock()

    def labels(self, n_rows: int) -> NDArray[np.int64]:
        """Return the groups of the next rows, shape (n_rows,)."""
        return (self.position + np.arange(n_rows)) // self.run_length % self.groups

    def advance(self, n_rows: int) -> None:
        """Go on behind so many rows."""
        self.position = (self.position + n_rows) % (self.run_length * self.groups)

    def restart(self) -> None:
        """Begin with the first group again."""
        self.position = 0
        self.merged = False


def require_float64(precision: str) -> None:
    """Refuse another arithmetic, which has not been built for groups."""
    if precision != "float64":
        raise ValueError(
            f"groups are summed in float64, and precision={precision!r} has not been built for "
            f"them: leave out one of the two"
        )


class DealtRows:
    """What `rankme._core.GramAccumulator` is to an accumulator, with a sum for each group."""

    __slots__ = ("deal", "sums")

    def __init__(self, sums: _core.GroupSums, deal: Deal) -> None:
        self.sums = sums
        self.deal = deal

    # What knows nothing of groups is the sums' own: dim, normalize, seed, n_rows, shards, spectrum,
    # gram, group_rows, leave_out_spectra.
    def __getattr__(self, name: str) -> Any:
        return getattr(self.sums, name)

    def update(self, z: _core.ArrayView, shard: bytes | None = None) -> NDArray[np.int64]:
        """Take in rows, and return their groups; the position goes on, or nothing has changed."""
        with self.deal.lock:
            n_rows = z.shape[0]
            labels = self.deal.labels(n_rows)
            self.sums.update(z, labels, shard)
            self.deal.advance(n_rows)
        return labels

    def merge(self, other: DealtRows) -> None:
        """Take in the groups of another one; the position stays."""
        self.sums.merge(other.sums)
        self.deal.merged |= other.n_rows > 0

    def reset(self) -> None:
        """Forget all rows, and begin with the first group again."""
        with self.deal.lock:
            self.sums.reset()
            self.deal.restart()

    def snapshot(self) -> tuple[list[Any], dict[bytes, int], int, bool]:
        """Return the states of all groups, the shards, the position and `merged`, together."""
        with self.deal.lock:
            return *self.sums.state(), self.deal.position, self.deal.merged


def restored_rows(state: State) -> DealtRows:
    """Return what a state with groups holds."""
    groups = state.groups
    assert groups is not None  # noqa: S101
    sums = _core.GroupSums.from_state(
        state.dim,
        state.normalize,
        [(part.n_rows, part.numbers, part.arrays) for part in state.parts],
        {encoded(shard): rows for shard, rows in state.shards.items()},
    )
    deal = Deal(len(groups.rows), groups.run_length, groups.position, merged=groups.merged)
    return DealtRows(sums, deal)


def state_with_groups(rows: DealtRows) -> State:
    """Return all that is held, of one instant."""
    groups, shards, position, merged = rows.snapshot()
    parts = [State("scatter", rows.dim, rows.normalize, *group) for group in groups]
    state = with_groups(parts, rows.deal.run_length, position, merged=merged)
    return state._replace(shards=decoded(shards))
