"""Dask arrays, delayed blocks and files, scored by whatever scheduler Dask uses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.arguments import as_eps, type_name
from rankme._base.optional import require
from rankme.distributed._grouped import GroupedSettings, partial_of_labelled, restored_groups
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
    is_paths,
    partial_of_range,
    ranges_of,
    tasks_of,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme import Accumulator, GroupedAccumulator

dask = require("dask", extra="dask", what="rankme.distributed.dask")

__all__ = ["accumulate", "grouped", "score"]

_GROUP_BYTES = 64 * 2**20  # of an array's small chunks, which one task takes together


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
) -> float:
    """RankMe of the rows of a Dask array, of delayed blocks or of files.

    Parameters
    ----------
    data, column, normalize, method, seed, skip_nonfinite, rows_per_task
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
) -> Accumulator:
    """Take in the rows of a Dask array, of delayed blocks or of files.

    Parameters
    ----------
    data : dask.array.Array, list of Delayed, path or source, or sequence of these
        An array of shape (N, K), its lengths known or not; a chunk that is not K wide is joined
        with its neighbours first. Or ``dask.delayed`` blocks, each of shape (n, K). Or what
        `rankme.open_source` reads, or returns: files, folders and URLs that every worker can reach.
    column : str, optional
        Of files: as in `rankme.open_source`.
    normalize, method, seed, skip_nonfinite
        As in `rankme.Accumulator`: `seed` is that of its probes, and chooses no rows.
    groups, run_length
        As in `rankme.Accumulator`, for `rankme.Accumulator.estimate` of the result: each task deals
        its own rows, and partial results take as many times the memory.
    precision : {"float64", "fast"}
        As in `rankme.Accumulator`: the first rows of each task decide for its others. Nothing is
        summed again in float64 where the interval comes out too wide: a PrecisionWarning tells.
    rows_per_task : int
        Of files: the most rows that one task reads.

    Returns
    -------
    rankme.Accumulator
        Of files, its `shards` are these, so that what was scored before cannot be merged again.

    Raises
    ------
    TypeError
        If `data` is none of these, or a setting is of the wrong type.
    ValueError
        If a setting is out of range, an array is not 2-D, there are no rows, or rows are not finite
        or of different width.
    OSError
        If a file cannot be opened.

    Notes
    -----
    The graph runs where ``dask.compute`` runs: on the cluster of the current
    ``distributed.Client``, which also repeats the tasks of a worker that died; otherwise on
    threads. Partial results, ``4 * K**2`` bytes each, are merged four at a time. Workers compute
    with one BLAS thread for each of theirs where ``OPENBLAS_NUM_THREADS`` is 1, as a
    ``LocalCluster`` sets it.
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
    if is_paths(data):
        ranges = ranges_of(data, column, rows_per_task)
        read = dask.delayed(partial_of_range)
        reads = tasks_of(
            ranges,
            lambda source: dask.delayed(source, traverse=False),
            lambda source, start, stop: read(source, start, stop, settings),
        )
        return whole(_reduce(list(reads)), ranges)
    take = dask.delayed(partial_of_blocks)
    named = _named_groups(_block_groups(data))
    return restored(_reduce([take(blocks, settings, name) for name, blocks in named]))


def grouped(
    data: Any,
    labels: Any,
    n_groups: int,
    *,
    normalize: bool = False,
    seed: int = 0,
    skip_nonfinite: bool = False,
) -> GroupedAccumulator:
    """Take in the rows of a Dask array or of delayed blocks, each into the group of its label.

    Parameters
    ----------
    data : dask.array.Array, or list of Delayed
        As in `accumulate`.
    labels : dask.array.Array, array or list of int, or list of Delayed
        Of an array, shape (N,): cut as its rows are where both lengths are known; otherwise it must
        have the same chunks. Of delayed blocks, the labels of each. From 0 to n_groups - 1.
    n_groups, normalize, seed, skip_nonfinite
        As in `rankme.GroupedAccumulator`.

    Returns
    -------
    rankme.GroupedAccumulator

    Raises
    ------
    TypeError
        If `data` or `labels` is none of these, or a setting is of the wrong type.
    ValueError
        If a setting is out of range, there are no rows, more or fewer labels than rows, or other
        chunks of them; or if a row is not finite or its label is out of range.

    Notes
    -----
    A partial result has ``4 * K**2`` bytes for each group that is in its rows, and merging takes
    six times as much: chunks whose rows are of few groups are cheap.
    """
    settings = GroupedSettings(
        n_groups=n_groups,
        normalize=bool(normalize),
        seed=seed,
        skip_nonfinite=bool(skip_nonfinite),
    )
    take = dask.delayed(partial_of_labelled)
    named = _named_groups(_labelled_groups(data, labels))
    return restored_groups(_reduce([take(pairs, settings, name) for name, pairs in named]))


def _labelled_groups(data: Any, labels: Any) -> list[list[Any]]:
    """Return the blocks with their labels, those that one task takes together in one list."""
    groups = _block_groups(data)
    blocks = sum(map(len, groups))
    if hasattr(data, "chunks"):
        array = labels
        if not hasattr(labels, "to_delayed"):
            array = require("dask.array", extra="dask", what="labels").from_array(
                np.asarray(labels), chunks=-1
            )
        if array.ndim != 1:
            raise ValueError(f"labels must be 1-D, a label a row; it is {array.ndim}-D")
        lengths = (_of_whole_rows(data)).chunks[0]
        if not any(map(math.isnan, (*lengths, *array.chunks[0]))):
            if array.shape[0] != sum(lengths):
                raise ValueError(f"labels has {array.shape[0]} entries for {sum(lengths)} rows")
            array = array.rechunk((lengths,))
        delayed = array.to_delayed().ravel().tolist()
    else:
        delayed = list(labels)
    if len(delayed) != blocks:
        raise ValueError(f"labels has {len(delayed)} blocks for {blocks} of data")
    each = iter(delayed)
    return [[(block, next(each)) for block in group] for group in groups]


def _named_groups(groups: list[list[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Yield each group with the numbers of its blocks, for the error messages."""
    first = 0
    for blocks in groups:
        last = first + len(blocks) - 1
        yield f"block {first}" if last <= first else f"blocks {first} to {last}", blocks
        first = last + 1


