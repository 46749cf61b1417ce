"""A column of a Spark DataFrame, scored by its executors.

Partial results travel as rows of at most 4 MiB, so that neither a row nor a batch comes near what
the JVM holds at once, and they are merged in rounds on the executors until one is left: what the
driver collects is that one, whatever the number of partitions.
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
    merged,
    partial_of_blocks,
    restored,
    scored,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rankme import Accumulator, GroupedAccumulator

pyspark = require("pyspark", extra="spark", what="rankme.distributed.spark")

__all__ = ["accumulate", "grouped", "score"]

_PIECE_BYTES = 4 * 2**20
_VECTORS = ("array<float>", "array<double>")
_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_SCHEMA = "part long, place long, piece binary"
_FINAL_PARTITIONS = 8  # of the last result, each of which is collected by itself


def score(
    data: Any,
    column: str,
    *,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    method: str = "gram",
    seed: int = 0,
    skip_nonfinite: bool = False,
) -> float:
    """RankMe of a column of embeddings.

    Parameters
    ----------
    data, column, normalize, method, seed, skip_nonfinite
        As in `accumulate`.
    eps, center
        As in `rankme.score`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As `accumulate`; and if `eps` is no number from 0 to 1.
    """
    eps = as_eps(eps)  # before the work, not after it
    acc = accumulate(
        data,
        column,
        normalize=normalize,
        method=method,
        seed=seed,
        skip_nonfinite=skip_nonfinite,
    )
    return scored(acc, eps=eps, center=center)


def accumulate(
    data: Any,
    column: str,
    *,
    normalize: bool = False,
    method: str = "gram",
    seed: int = 0,
    skip_nonfinite: bool = False,
    groups: int | None = None,
    run_length: int = RUN_LENGTH,
    precision: str = "float64",
) -> Accumulator:
    """Take in a column of embeddings, a partition a task.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        Each of its partitions becomes one partial result of ``4 * K**2`` bytes: where K is
        large, ``coalesce`` leaves fewer of them.
    column : str
        Of type ``array<float>`` or ``array<double>``, K numbers in each row. Vectors of MLlib
        become arrays by ``pyspark.ml.functions.vector_to_array``.
    normalize, method, seed, skip_nonfinite
        As in `rankme.Accumulator`: `seed` is that of its probes, and chooses no rows.
    groups, run_length
        As in `rankme.Accumulator`, for `rankme.Accumulator.estimate` of the result: each task deals
        its own rows, and partial results take as many times the memory.
    precision : {"float64", "fast"}
        As in `rankme.Accumulator`: the first rows of each task decide for its others. Nothing is
        summed again in float64 where the interval comes out too wide: a PrecisionWarning tells.

    Returns
    -------
    rankme.Accumulator

    Raises
    ------
    TypeError
        If `data` is no DataFrame, `column` holds something else, or a setting is of the wrong type.
    ValueError
        If a setting is out of range, `column` is not there, or there are no rows.
    pyspark.errors.PythonException, py4j.protocol.Py4JJavaError
        If rows are null, not finite or of different width, as Spark passes on the ValueError of a
        task: by the one or the other, with its text.

    Notes
    -----
    Spark gives a Python worker as many BLAS threads as ``spark.task.cpus``. Merging takes
    ``24 * K**2`` bytes of a Python worker's memory, outside the JVM's heap.
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
    _require_column(data, column, _VECTORS)

    def take(batches: Iterable[Any], names: list[str], label: str) -> bytes | None:
        return partial_of_blocks(matrices_of(batches, names[0], label), settings, label)

    return restored(_reduced(data, [column], take))


def grouped(
    data: Any,
    column: str,
    labels: str,
    n_groups: int,
    *,
    normalize: bool = False,
    seed: int = 0,
    skip_nonfinite: bool = False,
) -> GroupedAccumulator:
    """Take in a column of embeddings, each row into the group of its label.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
    column : str
        As in `accumulate`.
    labels : str
        The column of labels: integers from 0 to n_groups - 1, none of them null.
    n_groups, normalize, seed, skip_nonfinite
        As in `rankme.GroupedAccumulator`.

    Returns
    -------
    rankme.GroupedAccumulator

    Raises
    ------
    TypeError
        If `data` is no DataFrame, a column holds something else, or a setting is of the wrong type.
    ValueError
        If a setting is out of range, a column is not there, or there are no rows.
    pyspark.errors.PythonException, py4j.protocol.Py4JJavaError
        As in `accumulate`, and if a label is null or out of range.

    Notes
    -----
    A partial result has ``4 * K**2`` bytes for each group that is in its partition:
    ``repartition(labels)`` leaves few groups to each.
    """
    settings = GroupedSettings(
        n_groups=n_groups,
        normalize=bool(normalize),
        seed=seed,
        skip_nonfinite=bool(skip_nonfinite),
    )
    _require_column(data, column, _VECTORS)
    _require_column(data, labels, _INTEGERS)

    def take(batches: Iterable[Any], names: list[str], label: str) -> bytes | None:
        return partial_of_labelled(
            labelled_rows_of(batches, names[0], names[1], label), settings, label
        )

    return restored_groups(_reduced(data, [column, labels], take))


