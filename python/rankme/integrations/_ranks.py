"""What an observer asks of the other ranks; of one process alone, nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._base.optional import require
from rankme.distributed._collectives import place_of_group, told
from rankme.distributed.torch import all_reduce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rankme._accumulators.accumulator import Accumulator

dist = require("torch.distributed", extra="torch", what="rankme.integrations")

__all__ = ["Ranks"]


class Ranks:
    """The ranks of a process group, if there is one by then."""

    def __init__(self, group: Any) -> None:
        self._group = group

    @property
    def world(self) -> int:
        """How many there are."""
        return dist.get_world_size(self._group) if _is_up() else 1

    @property
    def rank(self) -> int:
        """Which one this is."""
        return dist.get_rank(self._group) if _is_up() else 0

    def share(self, total: int) -> int:
        """Return how many of `total` fall to this rank."""
        return len(range(self.rank, total, self.world))

    def dealt(self, n_total: int, seen: int, target: str) -> int:
        """Return how many of its inputs are no repeats, of a rank that has seen so many."""
        most = -(-n_total // self.world)
        if seen > most:
            raise ValueError(
                f"target {target!r} has seen {seen} inputs in this pass, and DistributedSampler "
                f"deals out {most} of n_total={n_total} to each rank, padding included; reset() "
                f"begins a pass"
            )
        return self.share(n_total)

    def own_part(self, rows: Any, what: str) -> Any:
        """Return the rows of this rank, of a tensor that may be spread over several.

        None of what an earlier rank counts.
        """
        placements = getattr(rows, "placements", None)
        if placements is None:
            return rows
        if not all(place.is_shard(0) or place.is_replicate() for place in placements):
            raise ValueError(
                f"{what} is a DTensor placed {tuple(placements)}, and no rank has a whole row; "
                f"pool=lambda output: output.full_tensor() puts it together, for example"
            )
        where = zip(placements, rows.device_mesh.get_coordinate(), strict=True)
        return rows.to_local() if all(one.is_shard() or i == 0 for one, i in where) else None

    def any_of(self, flag: bool, problem: Exception | None) -> bool:
        """Tell whether any rank says so; the problem of one is raised on all."""
        if self.world == 1:
            return flag
        return any(self._told(flag, problem))

    def reduced(self, sums: Mapping[str, Accumulator | None]) -> dict[str, Accumulator | None]:
        """Return the sums of all ranks, on each of them; copies, of one alone."""
        if self.world == 1:
            return {name: None if acc is None else acc.copy() for name, acc in sums.items()}
        return dict(all_reduce(sums, group=self._group))

    def from_first(self, make: Callable[[], Any]) -> Any:
        """Return what the first rank makes; an error there is an error everywhere."""
        if self.world == 1:
            return make()
        made = problem = None
        try:
            made = make() if self.rank == 0 else None
        except Exception as error:  # noqa: BLE001
            problem = error
        return self._told(made, problem)[0]

    def _told(self, own: Any, problem: Exception | None) -> list[Any]:
        """Tell all ranks, and return what each of them has."""
        return told(own, problem, self._group, place_of_group(self._group))


def _is_up() -> bool:
    """Whether there is a process group."""
    return bool(dist.is_available() and dist.is_initialized())
