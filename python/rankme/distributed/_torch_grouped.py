"""Grouped accumulators of all ranks of a ``torch.distributed`` group, summed group by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.grouped import GroupedAccumulator
from rankme._accumulators.state_header import KINDS, State
from rankme._base.arguments import type_name
from rankme._base.optional import require
from rankme.distributed._collectives import all_well, exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme._accumulators.grouped_file import GroupsState

dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

__all__ = ["groups_of_all_ranks"]


def groups_of_all_ranks(
    acc: GroupedAccumulator,
    all_reduce: Callable[[Accumulator], Accumulator],
    group: Any,
    place: Any,
) -> GroupedAccumulator:
    """Sum group by group with the `all_reduce` of accumulators; a collective call."""
    state, problem = _prepare(acc)
    sizes = [0, 0] if state is None else [state.dim, state.n_groups]
    # A value and its negative: the largest and the smallest of all ranks in one exchange.
    _, *extremes = all_well(problem, [*sizes, *(-size for size in sizes)], group, place)
    assert state is not None  # noqa: S101
    for name, high, low in zip(("dim", "n_groups"), extremes[:2], extremes[2:], strict=True):
        if high != -low:
            raise ValueError(
                f"{name} of the accumulators differs among the ranks: {-low} and {high}"
            )
    # Also refuses what differs in normalize and seed, before any group is sent.
    ledger = all_reduce(_ledger(state))._state()  # noqa: SLF001
    own = [state.filled[i].n_rows if i in state.filled else 0 for i in range(state.n_groups)]
    rows = exchange(own, dist.ReduceOp.SUM, group, place)
    total = {i: all_reduce(_of(state, i))._state() for i, n_rows in enumerate(rows) if n_rows}  # noqa: SLF001
    return GroupedAccumulator._from_state(  # noqa: SLF001
        state._replace(filled=total, shards=ledger.shards, skipped=ledger.skipped)
    )


def _prepare(acc: object) -> tuple[GroupsState | None, Exception | None]:
    """Take the state; a failure is told to all ranks."""
    try:
        if not isinstance(acc, GroupedAccumulator):
            raise TypeError(  # noqa: TRY301
                f"acc must be a rankme.GroupedAccumulator, not {type_name(acc)}; all_reduce takes "
                f"a rankme.Accumulator"
            )
        return acc._state(), None  # noqa: SLF001
    except Exception as error:  # noqa: BLE001
        return None, error


def _ledger(state: GroupsState) -> Accumulator:
    """Return how many rows there are, of which shards, as an accumulator of zeros of width 1."""
    n_rows = sum(one.n_rows for one in state.filled.values())
    zeros = tuple(np.zeros(size(1)) for size in KINDS["scatter"].arrays.values())
    numbers = (0, state.seed, 0, 0)
    shards, skipped = state.shards, state.skipped
    own = State("scatter", 1, state.normalize, n_rows, numbers, zeros, shards, skipped=skipped)
    return Accumulator._from_state(own, "cpu", "float64")  # noqa: SLF001


def _of(state: GroupsState, number: int) -> Accumulator:
    """Return this rank's rows of a group; there may be none."""
    if number not in state.filled:
        return Accumulator(state.dim, normalize=state.normalize, seed=state.seed)
    return Accumulator._from_state(state.filled[number], "cpu", "float64")  # noqa: SLF001
