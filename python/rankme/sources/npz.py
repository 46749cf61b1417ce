"""Arrays in NumPy's ``.npz`` archives: stored ones where they lie, compressed ones as a stream."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from rankme.sources._buffers import Ring
from rankme.sources._bytes.npy_header import read_header
from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import check_dtype, check_shape, is_matrix, pick
from rankme.sources._errors import BadDataError
from rankme.sources._file_source import FileSource
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._source import BLOCK_BYTES, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._source import RowSource

__all__ = ["DeflatedSource", "open_npz"]

LOCAL_HEADER = struct.Struct("<26xHH")
ENCRYPTED = 0x1  # of a member's flags
# What decompression raises where bytes are wrong.
DAMAGE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)


def open_npz(file: DataFile, reading: Reading = PLAIN) -> RowSource:
    """Open one array of an archive.

    Parameters
    ----------
    file
        A zip archive of ``.npy`` files, as ``numpy.savez`` and ``savez_compressed`` write it.
    reading
        With the name of the array, needed where several are 2-D and floating.
    """
    with file.open() as handle:
        members = _members(file, handle)
        headers = {key: _header(file, handle, info) for key, info in members.items()}
        found = {
            key: is_matrix(shape, reading.kind_of(dtype))
            for key, (shape, _, dtype, _) in headers.items()
        }
        key = pick(file.name, reading.column, found, "array")
        shape, fortran_order, dtype, header_bytes = headers[key]
        label = f"{file.name}[{key}]"
        check_dtype(label, dtype, reading)
        n_rows, n_cols = check_shape(label, shape)
        member = key if len(members) > 1 else None
        info = members[key]
        if info.compress_type != zipfile.ZIP_STORED:
            if fortran_order:
                raise BadDataError(
                    label,
                    "compressed and in Fortran order, so that no row is whole before the "
                    "end; save it in C order or with numpy.savez",
                )
            return DeflatedSource(file, n_rows, n_cols, dtype, info.filename, header_bytes, member)
        offset = _data_offset(file, handle, info) + header_bytes
    source = RawSource(file, n_rows, n_cols, dtype, offset, fortran_order, member)
    if info.file_size != header_bytes + n_rows * source.row_bytes:
        raise BadDataError(label, f"{info.file_size} bytes do not fit its shape {shape}")
    source.check_inside()
    return source


def _members(file: DataFile, handle: BinaryIO) -> dict[str, zipfile.ZipInfo]:
    """Name the arrays of an archive."""
    with zipfile.ZipFile(handle) as archive:
        infos = archive.infolist()
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if info.flag_bits & ENCRYPTED:
            raise BadDataError(file.name, f"{info.filename} in the zip archive is encrypted")
        if not info.filename.endswith(".npy"):
            continue
        if members.setdefault(info.filename.removesuffix(".npy"), info) is not info:
            raise BadDataError(file.name, f"holds {info.filename} twice; wanted one of each name")
    return members


def _header(
    file: DataFile, handle: BinaryIO, info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return what an array is, and how long its header is in bytes."""
    with zipfile.ZipFile(handle) as archive, archive.open(info) as member:
        shape, fortran_order, dtype = read_header(f"{file.name}[{info.filename}]", member)
        return shape, fortran_order, dtype, member.tell()


def _data_offset(file: DataFile, handle: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin in the archive."""
    # The central directory does not tell how long the extra field of the local header is.
    handle.seek(info.header_offset)
    header = handle.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size:
        raise BadDataError(file.name, f"truncated before the header of {info.filename}")
    name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
    return int(info.header_offset + LOCAL_HEADER.size + name_bytes + extra_bytes)


@dataclass(frozen=True)
class DeflatedSource(FileSource):
    """A compressed array of an archive, in C order, decompressed as it is read.

    To start at a later row the rows before it are decompressed and dropped.
    """

    file: DataFile
    n_rows: int
    n_cols: int
    dtype: np.dtype[Any]
    member: str
    header_bytes: int
    column: str | None

    @property
    def entries(self) -> tuple[int, ...]:
        """The first row: to come to a later one, all before it have to be decompressed."""
        return (0,)

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on, in blocks of up to 16 MiB."""
        check_start(start, self.n_rows)
        return self._blocks(start, hold)

    def _blocks(self, start: int, hold: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from one on."""
        row_bytes = self.n_cols * self.dtype.itemsize
        step = max(1, BLOCK_BYTES // row_bytes)
        ring = Ring(step * self.n_cols, self.dtype, hold)
        with (
            self.file.open() as handle,
            zipfile.ZipFile(handle) as archive,
            archive.open(self.member) as stream,
        ):
            try:
                stream.seek(self.header_bytes + start * row_bytes)
            except DAMAGE as error:
                raise self._damaged(0, error) from error
            for first in range(start, self.n_rows, step):
                rows = ring.next()[: min(step, self.n_rows - first) * self.n_cols]
                self._fill(stream, rows, first)
                yield rows.reshape(-1, self.n_cols)
            self.file.check_unchanged(handle)

    def _fill(self, stream: Any, rows: NDArray[Any], first: int) -> None:
        """Fill an array from the decompressed bytes."""
        view = rows.view("u1").data
        while len(view) > 0:
            try:
                count = stream.readinto(view)
            except DAMAGE as error:
                raise self._damaged(first, error) from error
            if count == 0:
                raise self._damaged(first, "it ends early")
            view = view[count:]

    def _damaged(self, first: int, reason: object) -> BadDataError:
        """Return the error of a member that cannot be decompressed."""
        return BadDataError(
            self.name, f"array {self.member} is damaged at row {first} or later: {reason}"
        )
