"""Files cut into ranges of rows, each the work of one task."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_index
from rankme._base.errors import NonFiniteError
from rankme.distributed._partials import restored
from rankme.sources import BadDataError, RowSource, open_source, row_blocks
from rankme.sources._sharded import check_widths, same_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rankme.distributed._partials import Settings

__all__ = [
    "ROWS_PER_TASK",
    "Part",
    "is_paths",
    "partial_of_part",
    "partial_of_range",
    "parts_of",
    "tasks_of",
    "whole",
]

# A partial result costs its checksums and its merging: as much time as the Gram matrix of 500 rows
# of the same width, measured at K = 512 and 1024. With 2**17 rows that is 0.4%.
ROWS_PER_TASK = 2**17


class Part(NamedTuple):
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


def parts_of(data: Any, column: str | None, rows_per_task: int) -> list[Part]:
    """Open every file for its number of rows, and cut it into ranges.

    Parameters
    ----------
    data : path, RowSource, or sequence of them
    column : str, optional
        As in `rankme.open_source`.
    rows_per_task : int
        The most rows of a range, unless reading can begin at fewer places: a Parquet row group is
        in one range, and so is all of a compressed array.

    Returns
    -------
    list of Part

    Raises
    ------
    TypeError, ValueError
        If `rows_per_task` is no positive integer, a file holds no matrix of embeddings, files
        differ in width, or one comes twice.
    OSError
        If a file cannot be read here.
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
    return [
        Part(shard, *ends) for shard in shards for ends in itertools.pairwise(_cuts(shard, most))
    ]


def _cuts(source: RowSource, most: int) -> list[int]:
    if source.entries is None:
        count = -(-source.n_rows // most)
        return [source.n_rows * i // count for i in range(count + 1)]
    cuts = [0]
    for entry, end in itertools.pairwise([*source.entries, source.n_rows]):
        if end - cuts[-1] > most and cuts[-1] < entry < source.n_rows:
            cuts.append(entry)
    return [*cuts, source.n_rows]


def partial_of_part(part: Part, settings: Settings) -> bytes:
    """Reduce the rows of a range to the bytes of an accumulator: a task.

    Parameters
    ----------
    part : Part
    settings : Settings

    Returns
    -------
    bytes

    Raises
    ------
    BadDataError
        If an entry is not finite, or the file is not what it was when the job began.
    OSError
        If it cannot be read.
    """
    source = part.source
    acc = settings.accumulator(source.n_cols)
    with closing(row_blocks([(source, part.start)], stop=part.stop)) as blocks:
        for _, first, rows in blocks:
            try:
                acc.update(rows, shard=part.shard)
            except NonFiniteError as error:  # noqa: PERF203
                raise source.bad_entry(first + error.row, error.column, error.value) from error
    left = part.stop - part.start - acc.n_rows - acc.n_skipped
    if left:
        raise BadDataError(
            source.name, f"ends {left} rows before row {part.stop}, which it had before"
        )
    return acc.__getstate__()


def partial_of_range(source: RowSource, start: int, stop: int, settings: Settings) -> bytes:
    """Reduce the rows `start` to `stop` of a source, as `partial_of_part`."""
    return partial_of_part(Part(source, start, stop), settings)


def tasks_of(
    parts: Iterable[Part],
    share: Callable[[RowSource], Any],
    task: Callable[[Any, int, int], Any],
) -> Iterator[Any]:
    """Make a task of every part, when it is asked for.

    Parameters
    ----------
    parts : iterable of Part
    share : callable
        Hands a source of several tasks to the engine, once. It may know the places of a hundred
        thousand record batches, and would be sent with each of them otherwise.
    task : callable
        Makes a task of what `share` returned, or of a source, and the rows.

    Yields
    ------
    object
        What `task` returned.
    """
    shared: dict[int, Any] = {}
    for source, start, stop in parts:
        if (start, stop) == (0, source.n_rows):
            yield task(source, start, stop)
            continue
        if id(source) not in shared:
            shared[id(source)] = share(source)
        yield task(shared[id(source)], start, stop)


def whole(data: bytes | None, parts: Sequence[Part]) -> Accumulator:
    """Return the accumulator of a job, once it is certain that every range is in it, and once.

    Parameters
    ----------
    data : bytes or None
        The one partial result that is left.
    parts : sequence of Part
        All that the job consisted of.

    Returns
    -------
    rankme.Accumulator
        Its shards are the files.

    Raises
    ------
    RuntimeError
        If the engine lost a range, or brought rows of its own.
    ValueError
        As `restored`.
    """
    acc = restored(data)
    ranges = {part.shard: part.stop - part.start for part in parts}
    state = acc._state()  # noqa: SLF001
    kept, skipped = Counter(state.shards), Counter(state.skipped.shards)
    n_rows = state.n_rows + state.skipped.rows
    if kept + skipped != ranges or n_rows != sum(ranges.values()):
        lost = ", ".join(sorted(ranges.keys() - (kept + skipped).keys())[:3]) or "none"
        raise RuntimeError(
            f"the result has {n_rows} rows of {len(kept + skipped)} ranges; wanted "
            f"{sum(ranges.values())} of {len(ranges)}; missing: {lost}"
        )
    state = state._replace(
        shards=_by_file(kept, parts),
        skipped=state.skipped._replace(shards=_by_file(skipped, parts)),
    )
    return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001


def _by_file(ranges: Counter[str], parts: Sequence[Part]) -> dict[str, int]:
    """Add up what the ranges of each file have; a file of which there is nothing is left out."""
    files: Counter[str] = Counter()
    for part in parts:
        files[part.source.identity.shard] += ranges[part.shard]
    return dict(+files)
