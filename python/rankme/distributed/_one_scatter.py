"""One scatter from those of all ranks, about the mean of the rows of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme import _core
from rankme._accumulators.state_header import kind_of
from rankme._base.optional import require
from rankme.distributed._collectives import all_well, exchange, from_rank, sum_in_place, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rankme._accumulators.state_header import State

torch = require("torch", extra="torch", what="rankme.distributed.torch")
dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

__all__ = ["reduced", "require_countable"]

_NOTHING = -(2**31)  # below every exponent, and below every rank's negative
_PLACE = 3  # arrays of a scatter that say about what it is: the origin, and the mean less it
_MAX_COUNT = 2**63 - 1  # of rows, over all ranks
MOST_BLOCKS = 2**62


class _Facts(NamedTuple):
    """What all ranks know of a sum before it is made."""

    n_rows: int
    exponent: int
    blocks: int
    longest_block: int
    fast_rows: int
    first: int  # the lowest rank that has rows; negative where none has


def reduced(state: State, staging: Any, group: Any, place: Any) -> State:
    """Return the sum of a scatter over all ranks."""
    facts = _facts_of(state, group, place)
    arrays = _about_one_mean(state, facts, group, place)
    for array in arrays[_PLACE:]:
        sum_in_place(torch.from_numpy(array), staging, group)
    numbers: tuple[int, ...] = (facts.exponent, state.numbers[1], facts.blocks, facts.longest_block)
    if facts.fast_rows:
        numbers += (facts.fast_rows,)
    return state._replace(
        kind=kind_of(state.method, numbers, arrays),
        n_rows=facts.n_rows,
        numbers=numbers,
        arrays=arrays,
    )


def _facts_of(state: State, group: Any, place: Any) -> _Facts:
    """Exchange what all ranks have to know of a sum."""
    exponent, _, blocks, longest_block, *fast = state.numbers
    rank = dist.get_rank(group)
    zero = not any(array.any() for array in state.arrays)
    most = [_NOTHING if zero else exponent, longest_block, -rank if state.n_rows else _NOTHING]
    exponent, longest_block, first = exchange(most, dist.ReduceOp.MAX, group, place)
    # A share of the count for each rank: sums of saturated counts stay countable.
    share = MOST_BLOCKS // dist.get_world_size(group)
    sums = [
        *divmod(state.n_rows, 2**32),
        min(blocks, share),
        int(blocks > 0),
        *divmod(sum(fast), 2**32),
    ]
    upper, lower, blocks, ranks, *fast = exchange(sums, dist.ReduceOp.SUM, group, place)
    n_rows = upper * 2**32 + lower
    fast_rows = fast[0] * 2**32 + fast[1]
    require_countable(n_rows)
    exponent = 0 if exponent == _NOTHING else exponent
    # Each sum of two sums that hold something rounds once more.
    first = -1 if first == _NOTHING else -first
    blocks += max(0, ranks - 1)
    return _Facts(n_rows, exponent, blocks, longest_block, fast_rows, first)


def require_countable(n_rows: int) -> None:
    """Refuse more rows than an accumulator counts."""
    if n_rows > _MAX_COUNT:
        raise OverflowError("more than 2^63 - 1 rows on all ranks together")


def _about_one_mean(
    state: State, facts: _Facts, group: Any, place: Any
) -> tuple[NDArray[np.float64], ...]:
    """Return the arrays of this rank's scatter about the mean of the rows of all ranks."""
    if facts.first < 0:
        return state.arrays
    shift = state.numbers[0] - facts.exponent
    own, mean, low = (np.ldexp(array, shift) for array in state.arrays[:_PLACE])
    origin = from_rank(facts.first, own, group, place)
    # In two steps, so that the mean has two parts: the second is small, and so is its rounding.
    weight = state.n_rows / facts.n_rows
    mean += own - origin
    high = summed(weight * mean, group, place)
    rest = summed(weight * (mean - high + low), group, place)
    problem, arrays = None, state.arrays
    try:
        arrays = _core.scatter_about(
            state.dim, state.n_rows, state.numbers, arrays, facts.exponent, origin, high, rest
        )
    except Exception as error:  # noqa: BLE001
        problem = error
    all_well(problem, [], group, place)
    return arrays
