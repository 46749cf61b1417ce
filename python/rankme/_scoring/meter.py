"""How far the work has come, for whoever wants to show it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Meter", "NoMeter", "Part"]


class Meter(Protocol):
    """Told how far the work has come."""

    def advance(self, n_rows: float, n_bytes: int) -> None:
        """Count rows that have been taken in; a share of all columns counts as that of the rows."""

    def skip(self, n_rows: int) -> None:
        """Count rows that were in before, and took no time now."""

    def stage(self, name: str) -> None:
        """Name what is done now, such as what comes after the rows."""

    def restart(self, name: str) -> None:
        """Start from nothing again, for a second pass over the rows."""

    def clear(self) -> None:
        """Make room for a line that somebody else is about to write."""


class NoMeter:
    """A meter that shows nothing."""

    def advance(self, n_rows: float, n_bytes: int) -> None:
        """Do nothing."""

    def skip(self, n_rows: int) -> None:
        """Do nothing."""

    def stage(self, name: str) -> None:
        """Do nothing."""

    def restart(self, name: str) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""


class Part:
    """One of several sets of rows that are told of as one: what it does carries its name."""

    def __init__(self, whole: Meter, name: str, n_rows: int) -> None:
        self._whole = whole
        self._name = name
        self._rest: float = n_rows
        whole.stage(name)

    def advance(self, n_rows: float, n_bytes: int) -> None:
        """Count rows of the whole."""
        self._rest -= n_rows
        self._whole.advance(n_rows, n_bytes)

    def skip(self, n_rows: int) -> None:
        """Count rows of the whole that took no time."""
        self._rest -= n_rows
        self._whole.skip(n_rows)

    def stage(self, name: str) -> None:
        """Name the part and what is done to it."""
        self._whole.stage(f"{self._name}: {name}")

    def restart(self, name: str) -> None:
        """Name the second pass: the whole has parts behind it, and does not start again."""
        self.stage(name)

    def clear(self) -> None:
        """Make room for a line."""
        self._whole.clear()

    def finish(self) -> None:
        """Count the rows that were not told of one by one, as those of an array."""
        self._whole.advance(max(self._rest, 0), 0)
        self._rest = 0
