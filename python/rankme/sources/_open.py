"""From a path, a pattern or a URL to a source."""

from __future__ import annotations

import errno
import glob
import os
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from rankme.sources import databases, huggingface, lakehouse, lance, vectors_apart, zarr
from rankme.sources._bytes.files import LocalFile
from rankme.sources._bytes.read_ahead import read_in_parallel
from rankme.sources._bytes.remote import RemoteFile, connect, remote_errors
from rankme.sources._bytes.urls import is_web, urls_below, with_whole_paths
from rankme.sources._converted import as_reading, converted
from rankme.sources._database_url import is_database
from rankme.sources._errors import AmbiguousDataError, BadDataError, NoRowsError
from rankme.sources._folders import (
    LocalFolder,
    RemoteFolder,
    find_distinct,
    local_table_around,
    refuse_dead,
    remote_table_around,
)
from rankme.sources._formats import open_file, require_told
from rankme.sources._listing import data_files, in_order, stores
from rankme.sources._sets import require_one_set
from rankme.sources._sharded import ShardedSource, require_one_column, same_file
from rankme.sources._shown import shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from rankme._base.tags import Tags
    from rankme.sources._folders import Folder
    from rankme.sources._reading import Reading
    from rankme.sources._source import RowSource

__all__ = ["open_as", "open_source"]

T = TypeVar("T")


def open_source(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    column: str | None = None,
    dtype: object = None,
    integers: bool = False,
    unpack_bits: object = False,
    storage_options: Mapping[str, Any] | None = None,
    tags: Tags | None = None,
    query: str | None = None,
    rows_are: str | None = None,
) -> RowSource:
    """Open embeddings where they lie, as a source of rows.

    Parameters
    ----------
    path : str, os.PathLike or sequence of these
        A file: ``.npy``, ``.npz``, ``.fbin``, ``.fvecs`` and their like, safetensors, PyTorch,
        Arrow IPC, Parquet, HDF5, JSON lines or CSV, told by its first bytes, or by its suffix where
        a format has none. A folder: a Zarr store, a Delta table, a Hugging Face dataset on disk,
        a Lance dataset or table of LanceDB, or shards, in its sub-folders too, if nothing in their
        names tells that they are several sets. A pattern of files such as
        ``"part-*.npy"``. A URL of any of these, ``s3://``, ``gs://``, ``https://`` and what else
        fsspec knows. The files of a folder or pattern are one set, in natural order: part-2 before
        part-10. Of a sequence all are one set, in its order.
        A database: ``postgresql://user@host/name``, ``sqlite:FILE`` or ``duckdb:FILE``.
    column : str
        Which column of a table, tensor or dataset of a container, or which key of JSON lines.
        Needed only where several could be meant. Of a table also the path of a field within, such
        as ``"vectors.image"``, or, of CSV too, a pattern of the columns of dimensions, ``"x_*"``.
    dtype : str or numpy.dtype
        What the bytes of a binary column, or of base64, are: float16, bfloat16, float32, float64,
        int8 or uint8, little-endian. Nothing else is converted by it.
    integers : bool
        Read rows of int8 and uint8 as the numbers that they are, exactly, in float16. By default
        they are refused: they may be ids, packed bits, or quantised with a scale a column.
    unpack_bits : bool or str
        Read rows of bytes as packed bits, eight columns a byte in the order of
        ``numpy.unpackbits``: True as 0 and 1, ``"signs"`` as -1 and +1. Bytes of int8 are those of
        uint8 less 128, as embedding services and Sentence Transformers pack them.
    storage_options : mapping, optional
        Of fsspec, for the store of a URL: ``{"anon": True}``, ``{"key": ..., "secret": ...}``. They
        are never shown nor saved in a state. A source that is sent to another process has them.
    tags : mapping, optional
        Where the rows come from, such as ``{"model": "vicreg", "step": 1000}``; over those that
        the file has: the attribute ``tags`` of the source.
    query : str, optional
        Of a database: the SELECT that gives the rows. It is run for each pass over them, and once
        more to count them.
    rows_are : {"files", "keys"}, optional
        Where each row lies by itself: in a file of the folder or pattern (``.npy``, PyTorch), or
        under a key of the container (``.npz``, HDF5, PyTorch). Files are in natural order. Axes of
        length 1 mean nothing.

    Returns
    -------
    RowSource
        Its shape is known and checked; rows are read by `RowSource.blocks` only.

    Raises
    ------
    BadDataError
        The file does not hold a matrix of float16, bfloat16, float32 or float64, or of the integers
        that were asked for; several columns
        could be meant (they are listed); files of a folder are different sets, or differ in width
        or format; bytes that nobody tells the type of, or such values as no embedding has.
    MissingLibraryError
        The format needs a library that is not installed: an ImportError that names the extra.
    OSError
        A file cannot be opened or read; a ConnectionError where a database cannot be reached.
    """
    reading = as_reading(
        column,
        dtype,
        integers,
        unpack_bits,
        query=query,
        rows_are=rows_are,
        storage_options=storage_options,
    )
    source = open_as(path, reading)
    return source if tags is None else source.tagged(tags)


