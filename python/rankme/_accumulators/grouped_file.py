"""The saved state of rows in groups: a container of the states of `state_file`.

The layout, in this order; integers are little-endian::

    8 bytes            magic
    uint32             version of the container
    uint32             length of the header in bytes
    header             a JSON object in ASCII
    states             of the groups that have rows, each as `state_file` has it
    32 bytes           SHA-256 of everything before the states, and of their checksums

The header holds ``dim``, ``normalize``, ``seed``, ``n_groups``, ``groups`` (of each group that has
rows its number and the length of its state in bytes, ascending), ``shards`` and perhaps ``skipped``
as in a state. A group without rows takes no room.
"""

import io
import json
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from rankme._accumulators import state_file
from rankme._accumulators.container import bound, read_exactly, read_states
from rankme._accumulators.shards import parse_table
from rankme._accumulators.skipped import NOTHING, Skipped, parse_note
from rankme._accumulators.state_header import State
from rankme._base.arguments import MAX_DIM, MAX_SEED
from rankme._base.atomic_file import write_pieces

__all__ = [
    "MAX_GROUPS",
    "GroupsState",
    "decode",
    "encode",
    "is_groups",
    "is_groups_file",
    "read",
    "write",
]

MAX_GROUPS = 2**31 - 1
_MAGIC = b"\x93RNKC\r\n\x1a"
_VERSION = 1
_PREFIX = struct.Struct("<8sII")
_WHAT = "groups"


class GroupsState(NamedTuple):
    """All that rows in groups have come to, without the room to work in."""

    dim: int
    normalize: bool
    seed: int
    n_groups: int
    filled: Mapping[int, State]  # of the groups that have rows
    shards: Mapping[str, int]
    skipped: Skipped = NOTHING


def encode(state: GroupsState) -> bytes:
    """Return the bytes of a state."""
    return b"".join(_pieces(state))


def write(path: str | os.PathLike[str], state: GroupsState) -> None:
    """Write a state to a file, whole or not at all, as `state_file.write` does."""
    write_pieces(path, _pieces(state))


def decode(data: bytes, name: str) -> GroupsState:
    """Return the state that bytes hold; a ValueError that begins with `name` says why not."""
    return _decode(io.BytesIO(data), name)


def read(path: str | os.PathLike[str]) -> GroupsState:
    """Return the state in a file; errors as of `decode`, and OSError."""
    name = os.fspath(path)
    with open(name, "rb") as file:  # noqa: PTH123
        return _decode(file, name)


def is_groups(data: bytes) -> bool:
    """Tell whether bytes are those of groups, and not of another saved state."""
    return data.startswith(_MAGIC)


def is_groups_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of saved groups, by its first bytes; a URL is that of none."""
    name = os.fspath(path)
    if not os.path.isfile(name):  # noqa: PTH113
        return False
    with open(name, "rb") as file:  # noqa: PTH123
        return is_groups(file.read(len(_MAGIC)))


def _pieces(state: GroupsState) -> Iterator[bytes | memoryview]:
    """Yield the encoded state, one piece of bytes after the other."""
    groups = {number: list(state_file.pieces(group)) for number, group in state.filled.items()}
    fields = {
        "dim": state.dim,
        "normalize": state.normalize,
        "seed": state.seed,
        "n_groups": state.n_groups,
        "groups": [[number, sum(map(len, pieces))] for number, pieces in groups.items()],
        "shards": dict(state.shards),
    }
    note = state.skipped.note()
    if note is not None:
        fields["skipped"] = note
    header = json.dumps(fields).encode("ascii")
    head = _PREFIX.pack(_MAGIC, _VERSION, len(header)) + header
    return bound(head, list(groups.values()))


def _decode(file: BinaryIO, name: str) -> GroupsState:
    """Read group by group."""
    prefix = file.read(_PREFIX.size)
    if not prefix or not prefix.startswith(_MAGIC[: len(prefix)]):
        raise ValueError(f"{name}: not a saved rankme.GroupedAccumulator")
    if len(prefix) < _PREFIX.size:
        raise ValueError(
            f"{name}: the saved groups are truncated: {len(prefix)} bytes are less than the first "
            f"{_PREFIX.size} of every such file"
        )
    _, version, size = _PREFIX.unpack(prefix)
    if version != _VERSION:
        hint = "; a newer rankme wrote it" if version > _VERSION else ""
        raise ValueError(
            f"{name}: container version {version}, and this rankme reads {_VERSION}{hint}"
        )
    header = read_exactly(file, size, name, _WHAT)
    try:
        fields = _parse(header)
    except ValueError as error:
        # Nothing says yet whether it was written so, or changed.
        raise ValueError(f"{name}: {error}: the file was changed") from None
    lengths = {f"group {number}": length for number, length in fields["groups"]}
    states = read_states(file, prefix + header, lengths, name=name, what=_WHAT)
    numbers = [number for number, _ in fields["groups"]]
    try:
        return _together(fields, dict(zip(numbers, states, strict=True)))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _parse(header: bytes) -> dict[str, Any]:
    """Return the fields of a header, once they are what they must be."""
    try:
        fields: object = json.loads(header)
    except (ValueError, RecursionError):
        raise ValueError("the header is no JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the header is no JSON object")  # noqa: TRY004
    limits = {"dim": (1, MAX_DIM), "n_groups": (1, MAX_GROUPS), "seed": (0, MAX_SEED)}
    for key, (low, high) in limits.items():
        value = fields.get(key)
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"the header has {key} {value!r}, outside {low} to {high}")
    if not isinstance(fields.get("normalize"), bool):
        raise ValueError(f"the header has normalize {fields.get('normalize')!r}")  # noqa: TRY004
    groups = fields.get("groups")
    if not isinstance(groups, list) or not all(map(_is_entry, groups)):
        raise ValueError("the header has groups that are no list of number and length")
    numbers = [number for number, _ in groups]
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] >= fields["n_groups"]):
        raise ValueError("the header has groups that are not in order, or not of the n_groups")
    return fields


def _is_entry(entry: object) -> bool:
    """Whether an entry has the number of a group and the length of its state."""
    return (
        isinstance(entry, list)
        and list(map(type, entry)) == [int, int]
        and min(entry) >= 0
        and entry[1] < 2**63
    )


def _together(fields: dict[str, Any], filled: dict[int, State]) -> GroupsState:
    """Return groups and header as one state; refuse groups that are not its own."""
    own = ("scatter", fields["dim"], fields["normalize"], fields["seed"])
    for number, group in filled.items():
        found = (group.kind, group.dim, group.normalize, group.numbers[1:2])
        if found != (*own[:3], own[3:]) or group.n_rows == 0 or group.shards:
            raise ValueError(f"group {number} is not of the dim, normalize, seed or kind of all")
    n_rows = sum(group.n_rows for group in filled.values())
    return GroupsState(
        fields["dim"],
        fields["normalize"],
        fields["seed"],
        fields["n_groups"],
        filled,
        parse_table(fields.get("shards", {}), n_rows),
        parse_note(fields.get("skipped")),
    )