def _reduce(partials: list[Any]) -> bytes | None:
    """Merge delayed partial results in a tree, and compute it."""
    merge = dask.delayed(merged)
    while len(partials) > 1:
        partials = [merge(list(group)) for group in groups_of(partials, FAN_IN)]
    result: bytes | None = partials[0].compute()
    return result


def _block_groups(data: Any) -> list[list[Any]]:
    """Return the blocks, those that one task takes together in one list."""
    if isinstance(data, (list, tuple)) and all(hasattr(item, "dask") for item in data) and data:
        return [[block] for block in data]
    if not hasattr(data, "to_delayed") or not hasattr(data, "chunks"):
        raise TypeError(
            f"data must be a dask.array.Array, a list of delayed blocks or paths, not "
            f"{type_name(data)}"
        )
    if data.ndim != 2:  # noqa: PLR2004
        raise ValueError(f"data must be 2-D, a row per embedding; it is {data.ndim}-D")
    n_cols = data.shape[1]
    array = _of_whole_rows(data)
    blocks = array.to_delayed().ravel().tolist()
    if not blocks or math.isnan(n_cols):
        return [[block] for block in blocks] or [[]]
    # A partial result of fewer rows than this would be larger than the rows.
    least = max(2 * n_cols, _GROUP_BYTES // max(1, n_cols * data.dtype.itemsize))
    return _joined(blocks, array.chunks[0], least)


def _of_whole_rows(data: Any) -> Any:
    """Return an array in chunks that span all columns."""
    if len(data.chunks[1]) == 1:
        return data
    # Chunks of few columns have many rows, and would become one block of all of them.
    known = not any(map(math.isnan, data.chunks[0]))
    return data.rechunk({0: "auto", 1: -1} if known else {1: -1})


def _joined(blocks: list[Any], lengths: tuple[float, ...], least: int) -> list[list[Any]]:
    """Put neighbouring blocks together until a group has enough rows."""
    groups: list[list[Any]] = [[]]
    rows = 0.0
    for block, length in zip(blocks, lengths, strict=True):
        # A length that is not known (NaN) stands alone.
        if groups[-1] and not rows + length <= least:
            groups.append([])
            rows = 0.0
        groups[-1].append(block)
        rows += length
    return groups
