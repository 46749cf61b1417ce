"""The saved state of an accumulator, as bytes and in a file.

The layout, in this order; integers and floats are little-endian::

    8 bytes            magic
    uint32             version of the format
    uint32             length of the header in bytes
    header             a JSON object in ASCII, padded with spaces
    float64            the sections, one after the other
    32 bytes           SHA-256 of everything before

The header holds ``kind``, ``dim`` (K), ``normalize``, ``n_rows``, the numbers of the kind,
``sections`` (of each array its name, its size and whether a reader must know it, in their order),
``shards`` (an object: how many of the rows came from the shard of each id), perhaps ``skipped``
(``rows`` that were left out since they held NaN or infinity, how many of them came from each of
``shards``, and whether more are ``allowed`` to be), perhaps ``run`` (what a run has to know to be
resumed), perhaps ``tags``, and perhaps ``ids`` (how many ``rows`` came with one, and the hash
``blake2b`` of these). `state_header.KINDS` has the numbers and arrays of each kind:

``scatter``
    Squares about the mean, of ``Z * 2**-exponent``, with the mean as a row (``origin``) and what it
    is off by; what the processor keeps.
``fast``
    The same of rows of which some were multiplied in float32 (``fast_rows``): what that has cost is
    bounded among the ``errors``.
``gram``
    ``Z^T Z`` with column sums; what a GPU keeps.
``groups``
    A scatter for each group that rows were dealt to. ``groups`` in the header has ``run_length``
    and ``position``, which say how they are dealt, and lists of ``n_rows`` and the numbers of each
    group; the arrays of group b are those of a scatter with ``[b]`` behind their names.
``qr``
    The upper triangle of the factor of ``[1 Z]``, packed column by column, with the row that was
    subtracted from all rows of ``Z`` before (``origin``) and a norm that rounding goes with beside
    the factor's (``beside``).

A section that is not required, and a key of the header that is not known, are passed over. Versions
1 and 2 had ``method`` for ``kind`` and no ``sections``; version 1 had no ``shards``. Both are read.
"""

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankme._accumulators.state_header import State, arrays_of, parse_header, write_header
from rankme._base.atomic_file import write_pieces

__all__ = ["State", "decode", "encode", "is_state", "pieces", "read", "read_run", "write"]

# The first byte is no ASCII and the last three would be changed by a transfer in text mode.
_MAGIC = b"\x93RNKM\r\n\x1a"
_VERSION = 3
_OLDEST_VERSION = 1
_PREFIX = struct.Struct("<8sII")
_ALIGNMENT = 64  # of the payload, so that it is read where it lies
_DIGEST = hashlib.sha256
_DIGEST_SIZE = _DIGEST().digest_size
_FLOAT = np.dtype("<f8")


def encode(state: State) -> bytes:
    """Return the bytes of a state."""
    return b"".join(pieces(state))


def decode(data: bytes, name: str) -> State:
    """Return the state that bytes hold; its arrays are views of them where the machine allows it.

    A ValueError that begins with `name` says why they hold none: no saved state, a newer version,
    truncated or too long, a wrong checksum, or numbers that no accumulator can have.
    """
    start, version, header_bytes = _split(data, name)
    digest = _DIGEST(memoryview(data)[:-_DIGEST_SIZE]).digest()
    intact = digest == data[-_DIGEST_SIZE:]
    try:
        state, sections = parse_header(header_bytes, version)
    except ValueError as error:
        reason = str(error) if intact else "the checksum does not match: the file was changed"
        raise ValueError(f"{name}: {reason}") from None
    entries = sum(section.size for section in sections)
    expected = start + _FLOAT.itemsize * entries + _DIGEST_SIZE
    if len(data) != expected:
        what = "truncated" if len(data) < expected else "followed by bytes that do not belong to it"
        raise ValueError(
            f"{name}: the saved state is {what}: {len(data)} bytes, and dim {state.dim} needs "
            f"{expected}"
        )
    if not intact:
        raise ValueError(f"{name}: the checksum does not match: the file was changed")
    arrays = {}
    for section in sections:
        arrays[section.name] = _floats(data, section.size, start)
        start += _FLOAT.itemsize * section.size
    # What a file of an older version lacks is zeros.
    sizes = arrays_of(state).items()
    own = tuple(arrays[key] if key in arrays else np.zeros(size) for key, size in sizes)
    if not all(map(_all_finite, own)):
        raise ValueError(f"{name}: the saved state holds NaN or infinity")
    return state._replace(arrays=own)


