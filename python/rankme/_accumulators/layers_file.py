"""The saved state of a stack of layers: a container of the states of `state_file`.

The layout, in this order; integers are little-endian::

    8 bytes            magic
    uint32             version of the container
    uint32             L, the number of layers
    uint64 (L)         length of each state in bytes
    L states           each as `state_file` has it, with its own checksum
    32 bytes           SHA-256 of everything before the states, and of their checksums

So every byte is covered, no state can be exchanged for another one, and none is hashed twice. All
states have the same ``normalize``, ``n_rows`` and ``seed``, and the method ``gram``; ``dim`` may
differ.
"""

import io
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from rankme._accumulators import state_file
from rankme._accumulators.container import bound, read_exactly, read_states
from rankme._accumulators.state_header import State
from rankme._base.atomic_file import write_pieces

__all__ = ["decode", "encode", "read", "write"]

_MAGIC = b"\x93RNKL\r\n\x1a"
_VERSION = 1
_PREFIX = struct.Struct("<8sII")
_LENGTH = struct.Struct("<Q")


def encode(states: list[State]) -> bytes:
    """Return the bytes of a stack, given the state of each layer."""
    return b"".join(_pieces(states))


def write(path: str | os.PathLike[str], states: list[State]) -> None:
    """Write a stack to a file, whole or not at all, as `state_file.write` does."""
    write_pieces(path, _pieces(states))


def decode(data: bytes, name: str) -> list[State]:
    """Return the states of the layers that bytes hold.

    A ValueError that begins with `name` says why they hold none: no saved stack, a newer version,
    truncated or too long, a wrong checksum, or layers that do not belong together.
    """
    return _decode(io.BytesIO(data), name)


def read(path: str | os.PathLike[str]) -> list[State]:
    """Return the states of the layers in a file; errors as of `decode`, and OSError."""
    name = os.fspath(path)
    with open(name, "rb") as file:  # noqa: PTH123
        return _decode(file, name)


def _pieces(states: list[State]) -> Iterator[bytes | memoryview]:
    """Yield the encoded stack, one piece of bytes after the other."""
    layers = [list(state_file.pieces(state)) for state in states]
    head = _PREFIX.pack(_MAGIC, _VERSION, len(states))
    head += b"".join(_LENGTH.pack(sum(map(len, layer))) for layer in layers)
    return bound(head, layers)


def _decode(file: BinaryIO, name: str) -> list[State]:
    """Read layer by layer, so that no more than the states themselves is held."""
    prefix = file.read(_PREFIX.size)
    if not prefix or not prefix.startswith(_MAGIC[: len(prefix)]):
        raise ValueError(f"{name}: not a saved rankme.LayerAccumulator")
    if len(prefix) < _PREFIX.size:
        raise ValueError(
            f"{name}: the saved stack is truncated: {len(prefix)} bytes are less than the first "
            f"{_PREFIX.size} of every such file"
        )
    _, version, count = _PREFIX.unpack(prefix)
    if version != _VERSION:
        hint = "; a newer rankme wrote it" if version > _VERSION else ""
        raise ValueError(
            f"{name}: container version {version}, and this rankme reads {_VERSION}{hint}"
        )
    table = read_exactly(file, _LENGTH.size * count, name, "stack")
    lengths = {f"layer {i}": size for i, (size,) in enumerate(_LENGTH.iter_unpack(table))}
    states = read_states(file, prefix + table, lengths, name=name, what="stack")
    _require_one_stack(states, name)
    return states


def _require_one_stack(states: list[State], name: str) -> None:
    """Refuse layers that are not of one stack."""
    if not states:
        raise ValueError(f"{name}: the saved stack has no layers")
    kinds = {(state.method, state.normalize, state.n_rows) for state in states}
    seeds = {state.seed for state in states if state.method == "gram"}
    if len(kinds) != 1 or len(seeds) != 1:
        raise ValueError(f"{name}: the layers differ in method, normalize, n_rows or seed")
    if len({state.groups and state.groups._replace(numbers=()) for state in states}) != 1:
        raise ValueError(f"{name}: the layers differ in their groups")
