"""What a monitor holds, and the bytes that it is saved and sent as.

The layout, in this order; integers are little-endian::

    8 bytes            magic
    uint32             version of the container
    uint32             length of the header in bytes
    header             a JSON object in ASCII
    states             of the open step, of those before it, and of the reference if there is one,
                       each as `state_file` has it, with its own checksum
    32 bytes           SHA-256 of everything before the states, and of their checksums

The header has the lengths of the states in bytes, the settings, counts, windows and alarms, the
bands, and of each state the counts of its norms.
"""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from rankme._accumulators import state_file
from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.container import bound, read_exactly, read_states
from rankme.integrations._monitor.bands import Bands
from rankme.integrations._monitor.norms import NormCounts
from rankme.integrations._monitor.panes import Pane, Ring
from rankme.integrations._monitor.progress import Counts
from rankme.integrations._monitor.reference import Reference
from rankme.integrations._monitor.settings import Settings
from rankme.integrations._monitor.windows import Alarm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme._accumulators.state_header import State

__all__ = ["Held", "decode", "pieces", "read"]

_MAGIC = b"\x93RNKW\r\n\x1a"
_VERSION = 1
_PREFIX = struct.Struct("<8sII")


class Held(NamedTuple):
    """What a monitor holds at one instant; nothing of it is changed in its place."""

    settings: Settings
    ring: Ring
    counts: Counts
    alarm: Alarm
    records: list[dict[str, Any]]
    reference: Reference | None


def pieces(held: Held) -> Iterator[bytes | memoryview]:
    """Yield the encoded monitor, one piece of bytes after the other."""
    panes = (held.ring.open, *held.ring.closed)
    sums = [pane.acc for pane in panes]
    if held.reference is not None:
        sums.append(held.reference.acc)
    states = [list(state_file.pieces(acc._state())) for acc in sums]  # noqa: SLF001
    header = {
        "lengths": [sum(map(len, state)) for state in states],
        "settings": held.settings.to_dict(),
        "counts": held.counts._asdict(),
        "alarm": held.alarm.to_dict(),
        "windows": held.records,
        "number": held.ring.number,
        "norms": [_packed(pane.norms) for pane in panes],
        "reference": None if held.reference is None else _note(held.reference),
    }
    text = json.dumps(header, allow_nan=False).encode("ascii")
    return bound(_PREFIX.pack(_MAGIC, _VERSION, len(text)) + text, states)


def _packed(norms: NormCounts) -> list[list[int]]:
    """Return counts as JSON has them."""
    return [[place, count] for place, count in sorted(norms.counts.items())]


def _counts(packed: Any) -> NormCounts:
    """Return what `_packed` gave."""
    return NormCounts({int(place): int(count) for place, count in packed})


def _note(reference: Reference) -> dict[str, Any]:
    """Return what the header says of a reference."""
    return {
        "components": reference.components,
        "norms": None if reference.norms is None else _packed(reference.norms),
        "bands": None if reference.bands is None else reference.bands.to_dict(),
        "note": reference.note,
    }


def decode(data: bytes, name: str) -> Held:
    """Return what bytes hold; a ValueError that begins with `name` says why they hold none."""
    return read(io.BytesIO(data), name)


def read(file: BinaryIO, name: str) -> Held:
    """Return what a file holds; errors as of `decode`, and OSError."""
    prefix = file.read(_PREFIX.size)
    if not prefix or not prefix.startswith(_MAGIC[: len(prefix)]):
        raise ValueError(f"{name}: not a saved rankme.Monitor")
    if len(prefix) < _PREFIX.size:
        raise ValueError(
            f"{name}: the saved monitor is truncated: {len(prefix)} bytes are no header"
        )
    _, version, size = _PREFIX.unpack(prefix)
    if version != _VERSION:
        hint = "; a newer rankme wrote it" if version > _VERSION else ""
        raise ValueError(
            f"{name}: container version {version}, and this rankme reads {_VERSION}{hint}"
        )
    text = read_exactly(file, size, name, "monitor")
    try:
        header = json.loads(text)
        lengths = {f"sum {i}": int(length) for i, length in enumerate(header["lengths"])}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{name}: the header of the saved monitor cannot be read") from None
    states = read_states(file, prefix + text, lengths, name=name, what="monitor")
    try:
        return _held(header, states)
    except (KeyError, TypeError, IndexError, AttributeError):
        raise ValueError(f"{name}: the header of the saved monitor lacks something") from None


def _held(header: dict[str, Any], states: list[State]) -> Held:
    """Put together what was read."""
    settings = Settings.from_dict(header["settings"])
    sums = [Accumulator._from_state(state, "cpu", state.precision) for state in states]  # noqa: SLF001
    norms = [_counts(packed) for packed in header["norms"]]
    first, *others = [Pane(acc, counts) for acc, counts in zip(sums, norms, strict=False)]
    alarm = Alarm(settings.clear_after, settings.history)
    alarm.load(header["alarm"])
    note = header["reference"]
    reference = None
    if note is not None:
        reference = Reference(
            sums[len(norms)],
            None if note["norms"] is None else _counts(note["norms"]),
            int(note["components"]),
            None if note["bands"] is None else Bands.from_dict(note["bands"]),
            note["note"],
        )
    return Held(
        settings,
        Ring(first, tuple(others), header["number"]),
        Counts(**header["counts"]),
        alarm,
        list(header["windows"]),
        reference,
    )
