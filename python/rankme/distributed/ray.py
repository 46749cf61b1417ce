"""Files and Ray Data datasets, scored by Ray.

Every task is a pure function, so a task that Ray runs again after its worker died replaces its
result. There is no actor: one that is retried would count rows twice.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.arguments import as_eps, type_name
from rankme._base.optional import require
from rankme.distributed._columns import matrices_of
from rankme.distributed._grouped import (
    GroupedSettings,
    labelled_rows_of,
    partial_of_labelled,
    restored_groups,
)
from rankme.distributed._partials import (
    FAN_IN,
    JobSettings,
    groups_of,
    merged,
    partial_of_blocks,
    restored,
    scored,
)
from rankme.distributed._ranges import (
    ROWS_PER_TASK,
    RowRange,
    is_paths,
    partial_of_range,
    ranges_of,
    tasks_of,
    whole,
)
from rankme.sources._vector_types import find_column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rankme import Accumulator, GroupedAccumulator

ray = require("ray", extra="ray", what="rankme.distributed.ray")

__all__ = ["accumulate", "grouped", "score"]

_PARTIAL = "partial"  # the column of partial results
_BATCH = "a batch of the dataset"


def score(
    data: Any,
    *,
    column: str | None = None,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    seed: int = 0,
    skip_nonfinite: bool = False,
    rows_per_task: int = ROWS_PER_TASK,
    ray_remote_args: Mapping[str, Any] | None = None,
) -> float:
    """RankMe of the rows of a dataset or of files, computed by the tasks of a Ray cluster.

    Parameters
    ----------
    data, column, normalize, method, seed, skip_nonfinite, rows_per_task, ray_remote_args
        As in `accumulate`.
    eps, center
        As in `rankme.score`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError, OSError
        As `accumulate`; and if `eps` is no number from 0 to 1.
    """
    eps = as_eps(eps)  # before the work, not after it
    acc = accumulate(
        data,
        column=column,
        normalize=normalize,
        method=method,
        seed=seed,
        skip_nonfinite=skip_nonfinite,
        rows_per_task=rows_per_task,
        ray_remote_args=ray_remote_args,
    )
    return scored(acc, eps=eps, center=center)


def accumulate(
    data: Any,
    *,
    column: str | None = None,
    normalize: bool = False,
    method: str = "gram",
    seed: int = 0,
    skip_nonfinite: bool = False,
    groups: int | None = None,
    run_length: int = RUN_LENGTH,
    precision: str = "float64",
    rows_per_task: int = ROWS_PER_TASK,
    ray_remote_args: Mapping[str, Any] | None = None,
) -> Accumulator:
    """Take in the rows of a dataset or of files, by the tasks of a Ray cluster.

    Parameters
    ----------
    data : ray.data.Dataset, path or source, or sequence of these
        What `rankme.open_source` reads, or returns: files, folders and URLs that every worker can
        reach; a task reads a range of rows of a file. Or a dataset: a task takes whole blocks.
    column : str, optional
        Of files: as in `rankme.open_source`. Of a dataset: tensors of shape (K,), or lists of K
        numbers. It may be left out where there is one such column.
    normalize, method, seed, skip_nonfinite
        As in `rankme.Accumulator`: `seed` is that of its probes, and chooses no rows.
    groups, run_length
        As in `rankme.Accumulator`, for `rankme.Accumulator.estimate` of the result: each task deals
        its own rows, and partial results take as many times the memory.
    precision : {"float64", "fast"}
        As in `rankme.Accumulator`: the first rows of each task decide for its others. Nothing is
        summed again in float64 where the interval comes out too wide: a PrecisionWarning tells.
    rows_per_task : int
        The most rows that become one partial result; of a dataset they are in memory together.
    ray_remote_args : mapping, optional
        For the tasks that read rows: ``num_cpus``, ``memory``, ``scheduling_strategy`` and so on,
        as in ``ray.remote``. Ray gives a worker as many BLAS threads as the task has CPUs.

    Returns
    -------
    rankme.Accumulator
        Of files, its `shards` are these, so that what was scored before cannot be merged again.

    Raises
    ------
    TypeError
        If `data` is none of these, or a setting is of the wrong type.
    ValueError
        If a setting is out of range, `column` is missing or cannot be chosen, there are no rows, or
        rows are null, not finite or of different width (within a ``RayTaskError``).
    OSError
        If a file cannot be opened.

    Notes
    -----
    Partial results, ``4 * K**2`` bytes each, are merged four at a time in Ray's object store.
    """
    settings = JobSettings(
        normalize=bool(normalize),
        method=method,
        seed=seed,
        skip_nonfinite=bool(skip_nonfinite),
        groups=groups,
        run_length=run_length,
        precision=precision,
    )
    options = dict(ray_remote_args or {})
    if is_paths(data):
        ranges = ranges_of(data, column, rows_per_task)
        return whole(_reduce_files(ranges, settings, options), ranges)
    if not hasattr(data, "map_batches"):
        raise TypeError(f"data must be a ray.data.Dataset or paths, not {type_name(data)}")

    def take(batch: Any, name: str) -> bytes | None:
        return partial_of_blocks(matrices_of([batch], name, _BATCH), settings, _BATCH)

    return restored(
        _reduce_dataset(data, column, take, rows_per_task=rows_per_task, options=options)
    )


def grouped(
    data: Any,
    labels: str,
    n_groups: int,
    *,
    column: str | None = None,
    normalize: bool = False,
    seed: int = 0,
    skip_nonfinite: bool = False,
    rows_per_task: int = ROWS_PER_TASK,
    ray_remote_args: Mapping[str, Any] | None = None,
) -> GroupedAccumulator:
    """Take in the rows of a dataset, each into the group of its label.

    Parameters
    ----------
    data : ray.data.Dataset
    labels : str
        The column of labels: integers from 0 to n_groups - 1.
    n_groups, normalize, seed, skip_nonfinite
        As in `rankme.GroupedAccumulator`.
    column, rows_per_task, ray_remote_args
        As in `accumulate`.

    Returns
    -------
    rankme.GroupedAccumulator

    Raises
    ------
    TypeError
        If `data` is no dataset, or a setting is of the wrong type.
    ValueError
        If a setting is out of range, a column is missing or cannot be chosen, or there are no rows;
        within a ``RayTaskError`` if rows or labels are not as they should be.

    Notes
    -----
    A partial result has ``4 * K**2`` bytes for each group that is in its rows.
    """
    settings = GroupedSettings(
        n_groups=n_groups,
        normalize=bool(normalize),
        seed=seed,
        skip_nonfinite=bool(skip_nonfinite),
    )
    if not hasattr(data, "map_batches"):
        raise TypeError(f"data must be a ray.data.Dataset, not {type_name(data)}")

    def take(batch: Any, name: str) -> bytes | None:
        rows = labelled_rows_of([batch], name, labels, _BATCH)
        return partial_of_labelled(rows, settings, _BATCH)

    options = dict(ray_remote_args or {})
    partials = _reduce_dataset(
        data, column, take, others=(labels,), rows_per_task=rows_per_task, options=options
    )
    return restored_groups(partials)


def _reduce_files(
    ranges: list[RowRange], settings: JobSettings, options: dict[str, Any]
) -> bytes | None:
    """Read the ranges of files by tasks, and merge what they return."""
    read = ray.remote(partial_of_range)
    if options:
        read = read.options(**options)
    merge = ray.remote(_merged)
    reads = tasks_of(
        ranges, ray.put, lambda source, start, stop: read.remote(source, start, stop, settings)
    )
    # A group's merging is asked for with its reading, and nothing else keeps what it reads, so that
    # its partial results can go before the last group's come.
    groups = iter(lambda: list(itertools.islice(reads, FAN_IN)), [])
    return _tree([merge.remote(*group) for group in groups])


def _reduce_dataset(
    dataset: Any,
    column: str | None,
    take: Callable[[Any, str], bytes | None],
    *,
    others: tuple[str, ...] = (),
    rows_per_task: int,
    options: dict[str, Any],
) -> bytes | None:
    """Reduce the batches of a dataset by tasks, and merge what `take` makes of them."""
    # Ray would leave out blocks that could not be read, and rows with them.
    if dataset.context.max_errored_blocks != 0:
        raise ValueError(
            f"data has a context with max_errored_blocks={dataset.context.max_errored_blocks}, "
            f"which loses rows quietly; wanted 0"
        )
    schema = _arrow_schema(dataset)
    if schema is None:
        return None
    name = find_column("the dataset", schema, column)
    for other in others:
        if other not in schema.names:
            raise ValueError(
                f"there is no column {other!r}, only {', '.join(map(repr, schema.names))}"
            )

    def partial_of_batch(batch: Any) -> Any:
        arrow = require("pyarrow", extra="ray", what="Ray Data")
        data = take(batch, name)
        # 32-bit offsets would end at 2 GiB of partial results.
        results = arrow.array([] if data is None else [data], arrow.large_binary())
        return arrow.table({_PARTIAL: results})

    partials = dataset.select_columns([name, *others]).map_batches(
        partial_of_batch, batch_size=rows_per_task, batch_format="pyarrow", **options
    )
    merge = ray.remote(_merged_tables)
    return _tree([merge.remote(*group) for group in groups_of(partials.to_arrow_refs(), FAN_IN)])


def _arrow_schema(dataset: Any) -> Any:
    """Return the schema of a dataset in Arrow's terms, or None where there is nothing in it."""
    arrow = require("pyarrow", extra="ray", what="Ray Data")
    schema = dataset.schema()
    if schema is None:
        return None
    if isinstance(schema.base_schema, arrow.Schema):
        return schema.base_schema
    # Blocks of pandas tell no type of what is in an object; a row in Arrow's form does.
    rows = dataset.limit(1).iter_batches(batch_size=1, batch_format="pyarrow")
    first = next(iter(rows), None)
    return None if first is None else first.schema


def _tree(refs: list[Any]) -> bytes | None:
    """Merge partial results in a tree of tasks, and get the last one."""
    if not refs:
        return None
    merge = ray.remote(_merged)
    while len(refs) > 1:
        refs = [merge.remote(*group) for group in groups_of(refs, FAN_IN)]
    result: bytes | None = ray.get(refs[0])
    return result


def _merged(*partials: bytes | None) -> bytes | None:
    """Merge partial results: a task."""
    return merged(partials)


def _merged_tables(*tables: Any) -> bytes | None:
    """Merge the partial results in tables: a task."""
    # What is made of no row has no column either.
    filled = (table for table in tables if table.num_rows)
    return merged(value.as_py() for table in filled for value in table.column(_PARTIAL))
