"""Partial results of rows with labels: what the tasks of every engine return for groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.grouped import GroupedAccumulator
from rankme._accumulators.labels import as_labels
from rankme._base.errors import NonFiniteError
from rankme.distributed._columns import matrices_of
from rankme.distributed._partials import NO_ROWS
from rankme.sources._not_finite import not_finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["GroupedSettings", "labelled_rows_of", "partial_of_labelled", "restored_groups"]


@dataclass(frozen=True, kw_only=True)
class GroupedSettings:
    """What all grouped accumulators of a job have in common; sent with every task."""

    n_groups: int
    normalize: bool
    seed: int
    skip_nonfinite: bool

    def __post_init__(self) -> None:
        self.accumulator(1)  # a wrong one fails here and not in a task

    def accumulator(self, dim: int) -> GroupedAccumulator:
        """Return an empty accumulator of that width."""
        return GroupedAccumulator(
            dim,
            self.n_groups,
            normalize=self.normalize,
            seed=self.seed,
            skip_nonfinite=self.skip_nonfinite,
        )


def partial_of_labelled(
    blocks: Iterable[tuple[NDArray[Any], Any]], settings: GroupedSettings, name: str
) -> bytes | None:
    """Reduce blocks of rows with their labels to the bytes of a grouped accumulator.

    None where there is no row. Errors name the first row that is not finite, or has a wrong label,
    counted over all blocks.
    """
    acc = None
    first = 0
    for block, labels in blocks:
        try:
            groups = as_labels(labels, len(block), settings.n_groups, first=first)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from error
        if len(block) == 0:
            continue
        if acc is None:
            # What is no matrix of at least one column fails in `update`, which says what it is.
            acc = settings.accumulator(max(1, block.shape[1]) if block.ndim == 2 else 1)  # noqa: PLR2004
        try:
            acc.update(block, groups=groups)
        except NonFiniteError as error:
            where = f"row {first + error.row}"
            raise not_finite(name, where, error.column, error.value) from error
        first += len(block)
    return None if acc is None else acc.__getstate__()


def restored_groups(data: bytes | None) -> GroupedAccumulator:
    """Return the accumulator that a partial result holds; a ValueError where there was no row."""
    if data is None:
        raise ValueError(NO_ROWS)
    acc = GroupedAccumulator.__new__(GroupedAccumulator)
    acc.__setstate__(data)
    return acc


def labelled_rows_of(
    tables: Iterable[Any], column: str, labels: str, name: str
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield a column of vectors as `matrices_of` does, each with its part of a column of labels."""
    of_table = np.empty(0)
    start = 0

    def noted() -> Iterator[Any]:
        nonlocal of_table, start
        for table in tables:
            of_table, start = np.asarray(table.column(labels)), 0
            yield table

    for matrix in matrices_of(noted(), column, name):
        yield matrix, of_table[start : start + len(matrix)]
        start += len(matrix)
