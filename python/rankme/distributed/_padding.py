"""The rows that ``DistributedSampler`` repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._base.arguments import as_index
from rankme._base.optional import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

__all__ = ["drop_padding"]


def drop_padding(
    blocks: Iterable[NDArray[Any]],
    *,
    n_total: int,
    rank: int | None = None,
    world_size: int | None = None,
    group: Any = None,
) -> Iterator[NDArray[Any]]:
    """Leave out the rows that ``DistributedSampler`` repeats to give every rank as many.

    With ``drop_last=False``, its default, the sampler lets the list of all `n_total` rows, shuffled
    or not, start again from its beginning until it can be dealt out evenly; rank r gets the places
    r, r + world_size, ... of it. Those beyond `n_total` are repeats, and the last of their rank: at
    most one a rank unless there are more ranks than rows.

    Parameters
    ----------
    blocks : iterable of array
        This rank's rows in the sampler's order, each of shape (n, K): a ``DataLoader`` with
        ``sampler=DistributedSampler(...)`` and ``drop_last=False``, any number of workers.
    n_total : int
        Rows of the whole dataset, ``len(dataset)``.
    rank, world_size : int, optional
        As the sampler has them; those of `group` where they are not given.
    group : torch.distributed.ProcessGroup, optional

    Yields
    ------
    array
        The blocks, the last ones shorter or left out: views, no copies.

    Raises
    ------
    TypeError
        If one of the numbers is no integer.
    ValueError
        If one of them is out of range, or `blocks` has fewer or more rows than the sampler deals
        out: they do not come from such a sampler then.
    """
    world = dist.get_world_size(group) if world_size is None else world_size
    world = as_index(world, "world_size", 1)
    own = as_index(dist.get_rank(group) if rank is None else rank, "rank", 0, world - 1)
    total = as_index(n_total, "n_total", 1)
    return _without_padding(blocks, len(range(own, total, world)), -(-total // world))


def _without_padding(
    blocks: Iterable[NDArray[Any]], own: int, dealt: int
) -> Iterator[NDArray[Any]]:
    """Yield the first `own` rows of blocks that have `dealt`."""
    seen = 0
    for block in blocks:
        left = own - seen
        seen += len(block)
        if left > 0:
            yield block[:left]
    if seen != dealt:
        raise ValueError(
            f"blocks have {seen} rows, and DistributedSampler deals out {dealt} to each rank, "
            f"padding included"
        )
