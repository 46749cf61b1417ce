"""What sums that may be kept in groups tell of how rows are dealt to these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme.metrics._estimate import Dealt

if TYPE_CHECKING:
    from rankme._accumulators.dealt import Deal

__all__ = ["InGroups"]


class InGroups:
    """The choices of an accumulator, or of a stack of layers, that concern groups."""

    __slots__ = ()
    _core: Any

    @property
    def groups(self) -> int | None:
        """How many groups rows are dealt to; None where there are none."""
        return None if self._deal is None else self._deal.groups

    @property
    def run_length(self) -> int | None:
        """Rows that go to one group before the next one's turn; None without groups."""
        return None if self._deal is None else self._deal.run_length

    @property
    def merged(self) -> bool | None:
        """Whether groups hold rows that were merged in; None without groups.

        Which group a row is in is then known only by the ids that came with it.
        """
        return None if self._deal is None else self._deal.merged

    @property
    def _deal(self) -> Deal | None:
        """What deals; compiled sums without groups have none."""
        return getattr(self._core, "deal", None)

    def _dealt(self, fingerprint: str | None = None) -> Dealt:
        """Return how rows went to groups."""
        return Dealt(self.run_length, bool(self.merged), fingerprint)

    def _require_like_groups(self, other: InGroups, noun: str) -> None:
        """Refuse one whose rows are dealt otherwise."""
        for name in ("groups", "run_length"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                raise ValueError(
                    f"cannot merge {noun} of {name} {ours} and {name} {theirs}: make both with the "
                    f"same {name}"
                )
