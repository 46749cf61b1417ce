"""The record batches of Arrow IPC files and streams, counted without reading their bodies.

Layout of https://arrow.apache.org/docs/format/Columnar.html (encapsulated messages): 0xFFFFFFFF,
int32 size of the metadata, the metadata (a FlatBuffers table ``Message``), the body. A stream ends
with a size of 0. The format also lets one end without it, but then a stream that was cut between
two messages would look whole. An IPC file ends with a footer that tells where the batches are: what
is between them need be no stream (Polars writes the schema in another way).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.sources._bytes.files import DataFile

__all__ = ["MAGIC", "batch_lengths"]

MAGIC = b"ARROW1\0\0"
CONTINUATION = 0xFFFFFFFF
MARKER = CONTINUATION.to_bytes(4, "little")
OLD_END = bytes(4)
RECORD_BATCH = 3  # of the union MessageHeader
HEADER_TYPE, HEADER, BODY_LENGTH = 1, 2, 3  # fields of Message
LENGTH = 0  # field of RecordBatch
RECORD_BATCHES = 3  # field of Footer
FOOTER_END = struct.Struct("<i6s")
BLOCK = struct.Struct("<qi4xq")  # offset, length of the metadata with its prefix, of the body


def batch_lengths(file: DataFile, handle: BinaryIO) -> list[int]:
    """Return the number of rows of every record batch.

    A BadDataError where the file has no footer, or the stream ends in the middle of a message or
    without its end mark.
    """
    try:
        handle.seek(0)
        if handle.read(len(MAGIC)) == MAGIC:
            return list(_look_up(file, handle))
        return list(_walk(file, handle))
    except struct.error as error:
        raise BadDataError(file.name, f"an Arrow message is damaged: {error}") from error


def _look_up(file: DataFile, handle: BinaryIO) -> Iterator[int]:
    """Yield the rows of each batch that the footer of an IPC file names."""
    for offset, metadata_bytes, body_bytes in _blocks(file, handle):
        end = offset + metadata_bytes + body_bytes
        if min(offset, metadata_bytes, body_bytes) < 0 or end > file.size:
            raise BadDataError(
                file.name, f"truncated: a record batch ends at byte {end} of {file.size}"
            )
        handle.seek(offset)
        message = handle.read(metadata_bytes)
        # Before format version 0.15 there was no marker.
        begin = 8 if message[:4] == MARKER else 4
        length, body = _read_message(message[begin:])
        if length is None or length < 0 or body > body_bytes:
            raise BadDataError(file.name, f"no record batch at byte {offset}; the footer has one")
        yield length


def _blocks(file: DataFile, handle: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield where the footer says that record batches are."""
    end = file.size - FOOTER_END.size
    size, magic = 0, b""
    if end >= len(MAGIC):
        handle.seek(end)
        size, magic = FOOTER_END.unpack(handle.read(FOOTER_END.size))
    if magic != MAGIC.rstrip(b"\0") or not 0 < size <= end - len(MAGIC):
        raise BadDataError(file.name, "truncated: an Arrow file without the footer that ends it")
    handle.seek(end - size)
    footer = handle.read(size)
    place = _field(footer, struct.unpack_from("<I", footer)[0], RECORD_BATCHES)
    if not place:
        return
    place += struct.unpack_from("<I", footer, place)[0]
    (count,) = struct.unpack_from("<I", footer, place)
    for number in range(count):
        yield BLOCK.unpack_from(footer, place + 4 + number * BLOCK.size)


def _walk(file: DataFile, handle: BinaryIO) -> Iterator[int]:
    """Yield the rows of each batch of an IPC stream."""
    position = 0
    while True:
        handle.seek(position)
        prefix = handle.read(8)
        if prefix == OLD_END:
            return
        if len(prefix) < 8:  # noqa: PLR2004
            raise BadDataError(
                file.name,
                f"truncated: {len(prefix)} bytes follow byte {position}; wanted another message "
                f"or the mark that ends an Arrow stream",
            )
        marker, size = struct.unpack("<Ii", prefix)
        if marker != CONTINUATION:
            raise BadDataError(
                file.name,
                f"no message of an Arrow stream (format version 0.15 or later) at byte {position}",
            )
        if size == 0:
            return
        metadata = handle.read(max(size, 0))
        length, body = _read_message(metadata)
        if body < 0 or (length or 0) < 0:
            raise BadDataError(file.name, f"the message at byte {position} has a negative length")
        position += 8 + size + body
        if len(metadata) < size or position > file.size:
            raise BadDataError(
                file.name, f"truncated: a record batch ends at byte {position} of {file.size}"
            )
        if length is not None:
            yield length


def _read_message(metadata: bytes) -> tuple[int | None, int]:
    """Return the rows of the batch, None for other messages, and the length of the body."""
    (message,) = struct.unpack_from("<I", metadata, 0)
    place = _field(metadata, message, BODY_LENGTH)
    body = struct.unpack_from("<q", metadata, place)[0] if place else 0
    place = _field(metadata, message, HEADER_TYPE)
    if not place or struct.unpack_from("<B", metadata, place)[0] != RECORD_BATCH:
        return None, body
    place = _field(metadata, message, HEADER)
    batch = place + struct.unpack_from("<I", metadata, place)[0]
    place = _field(metadata, batch, LENGTH)
    return (struct.unpack_from("<q", metadata, place)[0] if place else 0), body


def _field(metadata: bytes, table: int, number: int) -> int:
    """Return where a field of a FlatBuffers table stands, 0 where it is left out."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    size = struct.unpack_from("<H", metadata, vtable)[0]
    entry = 4 + 2 * number
    if entry + 2 > size:
        return 0
    offset: int = struct.unpack_from("<H", metadata, vtable + entry)[0]
    return table + offset if offset else 0
