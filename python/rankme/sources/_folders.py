"""Folders on disk and behind URLs: what is in them, under names relative to them."""

from __future__ import annotations

import glob
import hashlib
import os
from abc import ABC, abstractmethod
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankme._base.optional import MissingLibraryError
from rankme.sources import lakehouse, zarr
from rankme.sources._bytes.files import LocalFile
from rankme.sources._bytes.remote import RemoteFile, remote_errors, version_of
from rankme.sources._bytes.urls import urls_below
from rankme.sources._errors import AmbiguousDataError, BadDataError, NoRowsError
from rankme.sources._shown import one_name, shown_url
from rankme.sources._source import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._reading import Reading
    from rankme.sources._source import RowSource

__all__ = ["Folder", "LocalFolder", "RemoteFolder", "find_distinct", "is_data", "refuse_dead"]


class Folder(ABC):
    """A folder, and what can be done with it wherever it lies.

    Attributes
    ----------
    name : str
        As it is shown.
    openers : int
        Files that are opened at the same time.
    """

    name: str
    openers: int

    @property
    @abstractmethod
    def top(self) -> Collection[str]:
        """Names in it, those in its sub-folders perhaps among them."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all files, of sub-folders too, and of the logs of tables."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""

    @abstractmethod
    def table_around(self) -> tuple[str, str] | None:
        """Find a table that the folder is a part of: its place and its format."""

    @abstractmethod
    def delta_files(self) -> list[str]:
        """List the live files of the Delta table that the folder is."""

    @abstractmethod
    def files(self, names: Sequence[str]) -> Sequence[Any]:
        """Return what `open_one` opens, for each name."""

    @abstractmethod
    def open_file(self, file: Any) -> DataFile:
        """Look at a file of `files`."""

    @abstractmethod
    def child(self, name: str) -> Folder:
        """Return a sub-folder."""

    @abstractmethod
    def open_zarr(self, reading: Reading) -> RowSource:
        """Open the Zarr store that the folder is."""


class LocalFolder(Folder):
    """A folder on disk."""

    openers = 1

    def __init__(self, path: str) -> None:
        self.name = path
        self._path = Path(path)

    @cached_property
    def top(self) -> set[str]:
        """Names in it."""
        return set(os.listdir(self.name))  # noqa: PTH208

    def names(self) -> list[str]:
        """Return the names of all files and logs."""
        return [Path(file).as_posix() for file in _files_below(self.name)]

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        return (self._path / name).read_bytes()

    def table_around(self) -> tuple[str, str] | None:
        """Look into the folders above, by their real names."""
        return local_table_around(os.path.realpath(self.name))

    def delta_files(self) -> list[str]:
        """Ask the log where it lies."""
        return lakehouse.delta_files(self.name, self._path)

    def files(self, names: Sequence[str]) -> list[LocalFile]:
        """Look at the files."""
        return find_distinct(str(self._path / name) for name in names)

    def open_file(self, file: LocalFile) -> DataFile:
        """Return it: it was looked at."""
        return file

    def child(self, name: str) -> LocalFolder:
        """Return a sub-folder."""
        return LocalFolder(str(self._path / name))

    def open_zarr(self, reading: Reading) -> RowSource:
        """Open the store."""
        whole = self._path.absolute()  # also in another process, with another working directory
        identify = partial(_identify_folder, whole, os.path.realpath(whole))
        return zarr.open_zarr(self.name, str(whole), reading, identify)


class RemoteFolder(Folder):
    """A folder in a file system of fsspec.

    Parameters
    ----------
    url, system, path
        With its secrets; where it is; what it is there.
    infos
        What `find` says of all files in it, by their paths.
    """

    openers = 16  # each takes some round trips

    def __init__(self, url: str, system: Any, path: str, infos: Mapping[str, Any]) -> None:
        self.name, self._url = shown_url(url), url
        self._system, self._path = system, path
        self._base = path.rstrip("/") + "/"
        self._places = {place.removeprefix(self._base): place for place in infos}
        self._infos = infos

    @property
    def top(self) -> Collection[str]:
        """Names in it and below."""
        return self._places.keys()

    def names(self) -> list[str]:
        """Return the names of all files."""
        return list(self._places)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with remote_errors(self.name, self._system, self._path):
            data: bytes = self._system.cat_file(self._places.get(name, self._base + name))
        return data

    def table_around(self) -> tuple[str, str] | None:
        """Ask for the folders above."""
        with remote_errors(self.name, self._system, self._path):
            return remote_table_around(self._system, self._path)

    def delta_files(self) -> list[str]:
        """Fetch the log, and ask it."""
        return lakehouse.remote_delta_files(self.name, self.read, self._places)

    def files(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Pair paths with URLs."""
        paths = [self._places.get(name, self._base + name) for name in names]
        return list(urls_below(self._url, self._path, paths, is_pattern=False))

    def open_file(self, file: tuple[str, str]) -> DataFile:
        """Ask the store for it."""
        return RemoteFile.find(self._system, *file)

    def child(self, name: str) -> RemoteFolder:
        """Return a sub-folder."""
        path = self._base + name
        ((_, url),) = urls_below(self._url, self._path, [path], is_pattern=False)
        inside = {
            place: self._infos[place] for place in self._infos if place.startswith(path + "/")
        }
        return RemoteFolder(url, self._system, path, inside)

    def open_zarr(self, reading: Reading) -> RowSource:
        """Open the store."""
        identify = partial(_identify_url, self._url, self._system, self._path)
        return zarr.open_zarr(self.name, self._url, reading, identify)


