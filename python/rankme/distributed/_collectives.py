"""What the ranks of a ``torch.distributed`` group tell one another: a few numbers, and sums."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rankme._base.optional import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

torch = require("torch", extra="torch", what="rankme.distributed.torch")
dist = require("torch.distributed", extra="torch", what="rankme.distributed.torch")

__all__ = [
    "all_well",
    "exchange",
    "from_rank",
    "place_of_group",
    "sum_in_place",
    "summed",
    "told",
]


def all_well(problem: Exception | None, most: list[int], group: Any, place: Any) -> list[int]:
    """Raise on every rank where one has a problem; return the greatest of each number."""
    failed = 0 if problem is None else 1 + dist.get_rank(group)
    largest = exchange([failed, *most], dist.ReduceOp.MAX, group, place)
    if problem is not None:
        raise _with_rank(problem, group)
    if largest[0] > 0:
        raise RuntimeError(
            f"rank {largest[0] - 1} has nothing that can be reduced; its own error tells why"
        )
    return largest


def told(own: Any, problem: Exception | None, group: Any, place: Any) -> list[Any]:
    """Tell all ranks what this one has, as JSON, and return what each has.

    Raise on every rank where one has a problem, with the text of it.
    """
    text = None if problem is None else f"{type(problem).__name__}: {problem}"
    data = json.dumps([text, own], default=dict).encode()
    ranks = [json.loads(theirs) for theirs in _gathered(data, group, place)]
    if problem is not None:
        raise _with_rank(problem, group)
    for rank, (found, _) in enumerate(ranks):
        if found is not None:
            raise RuntimeError(f"rank {rank} has nothing that can be reduced: {found}")
    return [theirs for _, theirs in ranks]


def place_of_group(group: Any) -> Any:
    """Return the device on which a group's backend takes tensors."""
    backends = str(dist.get_backend_config(group))  # such as "cpu:gloo,cuda:nccl"
    if "cpu:" in backends and dist.get_backend(group) != "nccl":
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def _with_rank(problem: Exception, group: Any) -> Exception:
    """Return an error whose text begins with the rank that it arose on."""
    if len(problem.args) == 1 and isinstance(problem.args[0], str):
        problem.args = (f"rank {dist.get_rank(group)}: {problem.args[0]}",)
    return problem


def _gathered(own: bytes, group: Any, place: Any) -> list[bytes]:
    """Return the bytes of every rank, in the order of the ranks; any number of each."""
    world = dist.get_world_size(group)
    mine = torch.tensor([len(own)], dtype=torch.int64, device=place)
    sizes = [torch.empty_like(mine) for _ in range(world)]
    dist.all_gather(sizes, mine, group=group)
    lengths = [int(size) for size in sizes]
    padded = torch.frombuffer(bytearray(own.ljust(max(lengths))), dtype=torch.uint8).to(place)
    pieces = [torch.empty_like(padded) for _ in range(world)]
    dist.all_gather(pieces, padded, group=group)
    return [
        piece[:length].cpu().numpy().tobytes()
        for piece, length in zip(pieces, lengths, strict=True)
    ]


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
