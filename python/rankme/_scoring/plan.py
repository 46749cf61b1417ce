"""What one pass over the rows computes, how and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from rankme._accumulators.accumulator import Accumulator

if TYPE_CHECKING:
    from rankme._scoring.passes import Pass

__all__ = ["Choices", "Plan"]


class Choices(TypedDict):
    """What is done to the rows before they count, as in `rankme.spectrum`."""

    center: bool
    normalize: bool
    skip_nonfinite: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one pass over the rows computes, how and where."""

    by: Pass
    device: str
    center: bool
    normalize: bool
    skip_nonfinite: bool

    def accumulator(self, dim: int, *, normalize: bool) -> Accumulator:
        """Make the empty sum that the rows go to."""
        return Accumulator(
            dim,
            normalize=normalize,
            method=self.by.method,
            device=self.device,
            precision=self.by.precision,
            skip_nonfinite=self.skip_nonfinite,
        )
