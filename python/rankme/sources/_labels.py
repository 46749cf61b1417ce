"""The labels of rows: another column of the table that these lie in."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from rankme.sources._converted import ByteRows
from rankme.sources._errors import BadDataError
from rankme.sources._json_lines import (
    JsonLines,
    labels_of_lines,
    place_of,
    without_blanks,
)
from rankme.sources._vector_types import pyarrow
from rankme.sources.arrow import ArrowSource, arrow_batches
from rankme.sources.delimited import DelimitedSource, delimited_batches
from rankme.sources.jsonl import JsonlSource, chunks_of
from rankme.sources.lance import LanceSource, lance_batches
from rankme.sources.parquet import ParquetSource, parquet_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rankme.sources._source import RowSource

__all__ = ["LabelCodes"]

MOST_LABELS = 2**20
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # of the rows that have none


class LabelCodes:
    """Labels as numbers from 0 on, in the order in which they come first.

    Attributes
    ----------
    names : list
        The label of each number: a text, a whole number or a boolean.
    """

    def __init__(self, column: str) -> None:
        self._column = column
        self._numbers: dict[Any, int] = {}
        self._first: tuple[str, str] | None = None  # what the labels are, and where they came first
        self._lies: tuple[str, str] | None = None  # in a column or in folders, and of which file

    @property
    def names(self) -> list[Any]:
        """The labels, in order of their numbers."""
        return list(self._numbers)

    def of(self, source: RowSource) -> NDArray[np.int64]:
        """Return the number of the label of each row of a file.

        Raises
        ------
        BadDataError
            The file is no table, or has no such column; a row without a label; labels that are
            no names, such as fractions.
        """
        whole, source = source, source.source if isinstance(source, ByteRows) else source
        arrays = self._of_json(source) if isinstance(source, JsonlSource) else self._arrays(source)
        found = [self._encoded(whole.name, array, where) for array, where in arrays]
        codes = np.concatenate(found) if found else np.empty(0, np.int64)
        if len(codes) != whole.n_rows:
            raise BadDataError(
                whole.name,
                f"has {len(codes)} labels in column {self._column!r} for {whole.n_rows} rows",
            )
        return codes

    def _arrays(self, source: RowSource) -> Iterator[tuple[Any, Callable[[int], str]]]:
        """Yield the labels batch by batch, each with what says where a row of it stands."""
        read: Any = {
            ParquetSource: parquet_batches,
            ArrowSource: arrow_batches,
            LanceSource: lance_batches,
            DelimitedSource: delimited_batches,
        }.get(type(source))
        partition = self._partition(source)
        if read is None and partition is not None:
            yield self._alike(source, partition, source.n_rows), source.where
            return
        if read is None:
            raise BadDataError(
                source.name,
                "labels are read of Parquet, Arrow, Lance, CSV and JSON lines, where they are "
                "beside the vectors; in Python: "
                "rankme.GroupedAccumulator(K, C).update(Z, groups=labels)",
            )
        first = 0
        for batch in read(source, self._column):
            if batch.schema.get_field_index(self._column) >= 0:
                self._require_place(source.name, "in a column")
                yield batch.column(self._column), partial(_row_from, first)
            elif partition is not None:
                yield self._alike(source, partition, batch.num_rows), source.where
            else:
                shown = ", ".join(map(repr, batch.schema.names[:12]))
                raise BadDataError(
                    source.name, f"has no column {self._column!r} to group by; it has {shown}"
                )
            first += batch.num_rows

    def _partition(self, source: RowSource) -> str | None:
        """Return the value that the path of a file has for the column, as ``day=1/x.parquet``."""
        key = f"{self._column}="
        folders = source.identity.name.split("/")[:-1]
        found = [unquote(one[len(key) :]) for one in folders if one.startswith(key)]
        return found[-1] if found else None

    def _require_place(self, name: str, place: str) -> None:
        """Refuse labels of the folders' names beside labels of a column: they are of two kinds."""
        self._lies = self._lies or (place, name)
        before, file = self._lies
        if before != place:
            raise BadDataError(
                name,
                f"has the labels {self._column!r} {place}, and {file} has them {before}; wanted "
                f"all of them in one way",
            )

    def _alike(self, source: RowSource, label: str, count: int) -> Any:
        """Return the label of all rows of a partition, so many times."""
        self._require_place(source.name, "in the name of its folder")
        pa = pyarrow(source.name, "arrow")
        value = pa.scalar(None if label == _NO_VALUE else label, pa.string())
        return pa.repeat(value, count)

    def _of_json(self, source: JsonlSource) -> Iterator[tuple[Any, Callable[[int], str]]]:
        """Yield the labels of lines; the rows of an answer have that of its line."""
        partition = self._partition(source)
        # Where one line has the key, all have to.
        key = re.compile(re.escape(json.dumps(self._column.split(".")[-1]).encode()) + rb"\s*:")
        if partition is not None and not any(
            key.search(one.data) for one in chunks_of(source.file)
        ):
            yield self._alike(source, partition, source.n_rows), source.where
            source.check_unchanged()
            return
        self._require_place(source.name, "in a column")
        lines = JsonLines(source.name, source.layout)
        for chunk in chunks_of(source.file):
            if not len(without_blanks(chunk)[1]):
                continue
            labels, numbers = labels_of_lines(source.name, self._column, chunk)
            if source.layout.is_answers:
                places = lines.parsed(chunk)[1]
                labels, numbers = labels.take(np.searchsorted(numbers, places)), places
            yield labels, partial(place_of, numbers)
        source.check_unchanged()

    def _encoded(self, name: str, array: Any, where: Callable[[int], str]) -> NDArray[np.int64]:
        """Return the numbers of some labels; new ones get the next."""
        pa = pyarrow(name, "arrow")
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        is_dictionary = pa.types.is_dictionary(array.type)
        self._require_names(name, pa.types, array.type.value_type if is_dictionary else array.type)
        encoded = array if is_dictionary else array.dictionary_encode()
        codes = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        labels = encoded.dictionary.to_pylist()
        missing = codes < 0
        if None in labels:
            missing = missing | (codes == labels.index(None))
        if missing.any():
            raise BadDataError(
                name, f"{where(int(missing.argmax()))} has no label in column {self._column!r}"
            )
        numbers = [self._numbers.setdefault(label, len(self._numbers)) for label in labels]
        if len(self._numbers) > MOST_LABELS:
            raise BadDataError(
                name,
                f"column {self._column!r} has more than {MOST_LABELS} labels, as ids would have",
            )
        found: NDArray[np.int64] = np.asarray(numbers, np.int64)[codes]
        return found

    def _require_names(self, name: str, types: Any, kind: Any) -> None:
        """Refuse labels that are no names, or others than those before: 1, "1" and True."""
        words = {
            "texts": types.is_string(kind) or types.is_large_string(kind) or _is_view(types, kind),
            "whole numbers": types.is_integer(kind),
            "booleans": types.is_boolean(kind),
        }
        what = next((word for word, is_it in words.items() if is_it), None)
        if what is None:
            raise BadDataError(
                name,
                f"column {self._column!r} is of type {kind}; wanted labels: texts, whole numbers "
                f"or booleans",
            )
        if self._first is None:
            self._first = what, name
        if self._first[0] != what:
            before, file = self._first
            raise BadDataError(
                name,
                f"column {self._column!r} holds {what}, and {before} before, in {file}; wanted "
                f"labels of one kind",
            )


def _row_from(first: int, row: int) -> str:
    """Say which row of the file a row of a batch is."""
    return f"row {first + row}"


def _is_view(types: Any, kind: Any) -> bool:
    """Whether a type is that of texts by reference."""
    return bool(types.is_string_view(kind))
