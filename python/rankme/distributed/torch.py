"""One accumulator from those of all ranks of a ``torch.distributed`` process group.

Every rank takes in its own rows, as many as it has; `all_reduce` then adds the states up over
whatever backend the group has, and every rank holds the whole::

    acc = rankme.Accumulator(dim)
    for block in drop_padding(blocks, n_total=len(dataset)):
        acc.update(block)
    total = rankme.distributed.torch.all_reduce(acc)

Several accumulators, as of the layers of a model, go together under names::

    total = rankme.distributed.torch.all_reduce({"backbone": a, "projector": b})

What each rank holds is about the mean of its own rows. So the ranks first agree on the mean of all
rows, and each of them moves its sums there; then they add up.

No state is gathered, only the names of shards: a rank sends and receives what an all-reduce of
K(K+1)/2 numbers takes, about ``8 * K**2`` bytes, however many ranks there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.layers import LayerAccumulator
from rankme._accumulators.state_header import with_groups
from rankme._base.optional import require
from rankme.distributed._collectives import all_well, place_of_group
from rankme.distributed._offers import ALONE, Common, Offer, agreed, filled, offers_of
from rankme.distributed._one_scatter import reduced, require_countable
from rankme.distributed._padding import drop_padding
from rankme.distributed._torch_grouped import groups_of_all_ranks

if TYPE_CHECKING:
    from rankme._accumulators.grouped import GroupedAccumulator

torch = require("torch", extra="torch", what="rankme.distributed.torch")
dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

_Sums = TypeVar("_Sums", Accumulator, LayerAccumulator, Mapping[str, Any])

__all__ = ["all_reduce", "all_reduce_groups", "drop_padding"]


def all_reduce(acc: _Sums, *, group: Any = None, device: Any = None) -> _Sums:
    """Sum the accumulators of all ranks; a collective call.

    Parameters
    ----------
    acc : rankme.Accumulator, rankme.LayerAccumulator, or mapping of str to these
        This rank's rows; there may be none. The same `dim`, `normalize`, `seed`, `groups` and
        `run_length` on every rank, and ``method="gram"``. Groups are summed one by one. It stays as
        it is, so that the stream may go on, and a later call counts no row twice.
        Of a mapping, as ``{"backbone": a, "projector": b}``, each rank brings the same names, in
        any order: what has one name is summed, whatever else the ranks hold. None stands for what
        this rank has seen no row of, and whose width it does not know.
    group : torch.distributed.ProcessGroup, optional
        The default group where none is given.
    device : torch.device or str, optional
        Where the backend wants its tensors. By default the CPU where the group has a backend for
        it, as gloo and MPI, and the current CUDA device with NCCL; the state is moved there once.

    Returns
    -------
    rankme.Accumulator, rankme.LayerAccumulator, or dict of str to these
        As `acc`: all rows and shards of all ranks, and how many rows they left out. With gloo and
        NCCL, the same bits on every rank. Sums of a power-of-two scale are brought to the largest
        scale first, which is exact. A mean that is much longer than the spread around it costs
        nothing, as in a merge. What is None on every rank is None.

    Raises
    ------
    TypeError
        If `acc` is none of these.
    ValueError
        If one of those differs among the ranks: on every rank, with the extremes. If the names do:
        on every rank, which rank lacks which. If two ranks hold rows of the same shard: on every
        rank, with its name. If `method` is another one, or this process is no member of `group`.
    RuntimeError
        If another rank came with something that cannot be reduced: it names the rank and its error,
        and on that rank the error itself begins with its number. And whatever the backend raises
        where a rank has died.
    OverflowError
        If all ranks together have more than 2**63 - 1 rows: on every rank.

    Notes
    -----
    What all ranks bring is told in one exchange, before anything is summed.

    A rank that never comes leaves the others waiting until the process group's timeout, as in any
    collective: set ``init_process_group(timeout=...)``. gloo notices a dead peer at once.

    Memory beside `acc`: the packed triangle, ``4 * K**2`` bytes, which is reduced where it lies,
    and ``8 * K**2`` before that to move it and after that for the result; with NCCL the triangle
    once more on the GPU. Of a mapping or a stack, the triangles of all of it.
    """
    _require_member(group)
    usual = place_of_group(group)
    given: Any = acc
    named = given if isinstance(given, Mapping) else {ALONE: given}
    offers: dict[str, Offer | None] = {}
    problem = None
    try:
        # What is wrong with a rank's device has to be told the others as well.
        place = torch.device(usual if device is None else device)
        torch.empty(0, device=place)
        offers = offers_of(named, alone=named is not given)
    except Exception as error:  # noqa: BLE001
        problem, place = error, usual
    common = agreed(offers, problem, group, place)
    whole, staging = _made_room(offers, common, group, place)
    found: dict[str, Any] = {}
    for name, together in common.items():
        found[name] = None
        if together is not None:
            found[name] = _summed(whole[name], together, staging, group, place)
    total: Any = {name: found[name] for name in named} if named is given else found[ALONE]
    return cast("_Sums", total)


def all_reduce_groups(
    acc: GroupedAccumulator, *, group: Any = None, device: Any = None
) -> GroupedAccumulator:
    """Sum the grouped accumulators of all ranks, group by group; a collective call.

    Parameters
    ----------
    acc : rankme.GroupedAccumulator
        This rank's rows; there may be none. The same `dim`, `n_groups`, `normalize` and `seed` on
        every rank. It stays as it is.
    group, device
        As in `all_reduce`.

    Returns
    -------
    rankme.GroupedAccumulator
        All rows and shards of all ranks. Each group is reduced as `all_reduce` does, if any rank
        has rows of it.

    Raises
    ------
    TypeError
        If `acc` is no grouped accumulator.
    ValueError, RuntimeError, OverflowError
        As `all_reduce`, on every rank; also if `n_groups` differs among the ranks.
    """
    _require_member(group)
    place = place_of_group(group)
    reduce = partial(all_reduce, group=group, device=device)
    return groups_of_all_ranks(acc, reduce, group, place)


def _require_member(group: Any) -> None:
    """Refuse a process that the others do not wait for."""
    if dist.get_rank(group) < 0:
        raise ValueError(
            "this process is no member of group, and cannot take part in its reduction"
        )


def _made_room(
    offers: Mapping[str, Offer | None], common: Mapping[str, Common | None], group: Any, place: Any
) -> tuple[dict[str, Offer], Any]:
    """Return what this rank sums, and room to send it from; a failure is told to all ranks."""
    whole: dict[str, Offer] = {}
    # As large as the largest array; None where all is sent from where it lies.
    staging = problem = None
    try:
        for name, together in common.items():
            if together is not None:
                whole[name] = filled(offers[name], together)
        sizes = [
            array.size for offer in whole.values() for one in offer.states for array in one.arrays
        ]
        if place.type != "cpu" and sizes:
            staging = torch.empty(max(sizes), dtype=torch.float64, device=place)
    except Exception as error:  # noqa: BLE001
        problem = error
    all_well(problem, [], group, place)
    return whole, staging


def _summed(offer: Offer, together: Common, staging: Any, group: Any, place: Any) -> Any:
    """Return the accumulator or the stack of the sums of all ranks."""
    states = []
    for state in offer.states:
        parts = [state] if state.groups is None else state.parts
        sums = [reduced(part, staging, group, place) for part in parts]
        total = sums[0]
        if state.groups is not None:
            total = with_groups(sums, state.groups.run_length, together.position)
            require_countable(total.n_rows)
        left_out = state.skipped._replace(rows=together.skipped, shards=together.left_out)
        states.append(
            total._replace(shards=together.shards, skipped=left_out, origin=together.origin)
        )
    if offer.note.kind == "LayerAccumulator":
        return LayerAccumulator._from_states(states, offer.device, "float64")  # noqa: SLF001
    return Accumulator._from_state(states[0], offer.device, "float64")  # noqa: SLF001
