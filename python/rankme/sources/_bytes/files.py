"""Files of bytes, on disk or behind a URL, that are known again when they change."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from rankme.sources._errors import BadDataError
from rankme.sources._source import Identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DataFile", "LocalFile"]


class DataFile(ABC):
    """Bytes under a name, as they were when they were first looked at.

    Attributes
    ----------
    name : str
        As it is shown.
    size : int
        In bytes.
    nearby : int
        Bytes between two places that cost no more to read than to pass over.
    """

    name: str
    size: int
    nearby: ClassVar[int]

    @property
    def local(self) -> Path | None:
        """Where it lies on disk, for libraries that read by themselves."""
        return None

    @abstractmethod
    def open(self, *, ahead: bool = True) -> BinaryIO:
        """Open it for reading, unbuffered; an error if it has changed.

        Parameters
        ----------
        ahead
            Whether more may be fetched than is asked for, which then costs no round trip.
        """

    @abstractmethod
    def check_unchanged(self, handle: BinaryIO | None = None) -> None:
        """Raise a BadDataError if the file is another one than it was at first.

        Parameters
        ----------
        handle
            From `open`; then the file that is open is looked at, else what bears its name now.
        """

    @abstractmethod
    def identity(self, column: str | None = None) -> Identity:
        """Return what tells the file from others, and from other versions of itself."""

    def read(self, handle: BinaryIO, view: memoryview, position: int) -> int:
        """Read some bytes from a position into a buffer; return how many, 0 at the end."""
        handle.seek(position)
        return int(handle.readinto(view))  # type: ignore[attr-defined]

    def fill(self, handle: BinaryIO, position: int, entries: NDArray[Any], wanted: int) -> None:
        """Fill a contiguous array from a position.

        Parameters
        ----------
        handle
            From `open`.
        position
            First byte.
        entries
            What is filled.
        wanted
            The size that the file should have, for the error of one that is too short.
        """
        view = entries.view("u1").reshape(-1).data
        # A read may return less than asked for: Linux gives at most 2 GiB.
        while len(view) > 0:
            count = self.read(handle, view, position)
            if count == 0:
                raise BadDataError(
                    self.name, f"ends at byte {position} while being read; wanted {wanted} bytes"
                )
            view = view[count:]
            position += count


@dataclass(frozen=True)
class LocalFile(DataFile):
    """A regular file on disk.

    Attributes
    ----------
    name : str
    path : pathlib.Path
    stamp : tuple of int
        Device, inode, size and time of the last change in nanoseconds. Device and inode are None
        where another process looked at the file: each mount of a network file system may number
        them anew.
    real : str
        Absolute path without links, as it was when the file was found: one name, whichever way
        leads to it.
    """

    name: str
    path: Path
    stamp: tuple[int | None, int | None, int, int]
    real: str
    nearby: ClassVar[int] = 16 * 2**10  # the copying costs as much as another system call

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process may have another working directory.
        stamp = (None, None, *self.stamp[2:])
        return LocalFile, (self.name, self.path.absolute(), stamp, self.real)

    @classmethod
    def find(cls, path: str | os.PathLike[str], name: str | None = None) -> LocalFile:
        """Look at a file, without opening it: to open a named pipe would wait.

        Raises
        ------
        BadDataError
            It is no regular file.
        OSError
            It is not there, or cannot be looked at.
        """
        shown = str(path) if name is None else name
        status = os.stat(path)  # noqa: PTH116 - the error then names the path as it was given
        if not stat.S_ISREG(status.st_mode):
            raise BadDataError(shown, "not a regular file; wanted a file on disk")
        return cls(shown, Path(path), _stamp(status), os.path.realpath(path))

    @property
    def size(self) -> int:  # type: ignore[override]
        """In bytes."""
        return self.stamp[2]

    @property
    def local(self) -> Path:
        """The path."""
        return self.path

    def open(self, *, ahead: bool = True) -> BinaryIO:  # noqa: ARG002 - the system's own matter
        """Open it for reading, unbuffered; an error if it has changed."""
        handle = self.path.open("rb", buffering=0)
        try:
            self.check_unchanged(handle)
        except BaseException:
            handle.close()
            raise
        return handle

    def check_unchanged(self, handle: BinaryIO | None = None) -> None:
        """Compare device, inode, size and time of the last change, as far as they are known."""
        status = self.path.stat() if handle is None else os.fstat(handle.fileno())
        pairs = zip(self.stamp, _stamp(status), strict=True)
        if any(then not in (None, now) for then, now in pairs):
            raise BadDataError(self.name, "changed since it was opened")

    def identity(self, column: str | None = None) -> Identity:
        """Real path, size and time of the last change."""
        return Identity(self.real, self.size, f"mtime_ns:{self.stamp[3]}", column)

    def read(self, handle: BinaryIO, view: memoryview, position: int) -> int:
        """Read some bytes from a position into a buffer; return how many, 0 at the end."""
        return os.preadv(handle.fileno(), [view], position)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what tells a file from others and from its earlier content."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
