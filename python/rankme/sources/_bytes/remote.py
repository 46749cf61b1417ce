"""Files behind URLs, by fsspec: object stores, HTTP, anything that it knows."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from rankme._base.optional import MissingLibraryError, require
from rankme.sources._bytes.files import DataFile
from rankme.sources._bytes.urls import one_name
from rankme.sources._errors import BadDataError
from rankme.sources._source import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

__all__ = [
    "RemoteFile",
    "connect",
    "remote_errors",
    "version_of",
]

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}
WHOLE_FILES = "the server gives whole files only, no ranges of bytes; download it"
# What stores call the mark that changes with the content, best first.
MARKS = (
    "ETag",
    "etag",
    "generation",
    "md5Hash",
    "Content-MD5",
    "content_md5",
    "blob_id",  # of the Hugging Face Hub
    "CRC",  # of a file in a zip archive
    "mtime",
    "modified",
    "LastModified",
    "last_modified",
    "Last-Modified",
    "updated",
    "created",
)


def connect(url: str, options: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it.

    A MissingLibraryError where fsspec, or what it needs for this protocol, is not installed; a
    BadDataError where there is no such protocol.
    """
    protocol = url.partition("://")[0]
    extra = EXTRAS.get(protocol, "remote")
    core = require("fsspec.core", extra=extra, what=f"{url}: a URL")
    try:
        with remote_errors(url), _options_of(url, options):
            system, path = core.url_to_fs(url, **(options or {}))
    except ImportError as error:
        raise MissingLibraryError(
            f'{url}: {protocol}:// needs a library ({error}): pip install "rankme[{extra}]"'
        ) from error
    return system, path


@contextmanager
def _options_of(url: str, options: Mapping[str, Any] | None) -> Iterator[None]:
    """Say that options are wrong without their values, which may be secrets."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not options:
            raise
        names = ", ".join(options)
        raise BadDataError(
            url, f"its store does not take the storage options {names}: {type(error).__name__}"
        ) from None


@contextmanager
def remote_errors(url: str) -> Iterator[None]:
    """Turn what stores raise into an OSError that names the URL."""
    try:
        yield
    except (BadDataError, ImportError, MemoryError):
        raise
    except ValueError as error:  # an unknown protocol, a server without ranges
        text = str(error)
        raise BadDataError(url, WHOLE_FILES if "range requests" in text else text) from error
    except OSError as error:
        code = error.errno if error.errno is not None else errno.EIO
        raise OSError(code, error.strerror or _reason_of(error, url), url) from error
    except Exception as error:
        # Each store has errors of its own, which share no base but this.
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", url) from error


def _reason_of(error: OSError, url: str) -> str:
    """Return what an error says that is more than the name of the file."""
    text = str(error)
    if text and text not in url:
        return text
    # fsspec may say no more than which file it was, and keep what the server said behind it.
    cause = error.__cause__
    if cause is not None and str(cause):
        return f"{type(cause).__name__}: {cause}"
    return os.strerror(errno.ENOENT) if isinstance(error, FileNotFoundError) else "cannot be read"


@dataclass(frozen=True)
class RemoteFile(DataFile):
    """A file behind a URL.

    Attributes
    ----------
    name : str
        The URL.
    system : fsspec.AbstractFileSystem
    path : str
        In the file system.
    size : int
        In bytes.
    version : str
        What the store says of the content: an ETag, a checksum, a time.
    """

    name: str
    system: Any = field(repr=False, compare=False)
    path: str
    size: int
    version: str
    nearby: ClassVar[int] = 2**20  # a round trip takes as long

    @classmethod
    def find(cls, system: Any, path: str, name: str) -> RemoteFile:
        """Ask the store for size and version of a file."""
        size, version = _look(system, path, name)
        return cls(name, system, path, size, version)

    def open(self, *, ahead: bool = True) -> BinaryIO:
        """Open it for reading; an error if it has changed."""
        self.check_unchanged()
        # fsspec fetches 5 MiB more with each read that it has not foreseen.
        options = {} if ahead else {"cache_type": "none"}
        with remote_errors(self.name):
            handle: Any = self.system.open(self.path, "rb", **options)
        if not handle.seekable():
            handle.close()
            raise BadDataError(self.name, WHOLE_FILES)
        return _Reader(handle, self.name)  # type: ignore[return-value]

    def check_unchanged(self, handle: BinaryIO | None = None) -> None:  # noqa: ARG002
        """Compare size and version with what the store says now."""
        self.system.invalidate_cache(self.path)
        if _look(self.system, self.path, self.name) != (self.size, self.version):
            raise BadDataError(self.name, "changed since it was opened")

    def identity(self, column: str | None = None) -> Identity:
        """URL in its one spelling, size and version."""
        return Identity(one_name(self.name), self.size, self.version, column)


def _look(system: Any, path: str, name: str) -> tuple[int, str]:
    """Ask the store for size and version of a file."""
    with remote_errors(name):
        info = system.info(path)
    if info.get("type") == "directory":
        raise BadDataError(name, "a folder; wanted a file")
    if info.get("size") is None:
        raise BadDataError(name, "the server does not tell its size; download it")
    return int(info["size"]), version_of(info)


def version_of(info: dict[str, Any]) -> str:
    """Return the mark of the content that a store gives."""
    for key in MARKS:
        if info.get(key) is not None:
            return f"{key}:{info[key]}"
    return "unknown"


class _Reader:
    """A file object whose errors name the URL."""

    def __init__(self, handle: Any, name: str) -> None:
        self._handle = handle
        self._name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def read(self, size: int = -1) -> bytes:
        """Read bytes; all that are left where no size is given."""
        with remote_errors(self._name):
            data: bytes = self._handle.read(size)
        return data

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer; return how many."""
        # fsspec's own readinto may be called with any buffer, but not all of its files have one.
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
