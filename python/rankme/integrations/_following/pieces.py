"""What a source that grows gives: pieces, each of which counts as a whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Block", "Follower", "Piece"]


class Block(NamedTuple):
    """Rows (n, K), their times in seconds since 1970 or None, and the number of the first."""

    rows: NDArray[Any]
    times: NDArray[np.float64] | None
    first: int


class Piece(NamedTuple):
    """Rows that are taken in together.

    Attributes
    ----------
    name : str
        As it is shown.
    blocks : callable
        Reads them, and raises if what is read changes meanwhile.
    where : callable
        Says in words where a row stands, by its number.
    bad_entry : callable
        Makes of a row's number, a column and a value the error that says where the entry stands.
    came : float
        When they came, in seconds since 1970, where they have no times of their own.
    taken : callable
        Told how many rows were taken in, once they are; then the position is behind the piece.
    """

    name: str
    blocks: Callable[[], Iterator[Block]]
    where: Callable[[int], str]
    bad_entry: Callable[[int, int, float], ValueError]
    came: float
    taken: Callable[[int], None]


class Follower(ABC):
    """A source that grows, and how far it was read.

    Attributes
    ----------
    name : str
    expected : str or None
        Which columns the dimensions of the reference are, as the tag of saved runs tells.
    """

    name: str
    expected: str | None = None

    @abstractmethod
    def look(self, wait: float) -> Piece | None:
        """Return the next piece, or None if none came within so many seconds.

        Errors as of `rankme.open_source`. A piece comes again until it was taken.
        """

    def has_changed(self) -> bool:
        """Whether the piece that `look` gave last is written to again: it will come anew."""
        return False

    def pass_over(self, piece: Piece) -> None:
        """Leave out a piece that cannot be read; a ValueError where it is all there is."""
        raise ValueError(f"{piece.name} is all there is: nothing is left without it")

    def rest(self) -> str | None:
        """Say what of it was read and not taken in, at the end of a watch."""
        return None

    @property
    def is_finite(self) -> bool:
        """Whether it ends by itself."""
        return False

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether all that is there now was taken."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Return how far it was read, for JSON."""

    @abstractmethod
    def go_to(self, position: dict[str, Any]) -> None:
        """Go on from what `position` gave; a KeyError or the like if it did not."""
