"""All layers of a stack on a GPU: an accumulator for each, which take in rows together."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from rankme._base.devices import module_of, place_of
from rankme._base.errors import NonFiniteError
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rankme._accumulators.state_header import State

__all__ = ["GpuLayers"]

_TORN = (
    "a merge of new rows into this stack has failed half way, and some of the layers have them: "
    "reset() is all that it can do"
)


class GpuLayers:
    """What `rankme._core.LayerAccumulator` is on the CPU, for layers of any lengths.

    New rows go into sums aside first, and from there into the layers: so that rows of which the
    last layer's hold NaN change none of the others. Those sums take as much memory as the layers.
    """

    __slots__ = ("_device", "_layers", "_lock", "_make", "_torn", "_young")

    def __init__(self, layers: list[Any], make: Callable[[int], Any], device: str) -> None:
        self._layers = layers
        self._make = make
        self._device = device
        self._young: list[Any] = []
        self._lock = threading.Lock()
        self._torn = False

    @classmethod
    def empty(
        cls, dims: Iterable[int], device: str, *, normalize: bool, seed: int, precision: str
    ) -> GpuLayers:
        """Make one without rows."""
        module, index = module_of(device)

        def make(dim: int) -> Any:
            return module.GramAccumulator(dim, normalize, seed, device=index, precision=precision)

        return cls([make(dim) for dim in dims], make, device)

    @classmethod
    def restored(cls, states: Sequence[State], device: str, precision: str) -> GpuLayers:
        """Hold the states of layers."""
        module, index = module_of(device)
        options: dict[str, Any] = {"device": index, "precision": precision}
        first = states[0]

        def make(dim: int) -> Any:
            return module.GramAccumulator(dim, first.normalize, first.seed, **options)

        layers = [
            module.GramAccumulator.from_state(
                state.dim,
                state.normalize,
                state.n_rows,
                state.numbers,
                state.arrays,
                shards={},
                **options,
            )
            for state in states
        ]
        return cls(layers, make, device)

    @property
    def n_layers(self) -> int:
        """L."""
        return len(self._layers)

    @property
    def dims(self) -> list[int]:
        """The length of a row of each layer."""
        return [int(layer.dim) for layer in self._layers]

    @property
    def normalize(self) -> bool:
        """Whether rows are divided by their norms."""
        return bool(self._layers[0].normalize)

    @property
    def n_rows(self) -> int:
        """How many rows each layer has."""
        with self._lock:
            return int(self._layers[0].n_rows)

    @property
    def fast_rows(self) -> list[int]:
        """How many of the rows of each layer were multiplied in less than float64."""
        with self._lock:
            return [int(layer.fast_rows) for layer in self._layers]

    def update(self, zs: Any) -> None:
        """Take in rows of every layer, in all of them or in none."""
        views = self._checked(zs)
        with self._whole():
            if not self._young:
                self._young = [self._make(layer.dim) for layer in self._layers]
            try:
                for i, (young, view) in enumerate(zip(self._young, views, strict=True)):
                    _add(young, view, i)
                self._torn = True
                for layer, young in zip(self._layers, self._young, strict=True):
                    layer.merge(young)
                self._torn = False
            finally:
                for young in self._young:
                    young.reset()

    def merge(self, other: GpuLayers) -> None:
        """Take in the rows of another one, whose layers have the same lengths."""
        # In an order that all threads share, and once where both are one.
        with contextlib.ExitStack() as locks:
            for one in sorted({id(self): self, id(other): other}.values(), key=id):
                locks.enter_context(one._whole())  # noqa: SLF001
            for layer, theirs in zip(self._layers, other._layers, strict=True):
                layer.merge(theirs)

    def reset(self) -> None:
        """Forget all rows."""
        with self._lock:
            for layer in [*self._layers, *self._young]:
                layer.reset()
            self._torn = False

    def spectrum(self, layer: int, center: bool) -> tuple[Any, int]:
        """Return the values of one layer, and the number of rows behind them."""
        with self._whole():
            found: tuple[Any, int] = self._layers[layer].spectrum(center)
        return found

    def spectra(self, center: bool) -> tuple[list[Any], int]:
        """Return the values of all layers of one instant, and the number of rows."""
        with self._whole():
            found = [layer.spectrum(center) for layer in self._layers]
        return [values for values, _ in found], found[0][1]

    def state(self, layer: int) -> Any:
        """Return the state of one layer."""
        with self._whole():
            return self._layers[layer].state()[:3]  # without shards, which a stack has none of

    def states(self) -> list[Any]:
        """Return the states of all layers, of one instant."""
        with self._whole():
            return [layer.state()[:3] for layer in self._layers]

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Hold the lock, if all layers have the same rows."""
        with self._lock:
            if self._torn:
                raise RuntimeError(_TORN)
            yield

    def _checked(self, zs: Any) -> list[Any]:
        """Return the rows of every layer, if they are as many and as long as they should be."""
        count = zs.shape[0] if hasattr(zs, "shape") else len(zs)
        if count != self.n_layers:
            raise ValueError(f"Zs has {count} layers, the accumulator has n_layers {self.n_layers}")
        views = [as_rows(zs[i], f"Zs[{i}]") for i in range(count)]
        for i, (view, dim) in enumerate(zip(views, self.dims, strict=True)):
            place_of(view.device, self._device, f"Zs[{i}]")
            rows, width = view.shape
            if width != dim:
                raise ValueError(f"Zs[{i}] has {width} columns, the accumulator has dim {dim}")
            if rows != views[0].shape[0]:
                raise ValueError(
                    f"Zs[{i}] has {rows} rows and Zs[0] has {views[0].shape[0]}; all layers take "
                    f"in the same number"
                )
        return views


def _add(sums: Any, view: Any, layer: int) -> None:
    """Take rows into one sum; an error names the layer."""
    try:
        sums.update(view, None)
    except NonFiniteError as error:
        raise NonFiniteError(error.row, error.column, error.value, layer) from None
