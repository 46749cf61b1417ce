"""Tables whose log tells which of the files in their folder are alive.

A rewritten or deleted row stays in its old file until that is cleaned away, so a folder of Parquet
files is not the table. The log of a Delta table is read by the deltalake package; the folders of
the other formats are refused by name.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rankme._base.optional import require
from rankme.sources._errors import AmbiguousDataError, BadDataError, NoRowsError, parsing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "DELTA",
    "LOGS",
    "delta_files",
    "find_tables",
    "places_above",
    "refuse_table",
    "remote_delta_files",
    "table_in",
]

DELTA = "Delta"
LOG = "_delta_log"
ICEBERG = "Iceberg"
LANCE = "Lance"
VERSIONS = "_versions"
# What a table has in its folder, by the format; of Hudi also what each partition has.
LOGS = {
    LOG: DELTA,
    ".hoodie": "Hudi",
    ".hoodie_partition_metadata": "Hudi",
    "_spark_metadata": "Spark streaming",
    VERSIONS: LANCE,
}
EVERYTHING = "SELECT * FROM t"
SNAPSHOTS = (".metadata.json", ".metadata.json.gz")
# Features that change nothing about which rows of a file count, or under which name.
HARMLESS = {
    "domainMetadata",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
}


def find_tables(names: Iterable[str]) -> dict[str, str]:
    """Find the tables in a folder.

    Parameters
    ----------
    names
        Of all its files and logs, relative to it, with slashes.

    Returns
    -------
    dict
        From the place of each table, "" for the folder itself, to its format.
    """
    tables: dict[str, str] = {}
    for name in names:
        pieces = name.split("/")
        for depth, piece in enumerate(pieces):
            if piece in LOGS:
                tables.setdefault("/".join(pieces[:depth]), LOGS[piece])
        if pieces[-2:-1] == ["metadata"] and pieces[-1].endswith(SNAPSHOTS):
            tables.setdefault("/".join(pieces[:-2]), ICEBERG)
    return tables


def places_above(place: str) -> Iterator[str]:
    """Yield a folder and those around it, as far as it may be a part of a table there."""
    while place:
        above, _, last = place.rstrip("/").rpartition("/")
        yield place
        if not ("=" in last or last in ("data", *LOGS) or last.isdigit()):
            return
        place = above


def table_in(place: str, finds: Callable[[str], bool]) -> str | None:
    """Return the format of the table that a folder is, or None.

    Parameters
    ----------
    place
        The folder.
    finds
        Tells whether something matches a pattern.
    """
    for log, kind in LOGS.items():
        if finds(f"{place}/{log}"):
            return kind
    if any(finds(f"{place}/metadata/*{suffix}") for suffix in SNAPSHOTS):
        return ICEBERG
    return None


def refuse_table(name: str, kind: str, names: Iterable[str]) -> AmbiguousDataError:
    """Return the error of a folder that is a table of a format that is not read.

    Parameters
    ----------
    name, kind
        The folder, and its format.
    names
        Of its files, of which an Iceberg table has several that may count.
    """
    way = "name its live files one by one: rankme score --pool FILE FILE"
    if kind == ICEBERG:
        newest = max(name for name in names if name.endswith(SNAPSHOTS))
        way = (
            "its catalog knows which of its metadata files counts. Read it with pyiceberg: "
            "rankme.score(numpy.stack(pyiceberg.table.StaticTable.from_metadata("
            f"'{name.rstrip('/')}/{newest}').scan().to_arrow()"
            "['COLUMN'].to_pylist()))"
        )
    elif kind == LANCE:
        way = (
            f"behind a URL read it with lance: rankme.score(lance.dataset('{name.rstrip('/')}')"
            f".to_table(columns=['COLUMN']))"
        )
    return AmbiguousDataError(
        name,
        f"is a table of {kind}, whose folder keeps rows that were deleted or rewritten; {way}",
    )


def delta_files(name: str, folder: Path) -> list[str]:
    """List the files of the newest version of a Delta table, relative to it.

    Parameters
    ----------
    name
        The table, as it is shown.
    folder
        A folder on disk with its log; the files themselves need not be there.

    Raises
    ------
    MissingLibraryError
        deltalake is not installed.
    BadDataError
        Rows are deleted in the middle of a file, columns have other names than in the files, or
        these lie elsewhere.
    NoRowsError
        The table has no files.
    """
    deltalake = require("deltalake", extra="lakehouse", what=f"{name}: a Delta table")
    with parsing(name, "its log cannot"):
        table = deltalake.DeltaTable(str(folder))
        strange = _strange_features(table)
        paths = table.get_add_actions()["path"].to_pylist()
    if any("://" in path or path.startswith("/") for path in paths):
        strange.append("files elsewhere")
    if strange:
        read = f"deltalake.QueryBuilder().register('t', deltalake.DeltaTable('{name}'))"
        rows = f"pyarrow.table({read}.execute({EVERYTHING!r}).read_all())"
        raise BadDataError(
            name,
            f"is a Delta table with {', '.join(strange)}, so that the rows of its files are not "
            f"just its rows; read it with deltalake: "
            f"rankme.score(numpy.stack({rows}['COLUMN'].to_pylist()))",
        )
    if not paths:
        raise NoRowsError(name, "a Delta table without rows")
    return [unquote(path) for path in paths]


def _strange_features(table: Any) -> list[str]:
    """List the features in use by which the rows of the files are not the rows of the table."""
    features = set(table.protocol().reader_features or ()) - HARMLESS
    vectors = "deletionVectors" in features and _has_deleted_rows(table)
    configuration: Mapping[str, str] = table.metadata().configuration
    mapped = configuration.get("delta.columnMapping.mode", "none") != "none"
    strange = features - {"deletionVectors", "columnMapping"}
    return sorted(strange) + ["deletion vectors"] * vectors + ["column mapping"] * mapped


def _has_deleted_rows(table: Any) -> bool:
    """Whether a file has a deletion vector; one that cannot be read is one."""
    try:
        return any(batch.num_rows for batch in table.deletion_vectors())
    except Exception:  # noqa: BLE001 - of the log alone, without the vectors beside it
        return True


def _copy_log(read: Callable[[str], bytes], names: Iterable[str], folder: Path) -> None:
    """Write the log of a remote Delta table to disk."""
    for name in names:
        if name.startswith(f"{LOG}/"):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(read(name))


def remote_delta_files(name: str, read: Callable[[str], bytes], names: Iterable[str]) -> list[str]:
    """List the files of a remote Delta table; any store will do, since only the log is asked."""
    with tempfile.TemporaryDirectory(prefix="rankme-") as place:
        _copy_log(read, names, Path(place))
        return delta_files(name, Path(place))
