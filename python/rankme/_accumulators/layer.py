"""One layer of a stack, to be looked at."""

from __future__ import annotations

from typing import Any, NoReturn

from rankme._accumulators import state_file
from rankme._accumulators.accumulator import Accumulator

__all__ = ["StackLayer"]


class StackLayer(Accumulator):
    """What a stack held of one layer when it was asked: a copy that takes in nothing.

    Rows that went into it would not be in the stack, so it refuses them; `copy` gives an
    independent `rankme.Accumulator` that takes them.
    """

    __slots__ = ()

    def update(
        self,
        Z: object,  # noqa: ARG002, N803
        *,
        shard: str | None = None,  # noqa: ARG002
        ids: object = None,  # noqa: ARG002
        mask: object = None,  # noqa: ARG002
        column: str | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """Refuse: the stack would not have the rows."""
        self._refuse("update")

    def merge(self, other: Accumulator) -> NoReturn:  # noqa: ARG002
        """Refuse: the stack would not have the rows."""
        self._refuse("merge")

    def reset(self) -> NoReturn:
        """Refuse: the stack would keep its rows."""
        self._refuse("reset")

    def copy(self, *, device: str | None = None) -> Accumulator:  # type: ignore[override]
        """Return an independent accumulator in the same state, as `rankme.Accumulator.copy`."""
        whole = Accumulator._from_state(self._state(), "cpu", "float64")  # noqa: SLF001
        return whole if device is None else whole.copy(device=device)

    # A pickle is a copy too.
    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.__getstate__(),)

    def _refuse(self, what: str) -> NoReturn:
        """Say what can be done instead."""
        raise TypeError(
            f"cannot {what} a layer of a stack: stack[i] is a read-only copy, and the stack would "
            f"not change; stack.{what}(...) changes all layers, and stack[i].copy() is an "
            f"independent rankme.Accumulator"
        )


def _unpickled(data: bytes) -> Accumulator:
    """Return the accumulator of a pickled layer."""
    state = state_file.decode(data, "pickled rankme.Accumulator")
    return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001
