"""What notebooks show of a source. Nothing is read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme._base.notebook import card
from rankme.sources._reading import stored_as
from rankme.sources._shown import shown_url, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rankme.sources._source import RowSource

__all__ = ["KINDS", "html_of"]

# By the names of the classes, since they are imported when a file needs them.
KINDS = {
    "ArrowSource": "Arrow",
    "ChunkRows": "rows in memory",
    "ChunkedSource": "HDF5, in chunks",
    "DatabaseSource": "query of a database",
    "DeflatedSource": ".npz, compressed",
    "DelimitedSource": "delimited text",
    "FaissSource": "FAISS index",
    "GroupedSource": "vectors of one column",
    "JsonlSource": "JSON lines",
    "LanceSource": "Lance",
    "NpySource": ".npy",
    "ParquetSource": "Parquet",
    "RawSource": "matrix as it lies in a file",
    "VecsSource": "records of vectors",
    "VectorRows": "vectors in memory",
    "VectorsApart": "a place for each row",
    "ZarrSource": "Zarr",
}
_MOST_LISTED = 3


def html_of(source: RowSource, n_bytes: int) -> str:
    """Return a small table: what it is, where, how many rows and columns, and what they are."""
    shards = source.shards
    columns = _listed(_column_of(shard) for shard in shards)
    facts = {
        "kind": _kind(source),
        "place": _place(source),
        **({"files": f"{len(shards):,}"} if len(shards) > 1 else {}),
        "rows": _rows(source),
        "columns": f"{source.n_cols:,}",
        "dtype": ", ".join(sorted({stored_as(shard) for shard in shards})),
        "size": _size(n_bytes),
        **({"column": columns} if columns else {}),
        **{f"tag {key}": value for key, value in source.tags.items()},
    }
    return card("Source of rows", facts)


def _kind(source: RowSource) -> str:
    """Say in words what holds the rows; of a class that is not ours, its name."""
    inner = _inner(source)
    if inner is not None:
        return _kind(inner)
    if source.shards != (source,):
        return _listed(_kind(shard) for shard in source.shards)
    return KINDS.get(type(source).__name__, type(source).__name__)


def _inner(source: RowSource) -> RowSource | None:
    """Return the source whose rows were chosen, or whose bytes are read as numbers."""
    found = getattr(source, "source", None)
    return found if hasattr(found, "shards") else None


def _place(source: RowSource) -> str:
    """Return where the rows are, without passwords and signatures."""
    return without_secrets(shown_url(str(source.name)))


def _rows(source: RowSource) -> str:
    """Count the rows, and those that they were chosen from."""
    whole = _inner(source)
    if whole is not None and whole.n_rows != source.n_rows:
        return f"{source.n_rows:,}, chosen from {whole.n_rows:,}"
    return f"{source.n_rows:,}"


def _column_of(source: RowSource) -> str | None:
    """Return which column, tensor or dataset of its file a source is."""
    inner = _inner(source)
    if inner is not None:
        return _column_of(inner)
    of_query = getattr(getattr(source, "columns", None), "label", None)
    return getattr(source, "column", None) or getattr(source, "key", None) or of_query


def _listed(names: Iterable[object]) -> str:
    """List different names, not too many."""
    found = list(dict.fromkeys(str(name) for name in names if name is not None))
    more = f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
    return ", ".join(found[:_MOST_LISTED]) + more


def _size(n_bytes: float) -> str:
    """Write a number of bytes as it is read, in units of 1000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:  # noqa: PLR2004
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} TB" if n_bytes < 1000 else f"{n_bytes:,.0f} TB"  # noqa: PLR2004
