"""What a stack of layers holds: the compiled sums of its rows, and how they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme._accumulators import layers_file
from rankme._accumulators.dealt_layers import DealtLayers
from rankme._accumulators.in_groups import InGroups
from rankme._accumulators.monoid import Monoid
from rankme._accumulators.state_header import State, kind_of
from rankme._base.threads import require_budget

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

__all__ = ["METHOD", "HeldStack"]

METHOD = "gram"  # the only one that a stack keeps


class HeldStack(InGroups, Monoid):
    """The sums of all layers in the compiled core, and the bytes that they are saved as."""

    __slots__ = ("_core",)
    _core: _core.LayerAccumulator | DealtLayers

    @property
    def n_layers(self) -> int:
        """L, the number of layers."""
        return self._core.n_layers

    @property
    def dim(self) -> int:
        """K, the length of a row in every layer."""
        return self._core.dim

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
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the stack that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike

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
        """
        return cls._from_states(layers_file.read(path))

    def __getstate__(self) -> bytes:
        return layers_file.encode(self._states())

    def __setstate__(self, state: bytes) -> None:
        self._restore(layers_file.decode(state, "pickled rankme.LayerAccumulator"))

    def _states(self) -> list[State]:
        """Return the states of all layers, of one instant."""
        if isinstance(self._core, DealtLayers):
            return self._core.states()
        return [self._one(*state) for state in self._core.states()]

    def _state(self, layer: int) -> State:
        """Return the state of one layer."""
        if isinstance(self._core, DealtLayers):
            return self._core.state(layer)
        return self._one(*self._core.state(layer))

    def _one(self, n_rows: int, numbers: tuple[int, ...], arrays: Any) -> State:
        """Return the state of a layer from what the core gives for it."""
        kind = kind_of(METHOD, numbers, arrays)
        return State(kind, self.dim, self.normalize, n_rows, numbers, arrays)

    @classmethod
    def _from_states(cls, states: list[State]) -> Self:
        """Make a stack of the states of its layers."""
        new = cls.__new__(cls)
        new._restore(states)  # noqa: SLF001
        return new

    def _restore(self, states: list[State]) -> None:
        """Hold the states of layers."""
        require_budget()
        first = states[0]
        if first.groups is not None:
            self._core = DealtLayers.restored(states)
            return
        layers = [(state.n_rows, state.numbers, state.arrays) for state in states]
        fast = any(state.precision == "fast" for state in states)
        precision = "fast" if fast else "float64"
        self._core = _core.LayerAccumulator.from_states(
            first.dim, first.normalize, layers, precision
        )
