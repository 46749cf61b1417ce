"""How far the work has come, for whoever wants to show it."""

from typing import Protocol

__all__ = ["Meter", "NoMeter"]


class Meter(Protocol):
    """Told how far the work has come."""

    def advance(self, n_bytes: int) -> None:
        """Count bytes whose rows have been taken in."""

    def stage(self, name: str) -> None:
        """Name what is done after the rows."""

    def restart(self, name: str) -> None:
        """Start from nothing again, for a second pass over the rows."""


class NoMeter:
    """A meter that shows nothing."""

    def advance(self, n_bytes: int) -> None:
        """Do nothing."""

    def stage(self, name: str) -> None:
        """Do nothing."""

    def restart(self, name: str) -> None:
        """Do nothing."""
