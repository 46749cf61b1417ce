"""Rows that were left out because they hold NaN or infinity: found, and counted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.arrays import as_array, is_tensor
from rankme.metrics._values import float64_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rankme import _core

__all__ = ["NOTHING", "Skipped", "SkippedCounter", "finite_mask", "finite_rows", "parse_note"]

_MAX_COUNT = 2**63 - 1


class Skipped(NamedTuple):
    """How many rows were left out, how many of them of which shard, and whether more may be.

    Attributes
    ----------
    rows : int
    shards : mapping of str to int
        Rows that came without the id of a shard are not in it.
    allowed : bool
        The choice ``skip_nonfinite`` of the accumulator.
    """

    rows: int
    shards: Mapping[str, int]
    allowed: bool

    def note(self) -> dict[str, Any] | None:
        """Return what the header of a saved state says of it; None where nothing is to be said."""
        if not self.rows and not self.allowed:
            return None
        return {"rows": self.rows, "shards": dict(self.shards), "allowed": self.allowed}


NOTHING = Skipped(0, {}, allowed=False)


def parse_note(note: object) -> Skipped:
    """Return what a header says, or raise a ValueError where it cannot be so."""
    if note is None:
        return NOTHING
    wrong = ValueError("the header has a note of skipped rows of another form")
    if not isinstance(note, dict) or not isinstance(note.get("shards"), dict):
        raise wrong
    shards = note["shards"]
    rows = note.get("rows")
    counts = [rows, *shards.values()]
    if any(type(count) is not int or not 0 <= count <= _MAX_COUNT for count in counts):
        raise wrong
    if sum(shards.values()) > counts[0] or not isinstance(note.get("allowed"), bool):
        raise wrong
    return Skipped(counts[0], shards, note["allowed"])


class SkippedCounter:
    """The count of one accumulator.

    Whoever changes rows and count together, or reads both, holds `lock`: a saved state has them of
    one instant. Rows that are all finite need it not.
    """

    __slots__ = ("_rows", "_shards", "allowed", "lock")

    def __init__(self, skipped: Skipped = NOTHING) -> None:
        self.lock = threading.Lock()
        self.allowed = skipped.allowed
        self._rows = skipped.rows
        self._shards = dict(skipped.shards)

    @property
    def rows(self) -> int:
        """How many rows were left out."""
        return self._rows

    def snapshot(self) -> Skipped:
        """Return what it is now; the caller holds the lock."""
        return Skipped(self._rows, dict(self._shards), self.allowed)

    def add(self, rows: int, shards: Mapping[str, int]) -> None:
        """Count more rows; the caller holds the lock."""
        self._rows += rows
        for shard, count in shards.items():
            self._shards[shard] = self._shards.get(shard, 0) + count

    def reset(self) -> None:
        """Forget the count; the caller holds the lock."""
        self._rows = 0
        self._shards = {}


def finite_rows(obj: Any, view: _core.ArrayView) -> tuple[_core.ArrayView, int]:
    """Leave out the rows of a matrix that hold NaN or infinity.

    Parameters
    ----------
    obj
        The matrix as the user gave it.
    view
        The same, shown to the compiled core.

    Returns
    -------
    kept : rankme._core.ArrayView
        The other rows, which may be none: a copy in float64, which is exact, or a tensor where the
        rows are one.
    skipped : int

    Raises
    ------
    ValueError
        The matrix lies on a GPU and is no tensor of PyTorch: the text says what to do.
    """
    n_rows = view.shape[0]
    if is_tensor(obj):
        finite = obj.isfinite().all(dim=1)
        kept = obj[finite]
        return as_array(kept), n_rows - int(kept.shape[0])
    if view.device != "cpu":
        raise ValueError(
            f"skip_nonfinite leaves rows out of what lies in host memory, and of tensors of "
            f"PyTorch; of {type_name(obj)} on {view.device} pass Z[xp.isfinite(Z).all(axis=1)], "
            f"where xp is its module"
        )
    rows = np.concatenate([chunk[finite_mask(chunk)] for chunk in float64_blocks(view)])
    return as_array(rows), n_rows - len(rows)


def finite_mask(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each row whether it holds neither NaN nor infinity."""
    finite: NDArray[np.bool_] = np.isfinite(rows).all(axis=1)
    return finite
