"""One accumulator from those of all ranks of a ``torch.distributed`` process group.

Every rank takes in its own rows, as many as it has; `all_reduce` then adds the states up over
whatever backend the group has, and every rank holds the whole::

    acc = rankme.Accumulator(dim)
    for block in drop_padding(blocks, n_total=len(dataset)):
        acc.update(block)
    total = rankme.distributed.torch.all_reduce(acc)

What each rank holds is about the mean of its own rows. So the ranks first agree on the mean of all
rows, and each of them moves its sums there; then they add up.

No state is gathered, only the names of shards: a rank sends and receives what an all-reduce of
K(K+1)/2 numbers takes, about ``8 * K**2`` bytes, however many ranks there are.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.provenance import NOWHERE, Origin, Provenance
from rankme._accumulators.shards import duplicate_shard, encoded
from rankme._accumulators.state_header import with_groups
from rankme._base.arguments import type_name
from rankme._base.optional import require
from rankme.distributed._collectives import all_well, exchange
from rankme.distributed._one_scatter import MOST_BLOCKS, reduced, require_countable
from rankme.distributed._padding import drop_padding
from rankme.distributed._torch_grouped import groups_of_all_ranks

if TYPE_CHECKING:
    from rankme._accumulators.grouped import GroupedAccumulator
    from rankme._accumulators.state_file import State

torch = require("torch", extra="torch", what="rankme.distributed.torch")
dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

__all__ = ["all_reduce", "all_reduce_groups", "drop_padding"]


def all_reduce(acc: Accumulator, *, group: Any = None, device: Any = None) -> Accumulator:
    """Sum the accumulators of all ranks; a collective call.

    Parameters
    ----------
    acc : rankme.Accumulator
        This rank's rows; there may be none. The same `dim`, `normalize`, `seed`, `groups` and
        `run_length` on every rank, and ``method="gram"``. Groups are summed one by one. It stays as
        it is, so that the stream may go on, and a later call counts no row twice.
    group : torch.distributed.ProcessGroup, optional
        The default group where none is given.
    device : torch.device or str, optional
        Where the backend wants its tensors. By default the CPU where the group has a backend for
        it, as gloo and MPI, and the current CUDA device with NCCL; the state is moved there once.

    Returns
    -------
    rankme.Accumulator
        All rows and shards of all ranks, and how many rows they left out. With gloo and NCCL, the
        same bits on every rank. Sums of a power-of-two scale are brought to the largest scale
        first, which is exact. A mean that is much longer than the spread around it costs nothing,
        as in a merge.

    Raises
    ------
    TypeError
        If `acc` is no accumulator.
    ValueError
        If one of those differs among the ranks: on every rank, with the extremes. If
        two ranks hold rows of the same shard: on every rank, with its name. If `method` is another
        one, or this process is no member of `group`.
    RuntimeError
        If another rank came with something that cannot be reduced; that rank has the reason. And
        whatever the backend raises where a rank has died.
    OverflowError
        If all ranks together have more than 2**63 - 1 rows: on every rank.

    Notes
    -----
    A rank that never comes leaves the others waiting until the process group's timeout, as in any
    collective: set ``init_process_group(timeout=...)``. gloo notices a dead peer at once.

    Memory beside `acc`: the packed triangle, ``4 * K**2`` bytes, which is reduced where it lies,
    and ``8 * K**2`` before that to move it and after that for the result; with NCCL the triangle
    once more on the GPU.
    """
    _require_member(group)
    usual = _default_device(group)
    offer, problem = _prepare(acc, usual if device is None else device)
    # What is wrong with a rank's device has to be told the others as well.
    place = torch.device(usual if problem is not None or device is None else device)
    together = _agree(offer, problem, group, place)
    tables = _joined(offer, group, place)
    sums = [reduced(one, offer.staging, group, place) for one in offer.sums]
    # A problem of this rank has raised above, so that acc is what it should be.
    return _result(offer, sums, together, tables, acc.device)


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
    place = torch.device(_default_device(group))
    reduce = partial(all_reduce, group=group, device=device)
    return groups_of_all_ranks(acc, reduce, group, place)


def _require_member(group: Any) -> None:
    """Refuse a process that the others do not wait for."""
    if dist.get_rank(group) < 0:
        raise ValueError(
            "this process is no member of group, and cannot take part in its reduction"
        )


class _Offer(NamedTuple):
    """What a rank brings: its state, the scatters in it, and room to send them from."""

    state: State | None
    sums: list[State]  # one, or one for each group
    staging: Any  # where the backend needs its tensors elsewhere; as large as the largest


class _Together(NamedTuple):
    """What is counted beside the sums: rows left out, and whose turn it is on the first rank."""

    skipped: int
    position: int


class _Tables(NamedTuple):
    """What all ranks together have beside numbers: shards, rows left out of them, tags and ids."""

    shards: dict[str, int]
    skipped: dict[str, int]
    origin: Origin


_NO_TABLES = _Tables({}, {}, NOWHERE)


def _default_device(group: Any) -> Any:
    """Return the device on which a group's backend takes tensors."""
    backends = str(dist.get_backend_config(group))  # such as "cpu:gloo,cuda:nccl"
    if "cpu:" in backends and dist.get_backend(group) != "nccl":
        return "cpu"
    return torch.device("cuda", torch.cuda.current_device())


