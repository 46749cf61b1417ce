"""Files behind URLs, by fsspec: object stores, HTTP, anything that it knows."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from rankme._base.optional import MissingLibraryError, require
from rankme.sources._bytes.files import DataFile
from rankme.sources._errors import BadDataError
from rankme.sources._shown import (
    hidden_values,
    one_name,
    redacted,
    secrets_of,
    shown_url,
    without_secrets,
)
from rankme.sources._source import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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
    name, protocol = shown_url(url), url.partition("://")[0]
    extra = EXTRAS.get(protocol, "remote")
    core = require("fsspec.core", extra=extra, what=f"{name}: a URL")
    try:
        with remote_errors(name, None, url, options), _options_of(name, options):
            system, path = core.url_to_fs(url, **(options or {}))
    except ImportError as error:
        raise MissingLibraryError(
            f'{name}: {protocol}:// needs a library ({error}): pip install "rankme[{extra}]"'
        ) from error
    return system, path


@contextmanager
def _options_of(name: str, options: Mapping[str, Any] | None) -> Iterator[None]:
    """Say that options are wrong without their values, which may be secrets."""
    # Wherever a library fails over an option: an AttributeError of headers that are a text.
    try:
        yield
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        if not options:
            raise
        raise _refused(name, options, error) from None


def _refused(name: str, options: Iterable[str], error: Exception) -> BadDataError:
    """Return the error of options that a store does not take, or of the one that it names."""
    named = [key for key in options if repr(key) in str(error)]
    return BadDataError(
        name,
        f"its store does not take the storage options {', '.join(named or options)}, or not "
        f"with these values: {type(error).__name__}; a value may be JSON: "
        f'--storage-option \'headers={{"Accept": "*/*"}}\'',
    )


@contextmanager
def remote_errors(
    name: str, system: Any = None, path: str = "", options: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Turn what stores raise into an OSError that names the URL, and shows none of its secrets.

    Parameters
    ----------
    name
        The URL, as it is shown.
    system, path
        The file system, whose options are not shown, and the path in it.
    options
        Those that are given for a file system that is not there yet.
    """
    if options is None:
        options = getattr(system, "storage_options", {})
    try:
        yield
    except (BadDataError, ImportError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - raised anew
        secrets = (*secrets_of(path), *hidden_values(options, name))
        # A traceback shows the cause as well.
        raise _as_shown(error, name, secrets, options) from (None if any(secrets) else error)


def _as_shown(
    error: Exception, name: str, secrets: Iterable[str], options: Mapping[str, Any]
) -> Exception:
    """Return what a store raised as an error of a file."""
    if isinstance(error, ValueError):  # an unknown protocol, a server without ranges
        text = str(error)
        problem = WHOLE_FILES if "range requests" in text else redacted(text, secrets)
        return BadDataError(name, problem)
    # The store of a web server hides what failed behind an error of the file.
    for failed in (error, error.__cause__):
        if options and isinstance(failed, (TypeError, AttributeError)):
            return _refused(name, options, failed)
    if isinstance(error, OSError):
        code = error.errno if error.errno is not None else errno.EIO
        reason = error.strerror or _reason_of(error, name)
        return OSError(code, redacted(reason, secrets), name)
    # Each store has errors of its own, which share no base but Exception.
    return OSError(errno.EIO, redacted(f"{type(error).__name__}: {error}", secrets), name)


def _reason_of(error: OSError, name: str) -> str:
    """Return what an error says that is more than the name of the file."""
    text = str(error)
    if text and without_secrets(text) not in name:
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
        The URL, as it is shown.
    place : str
        The URL in its one spelling.
    system : fsspec.AbstractFileSystem
    path : str
        In the file system; of a web server the URL with its secrets.
    size : int
        In bytes.
    version : str
        What the store says of the content: an ETag, a checksum, a time.
    """

    name: str
    place: str
    system: Any = field(repr=False, compare=False)
    path: str = field(repr=False)
    size: int
    version: str
    nearby: ClassVar[int] = 2**20  # a round trip takes as long

    @classmethod
    def find(cls, system: Any, path: str, url: str) -> RemoteFile:
        """Ask the store for size and version of a file."""
        name = shown_url(url)
        size, version = _look(system, path, name)
        return cls(name, one_name(url), system, path, size, version)

    def open(self, *, ahead: bool = True) -> BinaryIO:
        """Open it for reading; an error if it has changed."""
        self.check_unchanged()
        # fsspec fetches 5 MiB more with each read that it has not foreseen.
        options = {} if ahead else {"cache_type": "none"}
        with remote_errors(self.name, self.system, self.path):
            handle: Any = self.system.open(self.path, "rb", **options)
        if not handle.seekable():
            handle.close()
            raise BadDataError(self.name, WHOLE_FILES)
        return _Reader(handle, self)  # type: ignore[return-value]

    def check_unchanged(self, handle: BinaryIO | None = None) -> None:  # noqa: ARG002
        """Compare size and version with what the store says now."""
        self.system.invalidate_cache(self.path)
        if _look(self.system, self.path, self.name) != (self.size, self.version):
            raise BadDataError(self.name, "changed since it was opened")

    def identity(self, column: str | None = None) -> Identity:
        """URL in its one spelling, size and version."""
        return Identity(self.place, self.size, self.version, column)


def _look(system: Any, path: str, name: str) -> tuple[int, str]:
    """Ask the store for size and version of a file."""
    with remote_errors(name, system, path):
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

    def __init__(self, handle: Any, file: RemoteFile) -> None:
        self._handle = handle
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def read(self, size: int = -1) -> bytes:
        """Read bytes; all that are left where no size is given."""
        with remote_errors(self._file.name, self._file.system, self._file.path):
            data: bytes = self._handle.read(size)
        return data

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer; return how many."""
        # fsspec's own readinto may be called with any buffer, but not all of its files have one.
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
