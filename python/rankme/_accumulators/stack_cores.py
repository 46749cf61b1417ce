"""Which compiled sums a stack of layers holds: by their lengths, groups and device."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, TypeAlias

from rankme import _core
from rankme._accumulators.dealt import Deal, require_float64
from rankme._accumulators.dealt_layers import DealtLayers
from rankme._accumulators.gpu_layers import GpuLayers
from rankme._accumulators.mixed_layers import MixedLayers
from rankme._base.arguments import MAX_DIM, as_index, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rankme._accumulators.state_header import State

__all__ = ["Core", "Sizes", "dims_of", "empty_core", "require_alike", "restored_core", "sizes_of"]

_MAX_LAYERS = 2**31 - 1

Core: TypeAlias = "_core.LayerAccumulator | MixedLayers | DealtLayers | GpuLayers"


class Sizes(NamedTuple):
    """How many layers there are, and the length of a row of each: one number, or several."""

    n_layers: int
    dim: int
    dims: tuple[int, ...] | None  # where they differ


def sizes_of(n_layers: SupportsIndex | None, dim: SupportsIndex | None, dims: Any) -> Sizes:
    """Return what was asked for, by two numbers or by one a layer."""
    if dims is None:
        if n_layers is None or dim is None:
            raise TypeError(
                "LayerAccumulator needs n_layers and dim, or dims=[...], the width of each layer"
            )
        layers = as_index(n_layers, "n_layers", 1, _MAX_LAYERS)
        return Sizes(layers, as_index(dim, "dim", 1, MAX_DIM), None)
    if n_layers is not None or dim is not None:
        raise TypeError("dims has the width of each layer: leave out n_layers and dim")
    try:
        every = tuple(dims)
    except TypeError:
        raise TypeError(f"dims must be several integers, not {type_name(dims)}") from None
    widths = tuple(as_index(one, f"dims[{i}]", 1, MAX_DIM) for i, one in enumerate(every))
    if not widths:
        raise ValueError("dims is empty: at least one layer is needed")
    return Sizes(len(widths), widths[0], widths if len(set(widths)) > 1 else None)


def dims_of(core: Core) -> list[int]:
    """Return the length of a row of each layer."""
    if isinstance(core, _core.LayerAccumulator):
        return [core.dim] * core.n_layers
    return core.dims


def empty_core(
    sizes: Sizes, deal: Deal | None, device: str, *, normalize: bool, seed: int, precision: str
) -> Core:
    """Make the sums of a stack without rows."""
    if deal is not None:
        require_float64(precision)
        if device != "cpu":
            raise ValueError(
                f"groups are kept on the CPU and not on {device}, for which they have not been "
                f"built: leave out groups, or device"
            )
        return DealtLayers.empty(_lengths(sizes), deal, normalize=normalize, seed=seed)
    options: Any = {"normalize": normalize, "seed": seed, "precision": precision}
    if device != "cpu":
        return GpuLayers.empty(_lengths(sizes), device, **options)
    if sizes.dims is not None:
        return MixedLayers.empty(sizes.dims, **options)
    return _core.LayerAccumulator(sizes.n_layers, sizes.dim, normalize, seed, precision)


def restored_core(states: Sequence[State], device: str, precision: str) -> Core:
    """Make sums that hold the states of layers."""
    first = states[0]
    if first.groups is not None:
        if device != "cpu":
            raise ValueError(f"a stack with groups is kept on the CPU, and not on {device}")
        return DealtLayers.restored(list(states))
    if device != "cpu":
        return GpuLayers.restored(states, device, precision)
    layers = [(state.n_rows, state.numbers, state.arrays) for state in states]
    dims = [state.dim for state in states]
    if len(set(dims)) > 1:
        return MixedLayers.restored(dims, first.normalize, layers, precision)
    return _core.LayerAccumulator.from_states(first.dim, first.normalize, layers, precision)


def require_alike(core: Core, other: Core) -> None:
    """Refuse to merge stacks whose layers are not of the same lengths."""
    if isinstance(core, _core.LayerAccumulator) and isinstance(other, _core.LayerAccumulator):
        return  # it says so itself
    ours, theirs = dims_of(core), dims_of(other)
    if len(ours) != len(theirs):
        raise ValueError(f"cannot merge stacks of n_layers {len(ours)} and n_layers {len(theirs)}")
    if ours != theirs:
        raise ValueError(f"cannot merge stacks of dims {ours} and dims {theirs}")


def _lengths(sizes: Sizes) -> Iterable[int]:
    """Return the length of a row of each layer, one after the other."""
    return repeat(sizes.dim, sizes.n_layers) if sizes.dims is None else sizes.dims
