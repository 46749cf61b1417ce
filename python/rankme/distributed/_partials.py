"""Partial results: what the tasks of every engine return, and how they are reduced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.dealt import RUN_LENGTH
from rankme._accumulators.grouped import GroupedAccumulator
from rankme._accumulators.grouped_file import is_groups
from rankme._base.arguments import as_eps
from rankme._base.errors import NonFiniteError
from rankme.metrics._certainty import score_of
from rankme.sources._not_finite import not_finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "FAN_IN",
    "NO_ROWS",
    "JobSettings",
    "groups_of",
    "merged",
    "partial_of_blocks",
    "restored",
    "scored",
]

# Partial results that one task merges. It may hold all of them at once, so that at K = 8192, with
# 268 MB each, a task needs 1.1 GB beside its sum.
FAN_IN = 4
NO_ROWS = "there are no rows to score: every shard, block or partition is empty"


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What all accumulators of a job have in common; made on the driver, sent with every task."""

    normalize: bool
    method: str
    seed: int
    skip_nonfinite: bool = False
    groups: int | None = None
    run_length: int = RUN_LENGTH
    precision: str = "float64"

    def __post_init__(self) -> None:
        self.accumulator(1)  # a wrong one fails here and not in a task

    def accumulator(self, dim: int) -> Accumulator:
        """Return an empty accumulator of that width."""
        return Accumulator(
            dim,
            normalize=self.normalize,
            method=self.method,
            seed=self.seed,
            skip_nonfinite=self.skip_nonfinite,
            groups=self.groups,
            run_length=self.run_length,
            precision=self.precision,
        )


def partial_of_blocks(
    blocks: Iterable[NDArray[Any]], settings: JobSettings, name: str
) -> bytes | None:
    """Reduce blocks of rows to the bytes of an accumulator; None where there is no row.

    A BadDataError names the first entry that is not finite, its row counted over all blocks.
    """
    acc = None
    for block in blocks:
        if len(block) == 0:
            continue
        if acc is None:
            acc = settings.accumulator(_width(block))
        try:
            acc.update(block)
        except NonFiniteError as error:
            where = f"row {acc.n_rows + acc.n_skipped + error.row}"
            raise not_finite(name, where, error.column, error.value) from error
    return None if acc is None else acc.__getstate__()


def _width(block: NDArray[Any]) -> int:
    """Return the length of a block's rows, 1 or more."""
    # What is no matrix of at least one column fails in `update`, which says what it is.
    return max(1, block.shape[1]) if block.ndim == 2 else 1  # noqa: PLR2004


def merged(partials: Iterable[bytes | None]) -> bytes | None:
    """Reduce partial results, taken one by one in their order, to one; None where there is no row.

    A ValueError says what does not fit together, or was damaged.
    """
    total: Any = None
    alone: bytes | None = None  # while there is only one, it need not be unpacked
    for data in partials:
        if data is None:
            continue
        if total is not None:
            total.merge(_unpacked(data))
        elif alone is None:
            alone = data
        else:
            total = _unpacked(alone)
            total.merge(_unpacked(data))
    return alone if total is None else total.__getstate__()


def restored(data: bytes | None) -> Accumulator:
    """Return the accumulator that a partial result holds; a ValueError where there was no row."""
    if data is None:
        raise ValueError(NO_ROWS)
    acc: Accumulator = _unpacked(data)
    return acc


def _unpacked(data: bytes) -> Any:
    """Return the accumulator of either kind that bytes hold."""
    kind: Any = GroupedAccumulator if is_groups(data) else Accumulator
    acc = kind.__new__(kind)
    acc.__setstate__(data)
    return acc


def groups_of(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Cut a sequence into runs of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def scored(acc: Accumulator, *, eps: float, center: bool) -> float:
    """Score for a public function, to whose caller a PrecisionWarning points."""
    return score_of(acc.spectrum(center=center), as_eps(eps), stacklevel=3)