def open_as(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], reading: Reading
) -> RowSource:
    """Open what `open_source` does, by arguments that were checked."""
    if isinstance(path, (list, tuple)):
        return _open_several([os.fspath(one) for one in path], reading)
    if reading.query is not None or (isinstance(path, str) and is_database(path)):
        source = databases.open_query(path, reading.query, reading.column, reading.told)
        require_told(source, reading.told)
        return converted(source, reading)
    text = os.fspath(path)  # type: ignore[arg-type]
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if reading.rows_are is not None:
        return vectors_apart.open_vectors(text, reading)
    if "://" in text:
        return _open_url(with_whole_paths(text), reading)
    if reading.storage:
        raise ValueError(
            f"storage options are for the store of a URL, and {text} is a path on disk"
        )
    return _open_local(text, reading)


def _open_local(text: str, reading: Reading) -> RowSource:
    """Open what a path on disk means: a folder, a pattern, or a file."""
    if os.path.isdir(text):  # noqa: PTH112
        return _open_folder(LocalFolder(text), reading)
    if not os.path.lexists(text) and glob.has_magic(text):
        return _open_pattern(text, reading)
    return open_file(LocalFile.find(text), reading)


def _open_several(paths: Sequence[str], reading: Reading) -> RowSource:
    """Open paths as one set."""
    if len(paths) > 1:
        refuse_dead(paths)
    name = " + ".join(map(shown_url, paths))
    found = _open_parts(name, paths, lambda path: open_as(path, reading), named=True)
    twice = same_file(shard for source in found for shard in source.shards)
    if twice is not None:
        first, second = (shard.name for shard in twice)
        raise BadDataError(
            second, f"is the same file as {first}, and would be counted twice; name it once"
        )
    return ShardedSource(name, found)


def _open_pattern(pattern: str, reading: Reading) -> RowSource:
    """Open what a pattern means on disk, as one set."""
    matches = in_order(filter(_is_shard, glob.glob(pattern, recursive=True)))  # noqa: PTH207
    if not matches:
        raise FileNotFoundError(errno.ENOENT, "no file matches", pattern)
    stores = [name for name in matches if os.path.isdir(name)]  # noqa: PTH112
    if stores:
        if len(stores) < len(matches):
            raise BadDataError(
                pattern, f"means Zarr stores and files, such as {stores[0]}; name one kind only"
            )
        return _open_stores(pattern, map(LocalFolder, stores), reading)
    for place in {os.path.dirname(os.path.realpath(name)) for name in matches}:  # noqa: PTH120
        _refuse_inside(pattern, local_table_around(place))
    files = find_distinct(matches)
    return ShardedSource(
        pattern, _open_parts(pattern, files, lambda file: open_file(file, reading))
    )


def _is_shard(name: str) -> bool:
    """Whether what a pattern matches is a file of embeddings."""
    # A run over "folder/*" may be saved in that folder. A link to nothing is an error later.
    if os.path.isdir(name):  # noqa: PTH112
        return zarr.is_store(set(os.listdir(name)))  # noqa: PTH208
    return not name.endswith((".rankme", ".rankme.lock"))


def _refuse_inside(name: str, table: tuple[str, str] | None) -> None:
    """Refuse files in the folder of a table, of which some may be dead."""
    if table is None:
        return
    place, kind = table
    raise AmbiguousDataError(
        name,
        f"its files lie in {place}, a table of {kind}, which keeps rows that were deleted or "
        f"rewritten; open {place}, or name single files: rankme score --pool FILE FILE",
    )


