"""All layers of a stack, whose rows are dealt to groups together."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme._accumulators.dealt import Deal, DealtRows, restored_rows, state_with_groups
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rankme._accumulators.state_header import State

__all__ = ["DealtLayers"]


class DealtLayers:
    """What `rankme._core.LayerAccumulator` is to a stack, with a sum for each group of a layer.

    Every layer has the same rows in the same groups. Whatever looks at all layers, or changes them,
    holds the lock.
    """

    __slots__ = ("_layers", "_lock", "deal")

    def __init__(self, layers: list[_core.GroupSums], deal: Deal) -> None:
        self._layers = layers
        self._lock = threading.Lock()
        self.deal = deal

    @classmethod
    def empty(cls, dims: Iterable[int], deal: Deal, *, normalize: bool, seed: int) -> DealtLayers:
        """Make one without rows."""
        sums = [_core.GroupSums(dim, deal.groups, normalize, seed) for dim in dims]
        return cls(sums, deal)

    @classmethod
    def restored(cls, states: list[State]) -> DealtLayers:
        """Hold the states of layers."""
        layers = [restored_rows(state) for state in states]
        return cls([layer.sums for layer in layers], layers[0].deal)

    @property
    def n_layers(self) -> int:
        """L."""
        return len(self._layers)

    @property
    def dims(self) -> list[int]:
        """The length of a row of each layer."""
        return [layer.dim for layer in self._layers]

    @property
    def normalize(self) -> bool:
        """Whether rows are divided by their norms."""
        return self._layers[0].normalize

    @property
    def n_rows(self) -> int:
        """How many rows each layer has."""
        return self._layers[0].n_rows

    def update(self, zs: _core.ArrayView | Sequence[Any]) -> None:
        """Take in rows of every layer, in all of them or in none."""
        if isinstance(zs, _core.ArrayView):
            n_rows = zs.shape[1]
        else:
            zs = [as_rows(z, f"Zs[{i}]") for i, z in enumerate(zs)]
            n_rows = zs[0].shape[0]
        with self._lock:
            _core.update_groups_of_all(self._layers, zs, self.deal.labels(n_rows))
            self.deal.advance(n_rows)

    def merge(self, other: DealtLayers) -> None:
        """Take in the groups of another one; the position stays."""
        # In an order that all threads share, and once where both are one.
        with contextlib.ExitStack() as locks:
            for stack in sorted({id(self): self, id(other): other}.values(), key=id):
                locks.enter_context(stack._lock)  # noqa: SLF001
            _core.merge_groups_of_all(self._layers, other._layers)
            self.deal.merged |= other.n_rows > 0

    def reset(self) -> None:
        """Forget all rows, and begin with the first group again."""
        with self._lock:
            for layer in self._layers:
                layer.reset()
            self.deal.restart()

    def spectrum(self, layer: int, center: bool) -> tuple[Any, int]:
        """Return the values of one layer, and the number of rows behind them."""
        return self._layers[layer].spectrum(center)

    def spectra(self, center: bool) -> tuple[list[Any], int]:
        """Return the values of all layers of one instant, and the number of rows."""
        with self._lock:
            return [layer.spectrum(center)[0] for layer in self._layers], self.n_rows

    def leave_out_spectra(self, *, center: bool) -> list[Any]:
        """Return what the sums of each layer tell with and without each group, of one instant."""
        with self._lock:
            return [layer.leave_out_spectra(center) for layer in self._layers]

    def group_rows(self) -> Any:
        """Return the rows of each group, which are those of every layer."""
        return self._layers[0].group_rows

    def state(self, layer: int) -> State:
        """Return the state of one layer."""
        with self._lock:
            return state_with_groups(DealtRows(self._layers[layer], self._own_deal()))

    def states(self) -> list[State]:
        """Return the states of all layers, of one instant."""
        with self._lock:
            deal = self._own_deal()
            return [state_with_groups(DealtRows(layer, deal)) for layer in self._layers]

    def _own_deal(self) -> Deal:
        """Return where the stack is now, with a lock that nobody holds."""
        deal = self.deal
        return Deal(deal.groups, deal.run_length, deal.position, merged=deal.merged)