def local_table_around(place: str) -> tuple[str, str] | None:
    """Find the table that a folder on disk is, or is a part of."""

    def finds(pattern: str) -> bool:
        head, _, last = pattern.rpartition("/")
        return bool(glob.glob(f"{glob.escape(head)}/{last}"))  # noqa: PTH207

    return _table_around(place, finds)


def remote_table_around(system: Any, place: str) -> tuple[str, str] | None:
    """Find the table that a folder in a store is, or is a part of."""

    def finds(pattern: str) -> bool:
        if not glob.has_magic(pattern.rpartition("/")[2]):
            return bool(system.exists(pattern))
        # The metadata of a table are few files.
        head, _, last = pattern.rpartition("/")
        if not system.isdir(head):
            return False
        return any(name.endswith(last.lstrip("*")) for name in system.ls(head, detail=False))

    return _table_around(place.rstrip("/"), finds)


def _table_around(place: str, finds: Callable[[str], bool]) -> tuple[str, str] | None:
    """Find the table that a folder is, or is a part of."""
    for above in lakehouse.places_above(place):
        kind = lakehouse.table_in(above, finds)
        if kind is not None:
            return above, kind
    return None


def find_distinct(paths: Iterable[str]) -> list[LocalFile]:
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


def refuse_dead(paths: Iterable[str]) -> None:
    """Refuse dead files of a Delta table among those that are named one by one for a set.

    Where deltalake is not installed nobody can tell, and they are taken at their word, as are
    single files.
    """
    tables: dict[str, tuple[str, str] | None] = {}
    live: dict[str, set[str]] = {}
    for path in filter(os.path.isfile, paths):
        file = os.path.realpath(path)
        place = os.path.dirname(file)  # noqa: PTH120
        if place not in tables:
            tables[place] = local_table_around(place)
        table, kind = tables[place] or ("", "")
        if kind != lakehouse.DELTA:
            continue
        if table not in live:
            try:
                names = LocalFolder(table).delta_files()
            except MissingLibraryError:
                return
            except NoRowsError:
                names = []
            live[table] = {os.path.realpath(os.path.join(table, name)) for name in names}  # noqa: PTH118
        if file not in live[table]:
            raise AmbiguousDataError(
                path,
                f"is a dead file of {table}, a table of Delta: its rows were deleted or rewritten; "
                f"open {table}, or score the file by itself",
            )


def is_data(parts: Sequence[str]) -> bool:
    """Whether a path is neither a note nor unfinished work, by the marks of Spark and Arrow."""
    return not any(part.startswith((".", "_")) for part in parts)


def _files_below(folder: str) -> Iterator[str]:
    """Yield the files of a folder and its sub-folders, links too, and logs, relative to it."""
    # Of a Zarr store the file that tells so, and nothing in it.
    seen: dict[tuple[int, int], str] = {}
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        below = os.path.relpath(place, folder)
        for log in lakehouse.LOGS.keys() & folders:
            yield os.path.join(below, log)  # noqa: PTH118
        told = [name for name in names if zarr.is_store([name])]
        folders[:] = [name for name in folders if is_data([name]) and not told]
        status = os.stat(place)  # noqa: PTH116
        other = seen.setdefault((status.st_dev, status.st_ino), place)
        if other != place:
            raise BadDataError(place, f"is the same folder as {other}, and would be counted twice")
        for name in told or names:
            file = os.path.join(place, name)  # noqa: PTH118
            if os.path.islink(file) and is_data([name]):  # noqa: PTH114
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


def _identify_url(url: str, system: Any, path: str, column: str | None) -> Identity:
    """Return the identity of a store behind a URL."""
    system.invalidate_cache(path)
    with remote_errors(shown_url(url), system, path):
        infos = system.find(path, detail=True)
    parts = [(name, info["size"], version_of(info)) for name, info in infos.items()]
    return _identify_parts(one_name(url), parts, column)


def _identify_parts(name: str, parts: list[tuple[str, int, Any]], column: str | None) -> Identity:
    """Return an identity from the names, sizes and versions of files."""
    digest = hashlib.sha256(repr(sorted(parts)).encode("utf-8", "surrogateescape")).hexdigest()
    return Identity(name, sum(size for _, size, _ in parts), f"sha256:{digest}", column)