def _open_url(url: str, reading: Reading) -> RowSource:
    """Open what a URL names: a file, a pattern, or a folder."""
    system, path = connect(url, reading.storage)

    def open_one(place: tuple[str, str]) -> RowSource:
        return open_file(RemoteFile.find(system, *place), reading)

    # An HTTP server has no folders, and a question mark there begins a query.
    if is_web(url):
        return open_one((path, url))
    name = shown_url(url)
    with remote_errors(name, system, path):
        # As on disk, what is there under this very name is meant.
        if glob.has_magic(path) and not system.exists(path):
            matches = [name for name in system.glob(path) if system.isfile(name)]
            if not matches:
                raise FileNotFoundError(errno.ENOENT, "no file matches", name)
            for place in {name.rpartition("/")[0] for name in matches}:
                _refuse_inside(name, remote_table_around(system, place))
            files = list(urls_below(url, path, in_order(matches), is_pattern=True))
            parts = _open_parts(name, files, open_one, openers=RemoteFolder.openers)
            return ShardedSource(name, parts)
        infos = system.find(path, detail=True) if system.isdir(path) else {}
    if not infos:
        return open_one((path, url))
    return _open_folder(RemoteFolder(url, system, path, infos), reading)


def _open_folder(folder: Folder, reading: Reading) -> RowSource:
    """Open a folder: a store, a saved dataset, a table, or shards."""
    if zarr.is_store(folder.top):
        return _open_store(folder, reading)
    if huggingface.is_dataset(folder.top):
        is_dict = huggingface.DICT_FILE in folder.top
        return _open_files(
            folder, huggingface.list_files(folder.name, folder.read, is_dict=is_dict), reading
        )
    names = folder.names()
    tables = lakehouse.find_tables(names)
    if "" in tables:
        return _open_table(folder, tables[""], names, reading)
    _refuse_inside(folder.name, folder.table_around())
    for place, kind in tables.items():
        raise AmbiguousDataError(
            folder.name, f"its folder {place} is a table of {kind}; open that by itself"
        )
    found = stores(folder.name, names)
    if found:
        require_one_set(folder.name, found)
        return _open_stores(folder.name, map(folder.child, found), reading)
    found = data_files(folder.name, names)
    return _open_files(folder, found, reading)


def _open_table(folder: Folder, kind: str, names: Sequence[str], reading: Reading) -> RowSource:
    """Open the live files of a table, or refuse its format by name."""
    if kind == lakehouse.LANCE and isinstance(folder, LocalFolder):
        return lance.open_lance(folder.name, reading)
    if kind != lakehouse.DELTA:
        raise lakehouse.refuse_table(folder.name, kind, names)
    return _open_files(folder, in_order(folder.delta_files()), reading)


def _open_files(folder: Folder, names: Sequence[str], reading: Reading) -> ShardedSource:
    """Open files of a folder as one set."""
    parts = _open_parts(
        folder.name,
        folder.files(names),
        lambda file: open_file(folder.open_file(file), reading),
        openers=folder.openers,
    )
    return ShardedSource(folder.name, parts)


def _open_store(folder: Folder, reading: Reading) -> RowSource:
    """Open a Zarr store."""
    source = folder.open_zarr(reading)
    require_told(source, reading.told)
    return converted(source, reading)


def _open_stores(name: str, folders: Iterable[Folder], reading: Reading) -> RowSource:
    """Open Zarr stores as one set."""
    parts = _open_parts(name, list(folders), lambda folder: _open_store(folder, reading))
    return ShardedSource(name, parts)


def _open_parts(
    name: str,
    places: Sequence[T],
    open_one: Callable[[T], RowSource],
    *,
    openers: int = 1,
    named: bool = False,
) -> tuple[RowSource, ...]:
    """Open what makes up a set; what has no rows is no part of it."""

    def opened(some: Sequence[T]) -> Generator[RowSource, None, None]:
        for place in some:
            # Spark writes a file for a partition without rows as well.
            with suppress(NoRowsError):
                yield open_one(place)

    if openers == 1:
        parts = tuple(opened(places))
    else:
        # After the first error, or Ctrl-C, the others are not opened any more.
        with closing(
            read_in_parallel((partial(opened, [place]) for place in places), openers)
        ) as found:
            parts = tuple(found)
    if not named:  # one by one, each is meant
        require_one_column(name, parts)
    if not parts:
        raise NoRowsError(name, f"all {len(places)} files of it are without rows")
    return parts
