"""Record batches of Arrow's stream interface, a few thousand rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._base.optional import require
from rankme.sources._errors import BadDataError
from rankme.sources._vector_types import find_column
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BATCH_ROWS", "ToldRows", "record_batches"]

# Rows that a database is asked for at a time. DuckDB makes batches of a million by itself, which
# are gigabytes of vectors.
BATCH_ROWS = 4096


def record_batches(stream: Any, name: str, rows: int | None = None) -> Iterator[Any]:
    """Yield the record batches of an Arrow stream.

    Parameters
    ----------
    stream
        Whatever offers ``__arrow_c_stream__`` with a struct, a table, as its type.
    name
        What the error messages call it.
    rows
        How many a batch is to have, where that can be asked for; by default `BATCH_ROWS`.

    Raises
    ------
    TypeError
        It is a stream of a column alone.
    ImportError
        PyArrow is not installed.
    """
    pa = require("pyarrow", extra="arrow", what=f"{name}, an Arrow stream,")
    reader = stream
    for method in ("to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch"):
        if hasattr(stream, method):
            reader = getattr(stream, method)(rows or BATCH_ROWS)
            break
    if not isinstance(reader, pa.RecordBatchReader):
        try:
            reader = pa.RecordBatchReader.from_stream(reader)
        except pa.ArrowInvalid as error:
            if "non-struct" not in str(error):
                raise
            raise TypeError(
                f"{name} is an Arrow stream of a column, and wanted is one of a table: "
                f"pyarrow.chunked_array({name}) reads the column as a whole"
            ) from error
    with reader:
        yield from reader


class ToldRows:
    """The rows of a column of bytes, of which somebody told what they are.

    Parameters
    ----------
    name
        What the stream is called, in errors.
    column
        Which column of the batches, needed where several hold bytes.
    told
        What the bytes are.
    nulls
        Whether rows that are null are to come as NaN.
    """

    def __init__(self, name: str, column: str | None, told: str, *, nulls: bool) -> None:
        self._name = name
        self._asked = column
        self._told = told
        self._nulls = nulls
        self._column = ""
        self._vectors: VectorColumn | None = None

    def matrix(self, batch: Any, number: int) -> NDArray[Any]:
        """Return the rows of a record batch as a matrix; errors as of a file."""
        if self._vectors is None:
            self._column = find_column(self._name, batch.schema, self._asked, self._told)
            field = batch.schema.field(self._column)
            vectors = VectorColumn(self._name, field, told=self._told)
            if vectors.told is None:
                raise BadDataError(
                    self._name,
                    f"the entries of column {self._column!r} are {vectors.dtype} by its type; "
                    f"dtype is for columns of bytes and converts nothing: leave it out",
                )
            self._vectors = vectors
            self._vectors.look([batch.column(self._column)])
        read = self._vectors.matrix_with_nan if self._nulls else self._vectors.matrix
        return read(batch.column(self._column), lambda row: f"block {number}, row {row}")
