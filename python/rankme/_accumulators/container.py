"""Files of several states: each with its own checksum, and one over what binds them together."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from rankme._accumulators import state_file
from rankme._accumulators.state_header import State

__all__ = ["bound", "read_exactly", "read_states"]

_DIGEST_SIZE = hashlib.sha256().digest_size


def bound(head: bytes, states: Sequence[list[bytes | memoryview]]) -> Iterator[bytes | memoryview]:
    """Yield a container: its head, the pieces of its states, and what binds them.

    That is the SHA-256 of the head and of the checksums of the states, so that every byte is
    covered, no state can be exchanged for another one, and none is hashed twice.
    """
    digest = hashlib.sha256(head)
    yield head
    for pieces in states:
        yield from pieces
        digest.update(pieces[-1])
    yield digest.digest()


def read_states(
    file: BinaryIO, head: bytes, lengths: Mapping[str, int], *, name: str, what: str
) -> list[State]:
    """Read the states behind a head one by one, so that no more than they themselves is held.

    `lengths` are in bytes, by what each state is called; `name` is the file's, `what` is in it.
    """
    digest = hashlib.sha256(head)
    states = []
    for label, length in lengths.items():
        data = read_exactly(file, length, name, what)
        digest.update(data[-_DIGEST_SIZE:])
        states.append(state_file.decode(data, f"{name}, {label}"))
    found = read_exactly(file, _DIGEST_SIZE, name, what)
    if file.read(1):
        raise ValueError(f"{name}: the saved {what} is followed by bytes that do not belong to it")
    if found != digest.digest():
        raise ValueError(f"{name}: the checksum does not match: the file was changed")
    return states


def read_exactly(file: BinaryIO, wanted: int, name: str, what: str) -> bytes:
    """Read exactly so many bytes; a file that has fewer is truncated."""
    # A damaged length must not ask for memory, so what is there is looked at first.
    here = file.tell()
    left = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    if left < wanted:
        raise ValueError(
            f"{name}: the saved {what} is truncated: {left} bytes are left where {wanted} are "
            f"needed"
        )
    return file.read(wanted)