def _reduced(
    data: Any, columns: list[str], take: Callable[[Iterable[Any], list[str], str], bytes | None]
) -> bytes | None:
    """Reduce each partition by what `take` makes of its columns, and merge the results."""
    # A dot means a field of a struct, and mapInArrow takes no column that has one even when quoted.
    plain = columns[0].replace(".", "_").replace("`", "_")
    names = [plain, f"{plain}_labels"][: len(columns)]
    chosen = zip(columns, names, strict=True)
    rows = data.select(*(data[_quoted(column)].alias(name) for column, name in chosen))
    pieces = rows.mapInArrow(_partials_by(take, names), _SCHEMA)
    records = pieces.rdd.map(_keyed)
    count = records.getNumPartitions()
    while count > 1:
        count = -(-count // FAN_IN)
        records = records.repartitionAndSortWithinPartitions(
            count, partitionFunc=_group_of
        ).mapPartitionsWithIndex(_merge_partition)
    # The driver's limit on results, maxResultSize, is one for each of these.
    last = records.repartitionAndSortWithinPartitions(_FINAL_PARTITIONS, partitionFunc=_place_of)
    return merged(_joined(sorted(last.toLocalIterator())))


def _require_column(data: Any, column: str, kinds: tuple[str, ...]) -> None:
    """Refuse a column that is missing, or holds something else."""
    if not hasattr(data, "mapInArrow"):
        raise TypeError(f"data must be a pyspark.sql.DataFrame, not {type_name(data)}")
    if column not in data.columns:
        names = ", ".join(map(repr, data.columns))
        raise ValueError(f"there is no column {column!r}, only {names}")
    kind = data.schema[column].dataType.simpleString()
    if kind not in kinds:
        vectors = " (pyspark.ml.functions.vector_to_array makes one of a vector)"
        raise TypeError(
            f"column {column!r} holds {kind}; wanted is {' or '.join(kinds)}"
            f"{vectors if kinds == _VECTORS else ''}"
        )


def _quoted(column: str) -> str:
    """Quote the name of a column for Spark's parser."""
    return "`" + column.replace("`", "``") + "`"


# Records are ((part, place), piece): a partial result, and where in it the piece belongs.


def _partials_by(
    take: Callable[[Iterable[Any], list[str], str], bytes | None], names: list[str]
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return the task that reduces a partition to the pieces of its partial result."""

    def partials(batches: Iterable[Any]) -> Iterator[Any]:
        arrow = require("pyarrow", extra="spark", what="mapInArrow")
        part = pyspark.TaskContext.get().partitionId()
        for (_, place), piece in _cut(part, take(batches, names, f"partition {part}")):
            yield arrow.record_batch([[part], [place], [piece]], names=["part", "place", "piece"])

    return partials


def _keyed(row: Any) -> tuple[tuple[int, int], bytes]:
    """Return a row of the schema as a record."""
    return (row.part, row.place), bytes(row.piece)


def _group_of(key: tuple[int, int]) -> int:
    """Return the partition in which a partial result is merged."""
    return key[0] // FAN_IN


def _place_of(key: tuple[int, int]) -> int:
    """Return where in its partial result a piece belongs."""
    return key[1]


def _merge_partition(
    index: int, records: Iterable[tuple[tuple[int, int], bytes]]
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Merge the partial results of a partition: a task."""
    return _cut(index, merged(_joined(records)))


def _cut(part: int, data: bytes | None) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Cut a partial result into records."""
    if data is not None:
        for place, start in enumerate(range(0, len(data), _PIECE_BYTES)):
            yield (part, place), data[start : start + _PIECE_BYTES]


def _joined(records: Iterable[tuple[tuple[int, int], bytes]]) -> Iterator[bytes]:
    """Put sorted pieces together again, one partial result at a time."""
    for _, pieces in itertools.groupby(records, key=lambda record: record[0][0]):
        yield b"".join(piece for _, piece in pieces)
