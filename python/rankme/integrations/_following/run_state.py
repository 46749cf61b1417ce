"""The file of a run of `rankme watch`: a monitor, and how far the source was read, as one.

The layout, in this order; integers are little-endian::

    8 bytes            magic
    uint32             version
    uint32             length of the header in bytes
    header             a JSON object in ASCII
    monitor            as `rankme.Monitor.save` has it, with its own checksums
    32 bytes           SHA-256 of everything before the monitor, and of its last 32 bytes

The header has ``run``, what the run was begun with; ``position`` in the source; ``checkpoint``, the
name of this very file, by which a run knows that no other one writes it; and ``length``, that of
the monitor.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any, BinaryIO, NamedTuple

from rankme._accumulators.container import read_exactly
from rankme._base.atomic_file import write_pieces
from rankme.integrations._monitor.held import decode
from rankme.integrations._monitor.monitor import Monitor

__all__ = ["RunState", "checkpoint_of", "read_state", "write_state"]

_MAGIC = b"\x93RNKV\r\n\x1a"
_VERSION = 1
_PREFIX = struct.Struct("<8sII")
_DIGEST = hashlib.sha256().digest_size
_WHAT = "run of rankme watch"


class RunState(NamedTuple):
    """What the file has.

    Attributes
    ----------
    run, position : dict
    checkpoint : str
    monitor : rankme.Monitor
    """

    run: dict[str, Any]
    position: dict[str, Any]
    checkpoint: str
    monitor: Monitor


def write_state(path: str, state: RunState) -> None:
    """Write the file, whole or not at all; an OSError where it fails."""
    monitor = state.monitor.__getstate__()
    header = {
        "run": state.run,
        "position": state.position,
        "checkpoint": state.checkpoint,
        "length": len(monitor),
    }
    text = json.dumps(header, allow_nan=False).encode("ascii")
    head = _PREFIX.pack(_MAGIC, _VERSION, len(text)) + text
    write_pieces(path, [head, monitor, _bound(head, monitor)])


def _bound(head: bytes, monitor: bytes) -> bytes:
    """Return what binds the two."""
    return hashlib.sha256(head + monitor[-_DIGEST:]).digest()


def checkpoint_of(path: str) -> str | None:
    """Return the name of the checkpoint in a file; None where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return str(_header(file, path)[1]["checkpoint"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def read_state(path: str) -> RunState:
    """Read the file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is no run of `rankme watch`, was written by a newer rankme, is truncated or was changed.
    """
    with open(path, "rb") as file:  # noqa: PTH123
        head, header = _header(file, path)
        try:
            length = int(header["length"])
            run, position = dict(header["run"]), dict(header["position"])
            checkpoint = str(header["checkpoint"])
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path}: the header of the saved {_WHAT} lacks something") from None
        data = read_exactly(file, length, path, _WHAT)
        found = read_exactly(file, _DIGEST, path, _WHAT)
        if file.read(1):
            raise ValueError(f"{path}: the saved {_WHAT} is followed by bytes that are none of it")
    if found != _bound(head, data):
        raise ValueError(f"{path}: the checksum does not match: the file was changed")
    monitor = Monitor.__new__(Monitor)
    monitor._hold(decode(data, path))  # noqa: SLF001
    return RunState(run, position, checkpoint, monitor)


def _header(file: BinaryIO, path: str) -> tuple[bytes, dict[str, Any]]:
    """Read what is before the monitor, as bytes and as what they mean."""
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size or not prefix.startswith(_MAGIC):
        raise ValueError(f"{path}: not a saved {_WHAT}")
    _, version, size = _PREFIX.unpack(prefix)
    if version != _VERSION:
        hint = "; a newer rankme wrote it" if version > _VERSION else ""
        raise ValueError(f"{path}: version {version}, and this rankme reads {_VERSION}{hint}")
    text = read_exactly(file, size, path, _WHAT)
    try:
        header = dict(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"{path}: the header of the saved {_WHAT} cannot be read") from None
    return prefix + text, header
