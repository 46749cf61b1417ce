"""Rows of int8 and uint8, as the numbers that they are or as the bits that are packed in them.

Both become float16, which holds them exactly: it has all integers up to 2048.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.arguments import type_name
from rankme.sources._errors import BadDataError
from rankme.sources._reading import BITS, BYTES, SIGNS, WORDS, Reading
from rankme.sources._source import Identity, RowSource
from rankme.sources._told import as_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "ByteRows",
    "as_bits",
    "as_reading",
    "bits_of_numbers",
    "converted",
    "unpacked",
]

# Of the bytes that quantisers call int8, which are those of uint8 less 128.
SIGN_BIT = 0x80
# Between the version of a file and what its bits were taken for.
UNPACKED = ";unpacked:"


def as_bits(unpack_bits: object) -> str | None:
    """Return how bits are read, by the argument ``unpack_bits``; an error for any other."""
    if isinstance(unpack_bits, bool):
        return BITS if unpack_bits else None
    if unpack_bits == SIGNS:
        return SIGNS
    wanted = "unpack_bits must be False, True for the numbers 0 and 1, or 'signs' for -1 and +1"
    if not isinstance(unpack_bits, str):
        raise TypeError(f"{wanted}, not {type_name(unpack_bits)}")
    raise ValueError(f"{wanted}, not {unpack_bits!r}")


def as_reading(
    column: str | None,
    dtype: object,
    integers: object,
    unpack_bits: object,
    *,
    query: str | None = None,
    rows_are: str | None = None,
    storage_options: object = None,
) -> Reading:
    """Return what the arguments of a call ask for.

    Raises
    ------
    TypeError, ValueError
        `dtype`, `unpack_bits` or `storage_options` is something else, or two of them contradict
        each other.
    """
    told, bits = as_told(dtype), as_bits(unpack_bits)
    if bits is not None and integers:
        raise ValueError(
            "integers reads a byte as one number and unpack_bits as eight bits: leave one out"
        )
    if bits is not None and told not in (None, *BYTES):
        raise ValueError(
            f"unpack_bits reads the bits of bytes, whose dtype is uint8 or int8, not {told}"
        )
    storage: object = {} if storage_options is None else storage_options
    if not isinstance(storage, Mapping) or not all(isinstance(key, str) for key in storage):
        # Without what came: it may hold secrets.
        raise TypeError("storage_options must be a dict with texts as keys, such as {'anon': True}")
    return Reading(
        column, told, bool(integers), bits, _as_rows(rows_are), query, storage=dict(storage)
    )


def _as_rows(rows_are: object) -> str | None:
    """Return what rows are, where they lie apart."""
    if rows_are is not None and rows_are not in ("files", "keys"):
        raise ValueError(
            f"rows_are must be 'files', 'keys' or None, for the rows of a matrix, not {rows_are!r}"
        )
    return rows_are


def converted(source: RowSource, reading: Reading) -> RowSource:
    """Return a source whose entries can be scored.

    Parameters
    ----------
    source
        As a format opened it.
    reading
        What the user told of its entries.

    Raises
    ------
    BadDataError
        Bits were asked for, and the entries are no bytes.
    """
    if isinstance(source, ByteRows):
        return source
    # A column of bytes comes as float16 already.
    kind = getattr(source, "told", None) or source.dtype.name
    if kind not in BYTES:
        if reading.bits is None:
            return source
        raise BadDataError(
            source.name,
            f"its entries are {kind}; bits are packed in bytes, int8 or uint8: leave out "
            f"unpack_bits, --unpack-bits or --unpack-signs",
        )
    return ByteRows(source, kind, reading.bits).tagged(source.tags)


def bits_of_numbers(source: RowSource, reading: Reading) -> RowSource:
    """Return whole numbers that stand for bytes, as JSON has them, as the bits of these.

    Raises
    ------
    BadDataError
        Nothing tells of which type the bytes are; later, a number that is none of the type.
    """
    if reading.bits is None:
        return source
    reading.require_bytes(source.name)
    return ByteRows(source, str(reading.told), reading.bits).tagged(source.tags)


def unpacked(block: NDArray[Any], kind: str, bits: str) -> NDArray[np.float16]:
    """Return the bits of bytes, eight columns for each, the highest bit first.

    Parameters
    ----------
    block
        Shape (n, K), whole numbers that the type holds; in a float type rows may be NaN.
    kind
        ``"uint8"``, or ``"int8"``, whose bytes are those of uint8 less 128.
    bits
        ``"bits"`` for 0 and 1, ``"signs"`` for -1 and +1.

    Returns
    -------
    numpy.ndarray
        Shape (n, 8 K), float16; rows that are NaN stay so.
    """
    lost = np.isnan(block).any(axis=1) if block.dtype.kind == "f" else None
    if lost is not None and lost.any():
        block = np.where(lost[:, None], 0, block)
    raw = np.ascontiguousarray(block, dtype=kind).view(np.uint8)
    if kind == "int8":
        raw = raw ^ np.uint8(SIGN_BIT)
    found = np.unpackbits(raw, axis=1).astype(np.float16)
    if bits == SIGNS:
        found *= 2
        found -= 1
    if lost is not None and lost.any():
        found[lost] = np.nan
    return found


@dataclass(frozen=True)
class ByteRows(RowSource):
    """Rows of bytes as numbers.

    Attributes
    ----------
    source : RowSource
        That has the bytes.
    kind : str
        ``"int8"`` or ``"uint8"``.
    bits : str or None
        ``"bits"`` or ``"signs"``, where each byte is eight columns.
    """

    source: RowSource
    kind: str
    bits: str | None

    @property
    def told(self) -> str:
        """What the bytes are."""
        return self.kind

    @property
    def stored(self) -> str:  # type: ignore[override]
        """What the entries are in the file, and what they are read as."""
        return f"{self.kind} {WORDS[self.bits]}"

    @property
    def name(self) -> str:  # type: ignore[override]
        """As of the source."""
        return self.source.name

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """As of the source; bits taken for other numbers are other rows."""
        found = self.source.identity
        if self.bits is None:
            return found
        return replace(found, version=f"{found.version}{UNPACKED}{self.bits}")

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """As of the source."""
        return self.source.n_rows

    @property
    def n_cols(self) -> int:  # type: ignore[override]
        """As of the source, or its bits."""
        return self.source.n_cols * (1 if self.bits is None else 8)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """float16."""
        return np.dtype(np.float16)

    @property
    def entries(self) -> tuple[int, ...] | None:
        """As of the source."""
        return self.source.entries

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002 - blocks are fresh
        """Yield the rows from ``start`` on, converted block by block."""
        return self._converted(self.source.blocks(start), np.arange(start, self.n_rows))

    def _converted(
        self, blocks: Iterator[NDArray[Any]], rows: NDArray[np.int64]
    ) -> Iterator[NDArray[Any]]:
        """Yield blocks of these rows as numbers."""
        done = 0
        for block in blocks:
            self._check(block, rows[done : done + len(block)])
            yield self._numbers(block)
            done += len(block)

    def _check(self, block: NDArray[Any], rows: NDArray[np.int64]) -> None:
        """Refuse numbers that are no bytes, where a file has numbers of any kind."""
        if self.source.dtype.kind != "f" or getattr(self.source, "told", None) is not None:
            return
        least, most = np.iinfo(self.kind).min, np.iinfo(self.kind).max
        wrong = (block < least) | (block > most) | ((block != np.rint(block)) & ~np.isnan(block))
        if wrong.any():
            row, column = (int(places[0]) for places in np.nonzero(wrong))
            raise BadDataError(
                self.name,
                f"{self.source.where(int(rows[row]))}, column {column} is {block[row, column]:g}; "
                f"wanted whole numbers from {least} to {most}, as {self.kind} has them",
            )

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Yield chosen rows."""
        return self._converted(self.source.take(rows), rows)

    def _numbers(self, block: NDArray[Any]) -> NDArray[np.float16]:
        """Return a block as float16, in an array of its own."""
        if self.bits is None:
            return block.astype(np.float16)
        return unpacked(block, self.kind, self.bits)

    def check_unchanged(self) -> None:
        """Ask the source."""
        self.source.check_unchanged()

    def where(self, row: int) -> str:
        """Say where the row stands in the source."""
        return self.source.where(row)

    def bad_entry(self, row: int, column: int, value: float) -> ValueError:
        """Return the error of the source, which has eight columns of bits in one."""
        return self.source.bad_entry(row, column // (self.n_cols // self.source.n_cols), value)

    def with_nulls_as_nan(self) -> ByteRows:
        """Return the rows of the source that has them so."""
        found = replace(self, source=self.source.with_nulls_as_nan())
        return found.tagged(self.tags)
