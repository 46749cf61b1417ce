"""From a path, a pattern or a URL to a source."""

from __future__ import annotations

import errno
import glob
import os
from collections import Counter
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from rankme.sources import databases, huggingface, lakehouse, zarr
from rankme.sources._bytes.files import LocalFile
from rankme.sources._bytes.read_ahead import read_in_parallel
from rankme.sources._bytes.remote import RemoteFile, connect, remote_errors
from rankme.sources._bytes.urls import is_web, urls_below, with_whole_paths
from rankme.sources._database_url import is_database, shown_url
from rankme.sources._errors import AmbiguousDataError, BadDataError, NoRowsError
from rankme.sources._folders import (
    LocalFolder,
    RemoteFolder,
    find_distinct,
    is_data,
    local_table_around,
    refuse_dead,
    remote_table_around,
)
from rankme.sources._formats import KNOWN_SUFFIXES, is_text, open_file, require_told, suffix_of
from rankme.sources._sets import require_one_set
from rankme.sources._sharded import ShardedSource, natural_order, same_file
from rankme.sources._store_folders import stores_in
from rankme.sources._told import as_told

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from rankme._base.tags import Tags
    from rankme.sources._folders import Folder
    from rankme.sources._source import RowSource

__all__ = ["open_source"]

T = TypeVar("T")
# Behind the suffix of a format: what is not read, and what was not written to its end.
_UNREAD = {"gz", "bz2", "xz", "zst", "lz4", "zip"} | {"part", "partial", "crdownload", "incomplete"}


def open_source(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    column: str | None = None,
    dtype: object = None,
    tags: Tags | None = None,
    query: str | None = None,
) -> RowSource:
    """Open embeddings where they lie, as a source of rows.

    Parameters
    ----------
    path : str, os.PathLike or sequence of these
        A file: ``.npy``, ``.npz``, ``.fbin``, ``.f16bin``, ``.fvecs``, safetensors, PyTorch,
        Arrow IPC, Parquet, HDF5, JSON lines or CSV, told by its first bytes, or by its suffix where
        a format has none. A folder: a Zarr store, a Delta table, a Hugging Face dataset on disk,
        or shards, in its sub-folders too, if nothing in their names tells that they are several
        sets. A pattern of files such as ``"part-*.npy"``. A URL of any of these, ``s3://``,
        ``gs://``, ``https://`` and what else fsspec knows. The files of a folder or pattern are one
        set, in natural order: part-2 before part-10. Of a sequence all are one set, in its order.
        A database: ``postgresql://user@host/name``, ``sqlite:FILE`` or ``duckdb:FILE``.
    column : str
        Which column of a table, tensor or dataset of a container, or which key of JSON lines.
        Needed only where several could be meant. Of CSV also a pattern of the columns of
        dimensions, such as ``"x_*"``.
    dtype : str or numpy.dtype
        What the bytes of a binary column, or of base64, are: float16, bfloat16, float32, float64,
        int8 or uint8, little-endian. Nothing else is converted by it.
    tags : mapping, optional
        Where the rows come from, such as ``{"model": "vicreg", "step": 1000}``; over those that
        the file has: the attribute ``tags`` of the source.
    query : str, optional
        Of a database: the SELECT that gives the rows. It is run for each pass over them, and once
        more to count them.

    Returns
    -------
    RowSource
        Its shape is known and checked; rows are read by `RowSource.blocks` only.

    Raises
    ------
    BadDataError
        The file does not hold a matrix of float16, bfloat16, float32 or float64; several columns
        could be meant (they are listed); files of a folder are different sets, or differ in width
        or format; bytes that nobody tells the type of, or such values as no embedding has.
    MissingLibraryError
        The format needs a library that is not installed: an ImportError that names the extra.
    OSError
        A file cannot be opened or read; a ConnectionError where a database cannot be reached.
    """
    told = as_told(dtype)
    if tags is not None:
        return open_source(path, column=column, dtype=told, query=query).tagged(tags)
    if isinstance(path, (list, tuple)):
        return _open_several([os.fspath(one) for one in path], column, told, query)
    if query is not None or (isinstance(path, str) and is_database(path)):
        source = databases.open_query(path, query, column, told)
        require_told(source, told)
        return source
    text = os.fspath(path)  # type: ignore[arg-type]
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if "://" in text:
        return _open_url(with_whole_paths(text), column, told)
    return _open_local(text, column, told)