def _prepare(acc: object, device: Any) -> tuple[_Offer, Exception | None]:
    """Take the state, and all memory that the reduction needs; a failure is told to all ranks."""
    try:
        if not isinstance(acc, Accumulator):
            raise TypeError(f"acc must be a rankme.Accumulator, not {type_name(acc)}")  # noqa: TRY301
        if acc.method != "gram":
            raise ValueError(  # noqa: TRY301
                f'all_reduce adds Gram matrices; method="{acc.method}" has none: '
                f"save the accumulators and merge them"
            )
        state = acc._state()  # noqa: SLF001
        if state.kind == "gram":  # that of a GPU is made a scatter here
            state = Accumulator._from_state(state, "cpu", "float64")._state()  # noqa: SLF001
        sums = [state] if state.groups is None else state.parts
        staging = None
        place = torch.device(device)
        if place.type != "cpu":
            largest = max(array.size for array in state.arrays)
            staging = torch.empty(largest, dtype=torch.float64, device=place)
        return _Offer(state, sums, staging), None
    except Exception as error:  # noqa: BLE001
        return _Offer(None, [], None), error


def _agree(offer: _Offer, problem: Exception | None, group: Any, place: Any) -> _Together:
    """Exchange some numbers, so that what does not fit together is an error on every rank."""
    state = offer.state
    same = [0, 0, 0, 0, 0, 0]
    sums = [0, 0]
    if state is not None:
        seed = state.seed or 0
        same = [state.dim, int(state.normalize), seed >> 32, seed & 0xFFFFFFFF, 0, 0]
        sums[0] = min(state.skipped.rows, MOST_BLOCKS // dist.get_world_size(group))
        if state.groups is not None:
            same[4:] = [len(state.groups.rows), state.groups.run_length]
            # Who comes first goes on, as in a merge.
            sums[1] = state.groups.position if dist.get_rank(group) == 0 else 0
    all_well(problem, [], group, place)
    # A value and its negative: the largest and the smallest of all ranks in one exchange.
    extremes = exchange([*same, *(-value for value in same)], dist.ReduceOp.MAX, group, place)
    _require_same(extremes[: len(same)], [-value for value in extremes[len(same) :]])
    return _Together(*exchange(sums, dist.ReduceOp.SUM, group, place))


def _require_same(high: list[int], low: list[int]) -> None:
    """Refuse accumulators that differ, given the extremes over all ranks."""
    for name, largest, smallest in (
        ("dim", high[0], low[0]),
        ("normalize", bool(high[1]), bool(low[1])),
        ("seed", tuple(high[2:4]), tuple(low[2:4])),
        ("groups", high[4], low[4]),
        ("run_length", high[5], low[5]),
    ):
        if largest != smallest:
            extremes = "" if name == "seed" else f": {smallest} and {largest}"
            raise ValueError(f"{name} of the accumulators differs among the ranks{extremes}")


def _joined(offer: _Offer, group: Any, place: Any) -> _Tables:
    """Gather what is small, and refuse a shard that two ranks have and tags that differ."""
    assert offer.state is not None  # noqa: S101
    state = offer.state
    own = json.dumps([state.shards, state.skipped.shards, state.origin], default=dict).encode()
    (size,) = exchange([len(own)], dist.ReduceOp.MAX, group, place)
    if size == len(json.dumps(_NO_TABLES)):
        return _NO_TABLES
    padded = torch.frombuffer(bytearray(own.ljust(size)), dtype=torch.uint8).to(place)
    tables = [torch.empty_like(padded) for _ in range(dist.get_world_size(group))]
    dist.all_gather(tables, padded, group=group)
    total: dict[str, int] = {}
    skipped: Counter[str] = Counter()
    provenance = Provenance()
    for table in tables:
        shards, left_out, origin = json.loads(table.cpu().numpy().tobytes())
        skipped.update(left_out)
        for shard in sorted(total.keys() & shards.keys()):
            raise ValueError(duplicate_shard(encoded(shard), total[shard], shards[shard]))
        total.update(shards)
        provenance.merge(Origin(*origin))
    return _Tables(total, dict(skipped), provenance.origin)


def _result(
    offer: _Offer,
    sums: list[State],
    together: _Together,
    tables: _Tables,
    device: str,
) -> Accumulator:
    """Return the accumulator of the sums."""
    state = offer.state
    assert state is not None  # noqa: S101
    total = sums[0]
    if state.groups is not None:
        total = with_groups(sums, state.groups.run_length, together.position)
        require_countable(total.n_rows)
    total = total._replace(
        shards=tables.shards,
        skipped=state.skipped._replace(rows=together.skipped, shards=tables.skipped),
        origin=tables.origin,
    )
    return Accumulator._from_state(total, device, "float64")  # noqa: SLF001
