"""What a batch holds of a target, and which of its inputs a sampler only repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import type_name
from rankme._base.optional import require

if TYPE_CHECKING:
    from collections.abc import Iterable

torch = require("torch", extra="torch", what="rankme.integrations")

__all__ = ["fresh_inputs", "picked"]

_MOST_LISTED = 20


def picked(name: str, target: Any, outputs: Any, batch: Any, modules: Iterable[str]) -> Any:
    """Return what a target that is no module is of a step: a function of both, or a key of one."""
    if callable(target):
        return target(outputs, batch)
    for place in (outputs, batch):
        if isinstance(place, Mapping) and target in place:
            return place[target]
    near = [repr(module) for module in modules if module][:_MOST_LISTED]
    raise ValueError(
        f"target {name!r} is not there: the step returned {_holds(outputs)}, the batch is "
        f"{_holds(batch)}, and no module has that name; there are {', '.join(near)}. Return it "
        f"from the step, as {{'loss': loss, {name!r}: z}}, or give a function: "
        f"target=lambda outputs, batch: batch[0]"
    )


def _holds(place: Any) -> str:
    """Say what keys something has, or that it has none."""
    if isinstance(place, Mapping):
        return f"the keys {', '.join(map(repr, list(place)[:_MOST_LISTED])) or 'none'}"
    return "None" if place is None else f"{type_name(place)} without keys"


def fresh_inputs(loader: Any, batch_idx: int) -> Any:
    """Return (n,), False of inputs of a batch that ``DistributedSampler`` repeats; None of none.

    It gives every rank as many inputs, and begins again at the first where they do not suffice.
    """
    batches = getattr(loader, "batch_sampler", None)
    for sampler in (getattr(loader, "sampler", None), getattr(batches, "sampler", None)):
        if isinstance(sampler, torch.utils.data.distributed.DistributedSampler):
            break
    else:
        return None
    size = getattr(loader, "batch_size", None) or getattr(batches, "batch_size", None)
    n_own = len(range(sampler.rank, len(sampler.dataset), sampler.num_replicas))
    if size is None or n_own >= sampler.num_samples:
        return None
    start = batch_idx * size
    n_inputs = min(size, sampler.num_samples - start)
    return None if n_own >= start + n_inputs else torch.arange(start, start + n_inputs) < n_own
