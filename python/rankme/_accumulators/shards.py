"""Ids of shards: text here, bytes in the core, a table in the header of a saved state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme._base.arguments import type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["decoded", "duplicate_shard", "encoded", "parse_table"]


def encoded(shard: object) -> bytes:
    """Return the bytes that the core keeps for an id, or raise a TypeError if it is no text."""
    if not isinstance(shard, str):
        raise TypeError(f"shard must be a str or None, not {type_name(shard)}")
    # A path may hold bytes that are no text, for which Python has lone surrogates. A pair of them
    # is one character, as it is in JSON.
    text = shard.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")


def decoded(table: Mapping[bytes, int]) -> dict[str, int]:
    """Return the core's table with its ids as text."""
    return {shard.decode("utf-8", "surrogatepass"): rows for shard, rows in table.items()}


def duplicate_shard(shard: bytes, held: int, added: int) -> str:
    """Say that two accumulators share a shard; the core calls this for its error."""
    return (
        f"cannot merge: both hold rows of shard {shard.decode('utf-8', 'surrogatepass')!r} "
        f"({held} and {added}), which would be counted twice"
    )


def parse_table(value: object, n_rows: int) -> dict[str, int]:
    """Return the table of a header, or raise a ValueError if no accumulator can hold it."""
    if not isinstance(value, dict):
        raise ValueError(f"the header has shards of type {type_name(value)}")  # noqa: TRY004
    for shard, rows in value.items():
        if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
            raise ValueError(f"the header has {rows!r} rows of shard {shard!r}")
    if sum(value.values()) > n_rows:
        raise ValueError(
            f"the header has n_rows {n_rows}, and its shards together have {sum(value.values())}"
        )
    return value