def _open_local(text: str, column: str | None, told: str | None) -> RowSource:
    """Open what a path on disk means: a folder, a pattern, or a file."""
    if os.path.isdir(text):  # noqa: PTH112
        return _open_folder(LocalFolder(text), column, told)
    if not os.path.lexists(text) and glob.has_magic(text):
        return _open_pattern(text, column, told)
    return open_file(LocalFile.find(text), column, told)


def _open_several(
    paths: Sequence[str], column: str | None, told: str | None, query: str | None
) -> RowSource:
    """Open paths as one set."""
    if len(paths) > 1:
        refuse_dead(paths)
    name = " + ".join(map(shown_url, paths))
    found = _open_parts(
        name, paths, lambda path: open_source(path, column=column, dtype=told, query=query)
    )
    twice = same_file(shard for source in found for shard in source.shards)
    if twice is not None:
        first, second = (shard.name for shard in twice)
        raise BadDataError(
            second, f"is the same file as {first}, and would be counted twice; name it once"
        )
    return ShardedSource(name, found)


def _open_pattern(pattern: str, column: str | None, told: str | None) -> RowSource:
    """Open what a pattern means on disk, as one set."""
    matches = _in_order(filter(_is_shard, glob.glob(pattern, recursive=True)))  # noqa: PTH207
    if not matches:
        raise FileNotFoundError(errno.ENOENT, "no file matches", pattern)
    stores = [name for name in matches if os.path.isdir(name)]  # noqa: PTH112
    if stores:
        if len(stores) < len(matches):
            raise BadDataError(
                pattern, f"means Zarr stores and files, such as {stores[0]}; name one kind only"
            )
        return _open_stores(pattern, map(LocalFolder, stores), column, told)
    for place in {os.path.dirname(os.path.realpath(name)) for name in matches}:  # noqa: PTH120
        _refuse_inside(pattern, local_table_around(place))
    files = find_distinct(matches)
    return ShardedSource(
        pattern, _open_parts(pattern, files, lambda file: open_file(file, column, told))
    )


def _is_shard(name: str) -> bool:
    """Whether what a pattern matches is a file of embeddings."""
    # A run over "folder/*" may be saved in that folder. A link to nothing is an error later.
    if os.path.isdir(name):  # noqa: PTH112
        return zarr.is_store(set(os.listdir(name)))  # noqa: PTH208
    return not name.endswith(".rankme")


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


def _open_url(url: str, column: str | None, told: str | None) -> RowSource:
    """Open what a URL names: a file, a pattern, or a folder."""
    system, path = connect(url)

    def open_one(place: tuple[str, str]) -> RowSource:
        return open_file(RemoteFile.find(system, *place), column, told)

    # An HTTP server has no folders, and a question mark there begins a query.
    if is_web(url):
        return open_one((path, url))
    with remote_errors(url):
        # As on disk, what is there under this very name is meant.
        if glob.has_magic(path) and not system.exists(path):
            matches = [name for name in system.glob(path) if system.isfile(name)]
            if not matches:
                raise FileNotFoundError(errno.ENOENT, "no file matches", url)
            for place in {name.rpartition("/")[0] for name in matches}:
                _refuse_inside(url, remote_table_around(system, place))
            files = list(urls_below(url, path, _in_order(matches), is_pattern=True))
            parts = _open_parts(url, files, open_one, openers=RemoteFolder.openers)
            return ShardedSource(url, parts)
        infos = system.find(path, detail=True) if system.isdir(path) else {}
    if not infos:
        return open_one((path, url))
    return _open_folder(RemoteFolder(url, system, path, infos), column, told)


