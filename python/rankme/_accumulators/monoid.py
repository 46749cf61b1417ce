"""The operators of accumulators: a commutative monoid under `merge`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Monoid"]


class Monoid(ABC):
    """What has `merge` and `copy`, and with them ``+=``, ``+``, ``sum()`` and the `copy` module."""

    __slots__ = ()

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take in what another one holds, which stays as it is."""

    @abstractmethod
    def copy(self) -> Self:
        """Return an independent one in the same state."""

    def __iadd__(self, other: Self) -> Self:
        self.merge(other)
        return self

    def __add__(self, other: Self) -> Self:
        total = self.copy()
        total.merge(other)
        return total

    def __radd__(self, other: object) -> Self:
        # The built-in sum() starts from 0, the neutral element of every shape.
        if isinstance(other, int) and other == 0:
            return self.copy()
        return NotImplemented

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()
