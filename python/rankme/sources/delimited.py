"""Comma- and tab-separated values: a column of vectors as text, or a column for each dimension."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import check_table_shape, pick
from rankme.sources._errors import BadDataError, NoRowsError
from rankme.sources._file_source import FileSource
from rankme.sources._sharded import natural_order
from rankme.sources._source import BLOCK_BYTES, check_start
from rankme.sources._table_choice import ARROW, Columns, check_coordinates
from rankme.sources._text import TextColumn, kind_of_text, opened_text, path_of
from rankme.sources._vector_types import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._reading import Reading

__all__ = ["DelimitedSource", "delimited_batches", "opened_columns"]

# Text that is parsed at a time.
CHUNK_BYTES = 4 * 2**20
LOOKED_AT = 64
NUMBER = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][-+]?\d+)")


@dataclass(frozen=True)
class DelimitedSource(FileSource):
    """The vectors of a file of comma- or tab-separated values, the first line of which has names.

    Attributes
    ----------
    columns : tuple of str
        One of vectors, or those of the dimensions in their order.
    kind : str
        ``"json"`` or ``"base64"``, or ``"numbers"`` of a column for each dimension.
    firsts : tuple of int
        First row of each batch that PyArrow makes, and the number of rows.
    told : str or None
        What base64 is.
    """

    file: DataFile
    column: str
    columns: tuple[str, ...]
    kind: str
    n_cols: int
    dtype: np.dtype[Any]
    firsts: tuple[int, ...]
    told: str | None = None
    nulls_as_nan: bool = False

    @classmethod
    def open(cls, file: DataFile, reading: Reading) -> DelimitedSource:
        """Find the columns by the first rows, and count these: a pass over the file.

        Parameters
        ----------
        file
            Perhaps compressed; tabs separate where its suffix is ``.tsv``.
        reading
            With the column of the vectors, or a pattern of the dimensions, such as ``"x_*"``, and
            with what base64 is.
        """
        column, told = reading.column, reading.told
        with opened_columns(file, None) as reader:
            names = list(reader.schema.names)
            batch = next(iter(reader), None)
        _check_names(file.name, names)
        if batch is None or not batch.num_rows:
            raise NoRowsError(file.name, "has no rows after its line of names")
        columns, kind = _chosen(file.name, batch, column)
        vectors = None
        if kind != "numbers":
            vectors = TextColumn(file.name, columns[0], kind, told=told)
            values = batch.column(columns[0])
            there = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
            if len(there):
                some = values.drop_null().slice(0, LOOKED_AT)
                vectors.look(some, lambda row: _place(int(there[row])))
        label = (column or "*") if vectors is None else columns[0]
        dtype = np.dtype(np.float64) if vectors is None else vectors.dtype
        width = len(columns) if vectors is None else vectors.n_cols or 0
        source = cls(
            file, label, columns, kind, width, dtype, (0,),
            told=None if vectors is None else vectors.told,
        )  # fmt: skip
        with source._opened() as reader:
            firsts = tuple(accumulate((one.num_rows for one in reader), initial=0))
        check_table_shape(f"{file.name}[{label}]", firsts[-1], width)
        return replace(source, firsts=firsts)

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Records after the line of names."""
        return self.firsts[-1]

    @property
    def dimensions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the columns, where there is one for each dimension."""
        return self.columns if self.kind == "numbers" else ()

    @property
    def entries(self) -> tuple[int, ...]:
        """The file is parsed from its beginning."""
        return (0,)

    def where(self, row: int) -> str:
        """Say which record after the names a row is."""
        return _place(row)

    def with_nulls_as_nan(self) -> DelimitedSource:
        """Return the source in which what is null is NaN."""
        return replace(self, nulls_as_nan=True)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield the rows from ``start`` on; those before are parsed and passed over."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from `start` on."""
        vectors = None
        if self.kind != "numbers":
            vectors = TextColumn(self.name, self.columns[0], self.kind, self.n_cols, self.told)
        step = max(1, BLOCK_BYTES // (self.n_cols * self.dtype.itemsize))
        done = 0
        with self._opened() as reader:
            for group, batch in enumerate(reader):
                if self.firsts[group + 1 : group + 2] != (done + batch.num_rows,):
                    raise BadDataError(self.name, "changed since it was opened")
                for first in range(max(0, start - done), batch.num_rows, step):
                    some = batch.slice(first, step)
                    yield self._matrix(some, done + first, vectors)
                done += batch.num_rows
        if done != self.n_rows:
            raise BadDataError(self.name, "changed since it was opened")
        self.file.check_unchanged()

    def _matrix(self, batch: Any, first: int, vectors: TextColumn | None) -> NDArray[Any]:
        """Return the rows of a part of a batch, of which the first has a number."""
        if vectors is not None:
            return vectors.matrix(
                batch.column(self.columns[0]),
                lambda row: self.where(first + row),
                nulls=self.nulls_as_nan,
            )
        found = np.empty((batch.num_rows, len(self.columns)))
        bad: list[tuple[int, str]] = []
        for i, label in enumerate(self.columns):
            values = batch.column(label)
            if values.null_count and not self.nulls_as_nan:
                is_null = values.is_null().to_numpy(zero_copy_only=False)
                bad.append((int(is_null.argmax()), label))
            found[:, i] = values.to_numpy(zero_copy_only=False)
        if bad:
            row, label = min(bad, key=lambda one: one[0])
            raise BadDataError(self.name, f"{self.where(first + row)} is null in column {label!r}")
        return found

    def _opened(self) -> Any:
        """Open a reader of the columns alone, each of its type."""
        return opened_columns(self.file, self.columns, numbers=self.kind == "numbers")


def _place(row: int) -> str:
    """Say which record after the names a row is."""
    return f"row {row} (record {row + 1} after the names)"


@contextmanager
def opened_columns(
    file: DataFile,
    columns: Sequence[str] | None,
    *,
    numbers: bool = False,
    labels: bool = False,
) -> Iterator[Any]:
    """Open PyArrow's reader; all columns as text, or some as what they are."""
    pa, csv = pyarrow(file.name, "csv"), pyarrow(file.name, "csv", "pyarrow.csv")
    is_tabs = ".tsv" in (suffix.lower() for suffix in path_of(file.name).suffixes)
    with opened_text(file, "csv") as stream:
        options: dict[str, Any] = {}
        if columns is not None:
            kind = pa.float64() if numbers else pa.string()
            options["include_columns"] = list(columns)
            options["column_types"] = dict.fromkeys(columns, kind)
        if labels:  # "NA" is one, of Namibia
            options["null_values"] = [""]
        with csv.open_csv(
            stream,
            read_options=csv.ReadOptions(use_threads=False, block_size=CHUNK_BYTES),
            parse_options=csv.ParseOptions(
                delimiter="\t" if is_tabs else ",", newlines_in_values=True
            ),
            convert_options=csv.ConvertOptions(strings_can_be_null=True, **options),
        ) as reader:
            yield reader


def _check_names(name: str, names: Sequence[str]) -> None:
    """Refuse a first line that holds numbers, or a name twice."""
    if names and names[0].lstrip().startswith("{"):
        raise BadDataError(
            name,
            "its first line is an object of JSON, and no line of names; lines of JSON are read by "
            "the suffix .jsonl, and from standard input by --format jsonl",
        )
    numbers = [one.strip() for one in names if NUMBER.fullmatch(one.strip())]
    if numbers:
        raise BadDataError(
            name,
            f"its first line has numbers such as {numbers[0]} in the place "
            f"of names; add a line of names, or in Python: "
            f"rankme.score(numpy.loadtxt({name!r}, delimiter=','))",
        )
    twice = next((one for i, one in enumerate(names) if one in names[:i]), None)
    if twice is not None:
        raise BadDataError(name, f"has several columns of the name {twice!r}; wanted one")


def _chosen(name: str, batch: Any, column: str | None) -> tuple[tuple[str, ...], str]:
    """Choose the column of vectors, or those of the dimensions, and tell how they are written."""
    pa = pyarrow(name, "csv")
    names = list(batch.schema.names)
    if column is not None and column not in names and has_magic(column):
        found = sorted((one for one in names if fnmatchcase(one, column)), key=natural_order)
        if not found:
            raise BadDataError(name, f"has no column like {column!r}; it has {names[:12]}")
        return tuple(found), "numbers"
    kinds = {label: _kind_in(batch.column(label)) for label in names}
    texts = [label for label in names if kinds[label] == "json"]
    if not texts:
        texts = [label for label in names if kinds[label] == "base64"]
    floats = [label for label in names if pa.types.is_floating(batch.schema.field(label).type)]
    if column is None and not texts and len(floats) == len(names):
        first = np.column_stack([batch.column(one).to_numpy(zero_copy_only=False) for one in names])
        types = {label: str(batch.schema.field(label).type) for label in names}
        columns = Columns(names, [], floats, types, ARROW)
        check_coordinates(columns, first, f"pyarrow.csv.read_csv({name!r})")
        return tuple(names), "numbers"
    advice = "; where each dimension has a column, name them by a pattern: --column 'x_*'"
    found_one = pick(name, column, {label: label in texts for label in names}, "column", advice)
    if kinds[found_one] is None:
        raise BadDataError(
            name,
            f"column {found_one!r} holds neither the text of lists of numbers nor base64{advice}",
        )
    return (found_one,), kinds[found_one] or ""


def _kind_in(values: Any) -> str | None:
    """Tell how the vectors of a column are written, by its first row that is there."""
    if "string" not in str(values.type):
        return None
    there = values.drop_null()
    return kind_of_text(there[0].as_py()) if len(there) else None


def delimited_batches(source: DelimitedSource, column: str) -> Iterator[Any]:
    """Yield the record batches of another column of the file, as text."""
    with opened_columns(source.file, None) as reader:
        known = column in reader.schema.names
    with opened_columns(source.file, [column] if known else None, labels=True) as reader:
        yield from reader
    source.check_unchanged()