def _open_folder(folder: Folder, column: str | None, told: str | None) -> RowSource:
    """Open a folder: a store, a saved dataset, a table, or shards."""
    if zarr.is_store(folder.top):
        return _open_store(folder, column, told)
    if huggingface.is_dataset(folder.top):
        is_dict = huggingface.DICT_FILE in folder.top
        return _open_files(
            folder, huggingface.list_files(folder.name, folder.read, is_dict=is_dict), column, told
        )
    names = folder.names()
    tables = lakehouse.find_tables(names)
    if "" in tables:
        return _open_table(folder, tables[""], names, column, told)
    _refuse_inside(folder.name, folder.table_around())
    for place, kind in tables.items():
        raise AmbiguousDataError(
            folder.name, f"its folder {place} is a table of {kind}; open that by itself"
        )
    stores = stores_in(folder.name, names)
    if stores:
        require_one_set(folder.name, stores)
        return _open_stores(folder.name, map(folder.child, stores), column, told)
    found = _data_files(folder.name, names)
    return _open_files(folder, found, column, told)


def _open_table(
    folder: Folder, kind: str, names: Sequence[str], column: str | None, told: str | None
) -> RowSource:
    """Open the live files of a table, or refuse its format by name."""
    if kind != lakehouse.DELTA:
        raise lakehouse.refuse_table(folder.name, kind, names)
    return _open_files(folder, _in_order(folder.delta_files()), column, told)


def _open_files(
    folder: Folder, names: Sequence[str], column: str | None, told: str | None
) -> ShardedSource:
    """Open files of a folder as one set."""
    parts = _open_parts(
        folder.name,
        folder.files(names),
        lambda file: open_file(folder.open_file(file), column, told),
        openers=folder.openers,
    )
    return ShardedSource(folder.name, parts)


def _open_store(folder: Folder, column: str | None, told: str | None) -> RowSource:
    """Open a Zarr store."""
    source = folder.open_zarr(column)
    require_told(source, told)
    return source


def _open_stores(
    name: str, folders: Iterable[Folder], column: str | None, told: str | None
) -> RowSource:
    """Open Zarr stores as one set."""
    parts = _open_parts(name, list(folders), lambda folder: _open_store(folder, column, told))
    return ShardedSource(name, parts)


def _data_files(folder: str, names: Sequence[str]) -> list[str]:
    """Choose the files of embeddings among those of a folder, in order; one format only."""
    data = [name for name in names if is_data(name.split("/"))]
    found = [name for name in data if suffix_of(name) in KNOWN_SUFFIXES]
    if not found:
        raise BadDataError(
            folder, f"a folder without a file of embeddings; wanted {', '.join(KNOWN_SUFFIXES)}"
        )
    for name in names:
        place, _, last = name.rpartition("/")
        if huggingface.is_dataset([last]):
            raise BadDataError(
                folder,
                f"its folder {place} is a saved dataset, by its {last}; open that "
                f"by itself, or name files by a pattern",
            )
    for name in data:
        whole, _, end = name.rpartition(".")
        if end in _UNREAD and suffix_of(whole) in KNOWN_SUFFIXES and name not in found:
            raise BadDataError(
                folder,
                f"holds {name}, which is compressed or not finished, so that its rows would be "
                f"missing; decompress it, fetch it again, or name the other files by a pattern",
            )
    caches = [name for name in found if huggingface.is_cache(name)]
    if 0 < len(caches) < len(found):
        raise BadDataError(
            folder,
            f"holds {caches[0]}, which the datasets library makes of the other files; name these "
            f"by a pattern",
        )
    # Beside other formats, text is about the rows: their ids and labels.
    found = [name for name in found if not is_text(name)] or found
    found = _in_order(found)
    require_one_set(folder, found)
    counts = Counter(map(suffix_of, found))
    if len(counts) > 1:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
        raise BadDataError(
            folder, f"holds files of several formats: {kinds}; name some by a pattern"
        )
    return found


def _in_order(names: Iterable[str]) -> list[str]:
    """Sort names, with their numbers as numbers."""
    return sorted(names, key=natural_order)


def _open_parts(
    name: str, places: Sequence[T], open_one: Callable[[T], RowSource], *, openers: int = 1
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
    if not parts:
        raise NoRowsError(name, f"all {len(places)} files of it are without rows")
    return parts
