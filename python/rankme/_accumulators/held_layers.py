"""What a stack of layers holds: the compiled sums of its rows, and how they are kept."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme._accumulators import layers_file
from rankme._accumulators.dealt_layers import DealtLayers
from rankme._accumulators.in_groups import InGroups
from rankme._accumulators.monoid import Monoid
from rankme._accumulators.stack_cores import dims_of, restored_core
from rankme._accumulators.state_header import State, kind_of
from rankme._base.arguments import type_name
from rankme._base.devices import as_device
from rankme._base.notebook import card, spans
from rankme._base.threads import require_budget

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

    from rankme._accumulators.stack_cores import Core

__all__ = ["METHOD", "HeldStack"]

METHOD = "gram"  # the only one that a stack keeps


class HeldStack(InGroups, Monoid):
    """The sums of all layers in the compiled core, and the bytes that they are saved as."""

    __slots__ = ("_core", "_device", "_precision")
    _core: Core
    _device: str
    _precision: str

    @property
    def n_layers(self) -> int:
        """L, the number of layers."""
        return self._core.n_layers

    @property
    def dim(self) -> int:
        """K, the length of a row in every layer; a ValueError where layers differ in it."""
        first, *others = set(self.dims)
        if others:
            raise ValueError(f"layers have rows of different lengths; dims has them: {self.dims}")
        return first

    @property
    def dims(self) -> list[int]:
        """The length of a row in each layer."""
        return dims_of(self._core)

    @property
    def device(self) -> str:
        """Where the sums lie: ``"cpu"``, or ``"cuda:0"`` and so on."""
        return self._device

    @property
    def normalize(self) -> bool:
        """Whether each row is divided by its Euclidean norm as it comes."""
        return self._core.normalize

    @property
    def fast_rows(self) -> list[int]:
        """How many of the rows so far were multiplied in float32, of each layer."""
        return list(getattr(self._core, "fast_rows", [0] * self.n_layers))

    @property
    def n_rows(self) -> int:
        """How many rows each layer took in, over all updates and merges."""
        return self._core.n_rows

    def _repr_html_(self) -> str:
        """Show it in notebooks; nothing is computed for it."""
        return card(
            type(self).__name__,
            {
                "layers": self.n_layers,
                "rows so far": f"{self.n_rows:,}",
                "columns": spans(self.dims),
                "normalised": "yes" if self.normalize else "no",
                "device": self.device,
                "precision": self._precision,
                **({} if self.groups is None else {"groups": self.groups}),
            },
        )

    def reset(self) -> None:
        """Forget all rows; what the stack was made with stays."""
        self._core.reset()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the states of all layers to one file, whole or not at all.

        A crash meanwhile leaves the old file or the new one, each complete. Half as much memory as
        the stack takes is needed meanwhile.

        Parameters
        ----------
        path : str or os.PathLike
            An existing file is replaced and keeps its permissions. About ``4 * n_layers * dim**2``
            bytes, for each of `groups` where there are some; the format is specified in the
            documentation.

        Raises
        ------
        OSError
            If it cannot be written, or if `path` is there and no regular file.
        """
        layers_file.write(path, self._states())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Self:
        """Return the stack that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
        device : {"cpu", "cuda", "cuda:1", ...}
            Where it is to lie. The file does not say where it lay.

        Returns
        -------
        LayerAccumulator
            In the saved state, bit for bit.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no saved stack, was written by a newer rankme, is truncated or was changed, or
            if ``RANKME_NUM_THREADS`` was set to something else than a positive integer.
        MemoryError
            If there is no room for n_layers x dim x dim numbers.
        ImportError, RuntimeError
            As the class does for `device`.
        """
        target = as_device(device)  # before the file is read
        return cls._from_states(layers_file.read(path), target)

    def copy(self, *, device: str | None = None) -> Self:
        """Return an independent stack in the same state, bit for bit.

        Parameters
        ----------
        device : str, optional
            Where the copy lies; by default where this one does. A copy on another device multiplies
            in float64.

        Returns
        -------
        LayerAccumulator

        Raises
        ------
        ValueError, ImportError, RuntimeError, MemoryError
            As `rankme.Accumulator.copy`.
        """
        target = self._device if device is None else as_device(device)
        precision = self._precision if target == self._device else "float64"
        return self._from_states(self._states(), target, precision)

    def __getstate__(self) -> bytes:
        return layers_file.encode(self._states())

    def __setstate__(self, state: bytes) -> None:
        # On the CPU, as an accumulator is.
        states = layers_file.decode(state, "pickled rankme.LayerAccumulator")
        self._restore(states, "cpu", None)

    def _index(self, layer: SupportsIndex) -> int:
        """Return the number of a layer, which may be counted from the end."""
        try:
            number = operator.index(layer)
        except TypeError:
            raise TypeError(f"layer must be an integer, not {type_name(layer)}") from None
        if not -self.n_layers <= number < self.n_layers:
            raise IndexError(f"layer {number} of a stack of {self.n_layers}")
        return number % self.n_layers

    def _states(self) -> list[State]:
        """Return the states of all layers, of one instant."""
        if isinstance(self._core, DealtLayers):
            return self._core.states()
        return [
            self._one(dim, *state)
            for dim, state in zip(self.dims, self._core.states(), strict=True)
        ]

    def _state(self, layer: int) -> State:
        """Return the state of one layer."""
        if isinstance(self._core, DealtLayers):
            return self._core.state(layer)
        return self._one(self.dims[layer], *self._core.state(layer))

    def _one(self, dim: int, n_rows: int, numbers: tuple[int, ...], arrays: Any) -> State:
        """Return the state of a layer from what the core gives for it."""
        kind = kind_of(METHOD, numbers, arrays)
        return State(kind, dim, self.normalize, n_rows, numbers, arrays)

    @classmethod
    def _from_states(
        cls, states: list[State], device: str = "cpu", precision: str | None = None
    ) -> Self:
        """Make a stack of the states of its layers."""
        new = cls.__new__(cls)
        new._restore(states, device, precision)  # noqa: SLF001
        return new

    def _restore(self, states: list[State], device: str, precision: str | None) -> None:
        """Hold the states of layers, on a device; without a precision in that of the states."""
        require_budget()
        if precision is None:
            fast = any(state.precision == "fast" for state in states)
            precision = "fast" if fast else "float64"
        self._device = device
        self._precision = precision
        self._core = restored_core(states, device, precision)
