"""All layers of a stack whose rows have different lengths: a compiled stack for each length."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MixedLayers"]


class MixedLayers:
    """What `rankme._core.LayerAccumulator` is to layers of one length.

    Whatever looks at all layers, or changes them, holds the lock.
    """

    __slots__ = ("_lock", "_places", "_stacks", "dims")

    def __init__(
        self, dims: Sequence[int], make: Callable[[int, list[int]], _core.LayerAccumulator]
    ) -> None:
        self.dims = list(dims)
        numbers: dict[int, list[int]] = {}
        # Of each layer, the number of its stack and its number in it.
        self._places: list[tuple[int, int]] = []
        for layer, dim in enumerate(self.dims):
            own = numbers.setdefault(dim, [])
            self._places.append((list(numbers).index(dim), len(own)))
            own.append(layer)
        self._stacks = [make(dim, layers) for dim, layers in numbers.items()]
        self._lock = threading.Lock()

    @classmethod
    def empty(
        cls, dims: Sequence[int], *, normalize: bool, seed: int, precision: str
    ) -> MixedLayers:
        """Make one without rows."""
        return cls(
            dims,
            lambda dim, layers: _core.LayerAccumulator(
                len(layers), dim, normalize, seed, precision
            ),
        )

    @classmethod
    def restored(
        cls, dims: Sequence[int], normalize: bool, states: Sequence[Any], precision: str
    ) -> MixedLayers:
        """Hold the states of layers, as the core gives them."""
        return cls(
            dims,
            lambda dim, layers: _core.LayerAccumulator.from_states(
                dim, normalize, [states[layer] for layer in layers], precision
            ),
        )

    @property
    def n_layers(self) -> int:
        """L."""
        return len(self.dims)

    @property
    def normalize(self) -> bool:
        """Whether rows are divided by their norms."""
        return self._stacks[0].normalize

    @property
    def n_rows(self) -> int:
        """How many rows each layer has."""
        with self._lock:
            return self._stacks[0].n_rows

    @property
    def fast_rows(self) -> list[int]:
        """How many of the rows of each layer were multiplied in float32."""
        with self._lock:
            return self._by_layer([stack.fast_rows for stack in self._stacks])

    def update(self, zs: Sequence[Any]) -> None:
        """Take in rows of every layer, in all of them or in none."""
        views = [as_rows(z, f"Zs[{i}]") for i, z in enumerate(zs)]
        with self._lock:
            _core.update_stacks(self._stacks, [stack for stack, _ in self._places], views)

    def merge(self, other: MixedLayers) -> None:
        """Take in the rows of another one, whose layers have the same lengths."""
        # In an order that all threads share, and once where both are one.
        with contextlib.ExitStack() as locks:
            for one in sorted({id(self): self, id(other): other}.values(), key=id):
                locks.enter_context(one._lock)  # noqa: SLF001
            for own, theirs in zip(self._stacks, other._stacks, strict=True):
                own.merge(theirs)

    def reset(self) -> None:
        """Forget all rows."""
        with self._lock:
            for stack in self._stacks:
                stack.reset()

    def spectrum(self, layer: int, center: bool) -> tuple[Any, int]:
        """Return the values of one layer, and the number of rows behind them."""
        stack, number = self._places[layer]
        with self._lock:
            return self._stacks[stack].spectrum(number, center)

    def spectra(self, center: bool) -> tuple[list[Any], int]:
        """Return the values of all layers of one instant, and the number of rows."""
        with self._lock:
            found = [stack.spectra(center) for stack in self._stacks]
        return self._by_layer([values for values, _ in found]), found[0][1]

    def state(self, layer: int) -> Any:
        """Return the state of one layer."""
        stack, number = self._places[layer]
        with self._lock:
            return self._stacks[stack].state(number)

    def states(self) -> list[Any]:
        """Return the states of all layers, of one instant."""
        with self._lock:
            return self._by_layer([stack.states() for stack in self._stacks])

    def _by_layer(self, of_stacks: list[list[Any]]) -> list[Any]:
        """Return in the order of the layers what each stack has for its own."""
        return [of_stacks[stack][number] for stack, number in self._places]
