"""The labels of rows: another column of the table that these lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._converted import ByteRows
from rankme.sources._errors import BadDataError
from rankme.sources._vector_types import pyarrow
from rankme.sources.arrow import ArrowSource, arrow_batches
from rankme.sources.delimited import DelimitedSource, delimited_batches
from rankme.sources.lance import LanceSource, lance_batches
from rankme.sources.parquet import ParquetSource, parquet_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rankme.sources._source import RowSource

__all__ = ["LabelCodes"]

MOST_LABELS = 2**20


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
        found = [self._encoded(whole, array, first) for array, first in self._arrays(source)]
        codes = np.concatenate(found) if found else np.empty(0, np.int64)
        if len(codes) != whole.n_rows:
            raise BadDataError(
                whole.name,
                f"has {len(codes)} labels in column {self._column!r} for {whole.n_rows} rows",
            )
        return codes

    def _arrays(self, source: RowSource) -> Iterator[tuple[Any, int]]:
        """Yield the labels batch by batch, each with the number of its first row."""
        read: Any = {
            ParquetSource: parquet_batches,
            ArrowSource: arrow_batches,
            LanceSource: lance_batches,
            DelimitedSource: delimited_batches,
        }.get(type(source))
        if read is None:
            raise BadDataError(
                source.name,
                "labels are read of Parquet, Arrow, Lance and CSV, where they are a column beside "
                "the vectors; in Python: rankme.GroupedAccumulator(K, C).update(Z, groups=labels)",
            )
        first = 0
        for batch in read(source, self._column):
            if batch.schema.get_field_index(self._column) < 0:
                shown = ", ".join(map(repr, batch.schema.names[:12]))
                raise BadDataError(
                    source.name, f"has no column {self._column!r} to group by; it has {shown}"
                )
            yield batch.column(self._column), first
            first += batch.num_rows

    def _encoded(self, source: RowSource, array: Any, first: int) -> NDArray[np.int64]:
        """Return the numbers of some labels; new ones get the next."""
        types = pyarrow(source.name, "arrow").types
        kind = array.type.value_type if types.is_dictionary(array.type) else array.type
        named = types.is_integer(kind) or types.is_boolean(kind)
        named = named or types.is_string(kind) or types.is_large_string(kind)
        if not (named or types.is_string_view(kind)):
            raise BadDataError(
                source.name,
                f"column {self._column!r} is of type {array.type}; wanted labels: texts, whole "
                f"numbers or booleans",
            )
        if array.null_count:
            row = int(array.is_null().to_numpy(zero_copy_only=False).argmax())
            raise BadDataError(
                source.name, f"row {first + row} has no label in column {self._column!r}"
            )
        encoded = array if types.is_dictionary(array.type) else array.dictionary_encode()
        numbers = [
            self._numbers.setdefault(label, len(self._numbers))
            for label in encoded.dictionary.to_pylist()
        ]
        if len(self._numbers) > MOST_LABELS:
            raise BadDataError(
                source.name,
                f"column {self._column!r} has more than {MOST_LABELS} labels, as ids would have",
            )
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        found: NDArray[np.int64] = np.asarray(numbers, np.int64)[codes]
        return found
