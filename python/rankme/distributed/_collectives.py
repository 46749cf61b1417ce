"""What the ranks of a ``torch.distributed`` group tell one another: a few numbers, and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._base.optional import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

torch = require("torch", extra="torch", what="rankme.distributed.torch")
dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

__all__ = ["all_well", "exchange", "from_rank", "sum_in_place", "summed"]


def all_well(problem: Exception | None, most: list[int], group: Any, place: Any) -> list[int]:
    """Raise on every rank where one has a problem; return the greatest of each number."""
    failed = 0 if problem is None else 1 + dist.get_rank(group)
    largest = exchange([failed, *most], dist.ReduceOp.MAX, group, place)
    if problem is not None:
        raise problem
    if largest[0] > 0:
        raise RuntimeError(
            f"rank {largest[0] - 1} has nothing that can be reduced; its own error tells why"
        )
    return largest


def exchange(values: list[int], op: Any, group: Any, place: Any) -> list[int]:
    """Reduce a few integers over all ranks."""
    tensor = torch.tensor(values, dtype=torch.int64, device=place)
    dist.all_reduce(tensor, op=op, group=group)
    return [int(value) for value in tensor.tolist()]


def from_rank(rank: int, values: NDArray[Any], group: Any, place: Any) -> NDArray[Any]:
    """Return what a rank of the group has."""
    tensor = torch.from_numpy(values.copy()).to(place)
    source = rank if group is None else dist.get_global_rank(group, rank)
    dist.broadcast(tensor, source, group=group)
    sent: NDArray[Any] = tensor.cpu().numpy()
    return sent


def summed(values: NDArray[Any], group: Any, place: Any) -> NDArray[Any]:
    """Return the sum of a few numbers over all ranks."""
    tensor = torch.from_numpy(values).to(place)
    dist.all_reduce(tensor, group=group)
    total: NDArray[Any] = tensor.cpu().numpy()
    return total


def sum_in_place(tensor: Any, staging: Any, group: Any) -> None:
    """Sum a tensor over all ranks, in place."""
    if staging is None:
        dist.all_reduce(tensor, group=group)
        return
    moved = staging[: tensor.numel()]
    moved.copy_(tensor)
    dist.all_reduce(moved, group=group)
    tensor.copy_(moved)
