"""A table of text to which rows are added: how much of it is whole records, and still the same."""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple, cast

from rankme.sources._bytes.files import DataFile, LocalFile
from rankme.sources._errors import BadDataError
from rankme.sources._format_table import TEXT
from rankme.sources._formats import suffix_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.sources._source import Identity

__all__ = ["TextTable", "Whole", "grows_by_lines"]

_READ_BYTES = 4 * 2**20
_MOST_BYTES = 2**30


def grows_by_lines(path: str) -> bool:
    """Tell whether a file is text that is not compressed: whole up to the end of its last line."""
    return suffix_of(path) in TEXT


class Whole(NamedTuple):
    """The whole records of a version of a file.

    Attributes
    ----------
    file : DataFile
        Their bytes alone.
    end : int
        How many bytes these are.
    digest : str
        SHA-256 of them.
    """

    file: DataFile
    end: int
    digest: str


class TextTable:
    """How far a file of CSV or JSON lines was taken in, by bytes.

    A last record without the end of its line may be half of one: ``-1.5`` of ``-1.5e+05`` is a
    number too. It waits until its line has an end.

    Parameters
    ----------
    path
        Of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._quoted = _quoted(path)
        self.end = 0
        self.digest = hashlib.sha256().hexdigest()

    def look(self) -> Whole | None:
        """Find the whole records; None where the file does not begin with those that were taken."""
        file = LocalFile.find(self._path)
        found = hashlib.sha256()
        with file.path.open("rb") as handle:
            left = min(self.end, file.size)
            while left and (data := handle.read(min(left, _READ_BYTES))):
                found.update(data)
                left -= len(data)
            if file.size < self.end or left or found.hexdigest() != self.digest:
                return None
            end = self.end
            for part in self._records(handle, file.size - end):
                found.update(part)
                end += len(part)
        digest = found.hexdigest()
        return Whole(_Beginning(file.name, file, end, digest), end, digest)

    def _records(self, handle: BinaryIO, count: int) -> Iterator[bytes]:
        """Yield whole records of the next bytes, several at a time."""
        left = b""
        while count and (data := handle.read(min(count, _READ_BYTES))):
            count -= len(data)
            left += data
            end = self._end_of_records(left)
            if end:
                yield left[:end]
                left = left[end:]
            elif len(left) > _MOST_BYTES:
                raise BadDataError(self._path, "has a record that is longer than a gigabyte")

    def _end_of_records(self, data: bytes) -> int:
        """Return where the last whole record of some bytes ends, the first of which begins one."""
        if self._quoted is None:
            return data.rfind(b"\n") + 1
        # The end of a line within quotes ends no record.
        if b'"' in data:
            data = self._quoted.sub(lambda found: b"-" * len(found[0]), data)
        return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1

    def take(self, whole: Whole) -> None:
        """Know that these records were taken in."""
        self.end, self.digest = whole.end, whole.digest

    def rest(self, size: int) -> int:
        """Count the bytes behind the records that were taken, of a file of a size; blanks are 0."""
        with open(self._path, "rb") as handle:  # noqa: PTH123
            handle.seek(self.end)
            head = handle.read(min(max(0, size - self.end), _READ_BYTES))
        return size - self.end if head.strip() else 0


def _quoted(path: str) -> re.Pattern[bytes] | None:
    """Return the pattern of a quoted value of CSV, open at the end of the bytes or not."""
    kind = suffix_of(path)
    if kind not in (".csv", ".tsv"):
        return None
    before = b"\t" if kind == ".tsv" else b","
    return re.compile(rb"(?:\A|(?<=[\r\n" + before + rb']))"(?:[^"]|"")*(?:"|\Z)')


@dataclass(frozen=True)
class _Beginning(DataFile):
    """The first bytes of a file on disk, told by a digest: more may be written behind them."""

    name: str
    file: LocalFile
    size: int
    digest: str
    nearby: ClassVar[int] = LocalFile.nearby

    def open(self, *, ahead: bool = True) -> BinaryIO:  # noqa: ARG002 - the system's own matter
        """Open these bytes for reading."""
        return cast("BinaryIO", _Limited(self.file.path.open("rb", buffering=0), self.size))

    def check_unchanged(self, handle: BinaryIO | None = None) -> None:  # noqa: ARG002 - by name
        """Read them again where the file has changed."""
        status = os.stat(self.file.path)  # noqa: PTH116
        if (status.st_size, status.st_mtime_ns) == self.file.stamp[2:]:
            return
        found = hashlib.sha256()
        with self.open() as again:
            while data := again.read(_READ_BYTES):
                found.update(data)
        if found.hexdigest() == self.digest:
            return
        raise BadDataError(self.name, "changed since it was opened")

    def identity(self, column: str | None = None) -> Identity:
        """Return that of the file."""
        return self.file.identity(column)


class _Limited(io.RawIOBase):
    """The first bytes of a file that is open."""

    def __init__(self, handle: BinaryIO, size: int) -> None:
        self._handle, self._size = handle, size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte."""
        if whence == os.SEEK_END:
            return self._handle.seek(self._size + offset)
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        """Return at which byte it is."""
        return self._handle.tell()

    def readinto(self, buffer: Any) -> int:
        """Read no further than the end of them."""
        count = max(0, min(len(buffer), self._size - self._handle.tell()))
        return int(self._handle.readinto(memoryview(buffer)[:count]))  # type: ignore[attr-defined]

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._handle.close()
        super().close()
