"""Files cut into ranges of rows, each the work of one task."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_index
from rankme._base.tags import DIMENSIONS
from rankme.distributed._partials import restored
from rankme.sources import BadDataError, RowSource, open_source, row_blocks
from rankme.sources._not_finite import not_finite_in
from rankme.sources._sharded import check_dimensions, check_widths, same_file, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rankme.distributed._partials import JobSettings

__all__ = [
    "ROWS_PER_TASK",
    "RowRange",
    "is_paths",
    "partial_of_range",
    "ranges_of",
    "tasks_of",
    "whole",
]

# A partial result costs its checksums and its merging: as much time as the Gram matrix of 500 rows
# of the same width, measured at K = 512 and 1024. With 2**17 rows that is 0.4%.
ROWS_PER_TASK = 2**17


class RowRange(NamedTuple):
    """Rows `start` to `stop` of a source, which a task opens again.

    The source was opened on the driver and knows what its file was then: a file that was changed,
    cut or replaced since is an error of the task.
    """

    source: RowSource
    start: int
    stop: int

    @property
    def shard(self) -> str:
        """The id that its rows are counted under while the job runs."""
        return f"{self.source.identity.shard}[{self.start}:{self.stop}]"


def is_paths(data: object) -> bool:
    """Tell whether something is a path or a source, or a sequence of them."""
    kinds = (str, os.PathLike, RowSource)
    if isinstance(data, kinds):
        return True
    return (
        isinstance(data, (list, tuple))
        and bool(data)
        and all(isinstance(item, kinds) for item in data)
    )


def ranges_of(data: Any, column: str | None, rows_per_task: int) -> list[RowRange]:
    """Open every file for its number of rows, and cut it into ranges of `rows_per_task` at most.

    A range is larger where reading can begin at fewer rows: it holds a whole Parquet row group, or
    all of a compressed array. Errors name a file that comes twice, has another width, or
    other columns as its dimensions.
    """
    most = as_index(rows_per_task, "rows_per_task", 1)
    items: Sequence[Any] = data if isinstance(data, (list, tuple)) else [data]
    shards: list[RowSource] = []
    for item in items:
        source = item if isinstance(item, RowSource) else open_source(item, column=column)
        shards += source.shards
    twice = same_file(shards)
    if twice is not None:
        first, second = (shard.name for shard in twice)
        raise ValueError(f"{second} is given twice, and would be counted twice; before as {first}")
    check_widths(shards)
    check_dimensions(shards)
    return [
        RowRange(shard, *ends)
        for shard in shards
        for ends in itertools.pairwise(_cuts(shard, most))
    ]


def _cuts(source: RowSource, most: int) -> list[int]:
    """Return the rows where the ranges of a source begin, and its end."""
    if source.entries is None:
        count = -(-source.n_rows // most)
        return [source.n_rows * i // count for i in range(count + 1)]
    cuts = [0]
    for entry, end in itertools.pairwise([*source.entries, source.n_rows]):
        if end - cuts[-1] > most and cuts[-1] < entry < source.n_rows:
            cuts.append(entry)
    return [*cuts, source.n_rows]


def partial_of_range(source: RowSource, start: int, stop: int, settings: JobSettings) -> bytes:
    """Reduce the rows of a range to the bytes of an accumulator: a task.

    A BadDataError names an entry that is not finite, or a file that has changed.
    """
    shard = RowRange(source, start, stop).shard
    if settings.skip_nonfinite:
        source = source.with_nulls_as_nan()
    acc = settings.accumulator(source.n_cols)
    with closing(row_blocks([(source, start)], stop=stop)) as blocks:
        for _, first, rows in blocks:
            with not_finite_in(source, first):
                acc.update(rows, shard=shard)
    left = stop - start - acc.n_rows - acc.n_skipped
    if left:
        raise BadDataError(source.name, f"ends {left} rows before row {stop}, which it had before")
    return acc.__getstate__()


def tasks_of(
    ranges: Iterable[RowRange],
    share: Callable[[RowSource], Any],
    task: Callable[[Any, int, int], Any],
) -> Iterator[Any]:
    """Yield a task for every range, made when it is asked for.

    `share` hands a source of several tasks to the engine, once: it may know the places of a hundred
    thousand record batches, and would be sent with each of them otherwise.
    """
    shared: dict[int, Any] = {}
    for source, start, stop in ranges:
        if (start, stop) == (0, source.n_rows):
            yield task(source, start, stop)
            continue
        if id(source) not in shared:
            shared[id(source)] = share(source)
        yield task(shared[id(source)], start, stop)


def whole(data: bytes | None, ranges: Sequence[RowRange]) -> Accumulator:
    """Return the accumulator of a job, once it is certain that every range is in it, and once.

    Its shards are the files. A RuntimeError names ranges that the engine lost or brought itself.
    """
    acc = restored(data)
    wanted = {one.shard: one.stop - one.start for one in ranges}
    state = acc._state()  # noqa: SLF001
    kept, skipped = Counter(state.shards), Counter(state.skipped.shards)
    n_rows = state.n_rows + state.skipped.rows
    if kept + skipped != wanted or n_rows != sum(wanted.values()):
        lost = ", ".join(sorted(wanted.keys() - (kept + skipped).keys())[:3]) or "none"
        raise RuntimeError(
            f"the result has {n_rows} rows of {len(kept + skipped)} ranges; wanted "
            f"{sum(wanted.values())} of {len(wanted)}; missing: {lost}"
        )
    left_out = state.skipped._replace(shards=_by_file(skipped, ranges))
    state = state._replace(shards=_by_file(kept, ranges), skipped=left_out)
    acc = Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001
    # They have one order, as `ranges_of` saw; a result of files with another one does not merge.
    named = next((one.source for one in ranges if one.source.dimensions), None)
    if named is not None:
        acc.tags = {**acc.tags, DIMENSIONS: tags_of(named)[DIMENSIONS]}
    return acc


def _by_file(rows: Counter[str], ranges: Sequence[RowRange]) -> dict[str, int]:
    """Add up what the ranges of each file have; a file of which there is nothing is left out."""
    files: Counter[str] = Counter()
    for one in ranges:
        files[one.source.identity.shard] += rows[one.shard]
    return dict(+files)