def read(path: str | os.PathLike[str]) -> State:
    """Return the state in a file; errors as of `decode`, and OSError."""
    name = os.fspath(path)
    with _named(name), open(name, "rb") as file:  # noqa: PTH123
        data = file.read(_PREFIX.size)
        # What is none of ours may be large, or have no end.
        return decode(data + file.read() if data.startswith(_MAGIC) else data, name)


def is_state(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a saved accumulator, by its first bytes; a URL is that of none."""
    name = os.fspath(path)
    if not os.path.isfile(name):  # noqa: PTH113
        return False
    with _named(name), open(name, "rb") as file:  # noqa: PTH123
        return file.read(len(_MAGIC)) == _MAGIC


def read_run(path: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """Return what the header of a file says of its run; None where it is no file of a run.

    No more than the header is read, and no checksum.
    """
    name = os.fspath(path)
    with _named(name), open(name, "rb") as file:  # noqa: PTH123
        prefix = file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size or not prefix.startswith(_MAGIC):
            raise ValueError(f"{name}: not a saved rankme.Accumulator")
        _, version, size = _PREFIX.unpack(prefix)
        return parse_header(file.read(size), version)[0].run


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Give an error of reading the name that one of opening has by itself."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror or str(error), name) from error
        raise


def write(path: str | os.PathLike[str], state: State) -> None:
    """Write a state to a file, whole or not at all, as `write_pieces` does."""
    write_pieces(path, pieces(state))


def pieces(state: State) -> Iterator[bytes | memoryview]:
    """Yield the encoded state piece by piece, the big one without a copy, the checksum last."""
    digest = _DIGEST()
    prefix = _encode_prefix(state)
    digest.update(prefix)
    yield prefix
    for array in state.arrays:
        contents = _bytes_of(array)
        digest.update(contents)
        yield contents
    yield digest.digest()


def _encode_prefix(state: State) -> bytes:
    """Return the fixed fields and the header, padded."""
    header = write_header(state)
    header += b" " * (-(_PREFIX.size + len(header)) % _ALIGNMENT)
    return _PREFIX.pack(_MAGIC, _VERSION, len(header)) + header


def _bytes_of(values: NDArray[np.float64]) -> memoryview:
    """Return an array as the bytes of the file, without a copy where it has them already."""
    return np.ascontiguousarray(values, dtype=_FLOAT).data.cast("B")


def _split(data: bytes, name: str) -> tuple[int, int, bytes]:
    """Check the fixed fields; return where the payload begins, the version and the header."""
    if not data.startswith(_MAGIC[: len(data)]) or not data:
        raise ValueError(f"{name}: not a saved rankme.Accumulator")
    if len(data) < _PREFIX.size:
        raise ValueError(
            f"{name}: the saved state is truncated: {len(data)} bytes are less than the first "
            f"{_PREFIX.size} of every such file"
        )
    _, version, header_size = _PREFIX.unpack_from(data)
    if not _OLDEST_VERSION <= version <= _VERSION:
        hint = "; a newer rankme wrote it" if version > _VERSION else ""
        raise ValueError(
            f"{name}: format version {version}, and this rankme reads {_OLDEST_VERSION} to "
            f"{_VERSION}{hint}"
        )
    start = _PREFIX.size + header_size
    if len(data) < start + _DIGEST_SIZE:
        raise ValueError(
            f"{name}: the saved state is truncated: {len(data)} bytes, and its header and checksum "
            f"alone need {start + _DIGEST_SIZE}"
        )
    return start, version, data[_PREFIX.size : start]


def _floats(data: bytes, count: int, offset: int) -> NDArray[np.float64]:
    """Return an array of the payload."""
    values = np.frombuffer(data, dtype=_FLOAT, count=count, offset=offset)
    return np.require(values, dtype=np.float64, requirements=["C", "A"])


def _all_finite(values: NDArray[np.float64]) -> bool:
    """Whether an array holds neither NaN nor infinity."""
    # NaN and infinity both show in the extremes, and no mask as long as the triangle is needed.
    return bool(np.isfinite(values.min()) and np.isfinite(values.max()))
