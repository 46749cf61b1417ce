"""From a path, a pattern or a URL to a source."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
from collections import Counter
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from rankme.sources import huggingface, zarr
from rankme.sources._bytes.files import LocalFile
from rankme.sources._bytes.read_ahead import read_in_parallel
from rankme.sources._bytes.remote import RemoteFile, connect, remote_errors, version_of
from rankme.sources._bytes.urls import is_web, one_name, urls_below, with_whole_paths
from rankme.sources._errors import BadDataError, NoRowsError
from rankme.sources._formats import KNOWN_SUFFIXES, open_file, suffix_of
from rankme.sources._sharded import ShardedSource, natural_order
from rankme.sources._source import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from rankme.sources._source import RowSource

__all__ = ["open_source"]

T = TypeVar("T")

# Remote files that are opened at the same time: each takes some round trips.
OPENERS = 16


def open_source(path: str | os.PathLike[str], *, column: str | None = None) -> RowSource:
    """Open embeddings where they lie, as a source of rows.

    Parameters
    ----------
    path : str or os.PathLike
        A file: ``.npy``, ``.npz``, ``.fbin``, ``.f16bin``, ``.fvecs``, safetensors, PyTorch,
        Arrow IPC, Parquet or HDF5, told by its first bytes, or by its suffix where a format has
        none. A folder: a Zarr store, a Hugging Face dataset that was saved to disk, or shards, in
        its sub-folders too. A pattern of files such as ``"part-*.npy"``. A URL of any of these,
        ``s3://``, ``gs://``, ``https://`` and what else fsspec knows. The files of a folder or
        pattern are one set, in natural order: part-2 before part-10.
    column : str
        Which column of a table, tensor or dataset of a container. Needed only where several could
        be meant.

    Returns
    -------
    RowSource
        Its shape is known and checked; rows are read by `RowSource.blocks` only.

    Raises
    ------
    BadDataError
        The file does not hold a matrix of float16, bfloat16, float32 or float64; several columns
        could be meant (they are listed); files of a folder differ in width or format.
    MissingLibraryError
        The format needs a library that is not installed: an ImportError that names the extra.
    OSError
        A file cannot be opened or read.
    """
    text = os.fspath(path)
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if "://" in text:
        return _open_url(with_whole_paths(text), column)
    if os.path.isdir(text):  # noqa: PTH112
        return _open_folder(text, column)
    if not os.path.lexists(text) and glob.has_magic(text):
        found = list(filter(_is_shard, glob.glob(text, recursive=True)))  # noqa: PTH207
        if not found:
            raise FileNotFoundError(errno.ENOENT, "no file matches", text)
        return _open_shards(text, _find_distinct(_in_order(found)), open_file, column)
    return open_file(LocalFile.find(text), column)


def _is_shard(name: str) -> bool:
    """Whether what a pattern matches is a file of embeddings."""
    # A run over "folder/*" may be saved in that folder. A link to nothing is an error later.
    return not os.path.isdir(name) and not name.endswith(".rankme")  # noqa: PTH112


def _find_distinct(paths: Iterable[str]) -> list[LocalFile]:
    """Look at the files of a set, none of which may be there under a second name, by a link."""
    files: dict[object, LocalFile] = {}
    for path in paths:
        file = LocalFile.find(path)
        other = files.setdefault(file.stamp[:2], file)
        if other is not file:
            raise BadDataError(
                file.name, f"is the same file as {other.name}, and would be counted twice"
            )
    return list(files.values())


def _open_folder(path: str, column: str | None) -> RowSource:
    """Open a folder: a store, a saved dataset, or shards."""
    folder = Path(path)
    names = set(os.listdir(path))  # noqa: PTH208
    if zarr.is_store(names):
        whole = folder.absolute()  # also in another process, with another working directory
        identify = partial(_identify_folder, whole, os.path.realpath(whole))
        return zarr.open_zarr(path, str(whole), column, identify)
    if huggingface.is_dataset(names):
        found = huggingface.list_files(
            path, lambda name: (folder / name).read_bytes(), is_dict=huggingface.DICT_FILE in names
        )
    else:
        found = _data_files(path, [Path(file).as_posix() for file in _files_below(path)])
    files = _find_distinct(str(folder / name) for name in found)
    return _open_shards(path, files, open_file, column)


def _files_below(folder: str) -> Iterator[str]:
    """Yield the files of a folder and its sub-folders, links among them, relative to it."""
    seen: dict[tuple[int, int], str] = {}
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        folders[:] = [name for name in folders if _is_data([name])]
        status = os.stat(place)  # noqa: PTH116
        other = seen.setdefault((status.st_dev, status.st_ino), place)
        if other != place:
            raise BadDataError(place, f"is the same folder as {other}, and would be counted twice")
        for name in names:
            file = os.path.join(place, name)  # noqa: PTH118
            if os.path.islink(file) and _is_data([name]):  # noqa: PTH114
                os.stat(file)  # noqa: PTH116 - of a file or folder that is not there now
            yield os.path.relpath(file, folder)


def _raise(error: OSError) -> None:
    """Raise the error that `os.walk` would pass over."""
    raise error


def _identify_folder(folder: Path, real: str, column: str | None) -> Identity:
    """Return the identity of a store on disk."""
    files = [(file, file.stat()) for file in folder.rglob("*") if file.is_file()]
    parts = [
        (str(file.relative_to(folder)), status.st_size, status.st_mtime_ns)
        for file, status in files
    ]
    return _identify_parts(real, parts, column)


def _identify_parts(name: str, parts: list[tuple[str, int, Any]], column: str | None) -> Identity:
    """Return an identity from the names, sizes and versions of files."""
    digest = hashlib.sha256(repr(sorted(parts)).encode("utf-8", "surrogateescape")).hexdigest()
    return Identity(name, sum(size for _, size, _ in parts), f"sha256:{digest}", column)


def _open_url(url: str, column: str | None) -> RowSource:
    """Open what a URL names: a file, a pattern, or a folder."""
    system, path = connect(url)

    def open_one(place: tuple[str, str], column: str | None) -> RowSource:
        return open_file(RemoteFile.find(system, *place), column)

    # An HTTP server has no folders, and a question mark there begins a query.
    if is_web(url):
        return open_one((path, url), column)
    with remote_errors(url):
        # As on disk, what is there under this very name is meant.
        if glob.has_magic(path) and not system.exists(path):
            matches = [name for name in system.glob(path) if system.isfile(name)]
            if not matches:
                raise FileNotFoundError(errno.ENOENT, "no file matches", url)
            files = list(urls_below(url, path, _in_order(matches), is_pattern=True))
            return _open_shards(url, files, open_one, column, openers=OPENERS)
        infos = system.find(path, detail=True) if system.isdir(path) else {}
    if not infos:
        return open_one((path, url), column)
    base = path.rstrip("/") + "/"
    places = {name.removeprefix(base): name for name in infos}
    if zarr.is_store(places):
        return zarr.open_zarr(url, url, column, partial(_identify_url, url, system, path))
    if huggingface.is_dataset(places):
        found = huggingface.list_files(
            url, lambda name: system.cat_file(base + name), is_dict=huggingface.DICT_FILE in places
        )
    else:
        found = _data_files(url, list(places))
    paths = [places[name] for name in found]
    files = list(urls_below(url, path, paths, is_pattern=False))
    return _open_shards(url, files, open_one, column, openers=OPENERS)


def _identify_url(url: str, system: Any, path: str, column: str | None) -> Identity:
    """Return the identity of a store behind a URL."""
    system.invalidate_cache(path)
    with remote_errors(url):
        infos = system.find(path, detail=True)
    parts = [(name, info["size"], version_of(info)) for name, info in infos.items()]
    return _identify_parts(one_name(url), parts, column)


def _data_files(folder: str, names: Sequence[str]) -> list[str]:
    """Choose the files of embeddings among those of a folder, in order; one format only."""
    found = [
        name for name in names if suffix_of(name) in KNOWN_SUFFIXES and _is_data(name.split("/"))
    ]
    if not found:
        raise BadDataError(
            folder, f"a folder without a file of embeddings; wanted {', '.join(KNOWN_SUFFIXES)}"
        )
    for name in names:
        place, _, last = name.rpartition("/")
        if zarr.is_store([last]) or huggingface.is_dataset([last]):
            raise BadDataError(
                folder,
                f"its folder {place} is a Zarr store or a saved dataset, by its {last}; open that "
                f"by itself, or name files by a pattern",
            )
    caches = [name for name in found if huggingface.is_cache(name)]
    if 0 < len(caches) < len(found):
        raise BadDataError(
            folder,
            f"holds {caches[0]}, which the datasets library makes of the other files; name these "
            f"by a pattern",
        )
    counts = Counter(map(suffix_of, found))
    if len(counts) > 1:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
        raise BadDataError(
            folder, f"holds files of several formats: {kinds}; name some by a pattern"
        )
    return _in_order(found)


def _is_data(parts: Sequence[str]) -> bool:
    """Whether no part of a path begins as names of notes and unfinished files do."""
    # As Spark and Arrow have it: names that begin so are notes and unfinished work.
    return not any(part.startswith((".", "_")) for part in parts)


def _in_order(names: Iterable[str]) -> list[str]:
    """Sort names, with their numbers as numbers."""
    return sorted(names, key=natural_order)


def _open_shards(
    name: str,
    files: Sequence[T],
    open_one: Callable[[T, str | None], RowSource],
    column: str | None,
    *,
    openers: int = 1,
) -> RowSource:
    """Open files as one set; those of tables without rows are left out."""

    def opened(some: Sequence[T]) -> Generator[RowSource, None, None]:
        for file in some:
            # Spark writes a file for a partition without rows as well.
            with suppress(NoRowsError):
                yield open_one(file, column)

    if openers == 1:
        parts = tuple(opened(files))
    else:
        # After the first error, or Ctrl-C, the others are not opened any more.
        with closing(
            read_in_parallel((partial(opened, [file]) for file in files), openers)
        ) as found:
            parts = tuple(found)
    if not parts:
        raise NoRowsError(name, f"all {len(files)} files of it are without rows")
    return ShardedSource(name, parts)
