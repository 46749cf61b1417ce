"""What the file of a run says of it, and how errors put that in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rankme.sources import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RunHeader", "parse_run", "words_of_choice", "words_of_facts"]


class RunHeader(NamedTuple):
    """What a file says of its run, as `rankme._scoring.resumable` tells."""

    shards: dict[str, tuple[int, str, int]]
    finished: bool
    checkpoint: str
    rows: int | None
    seed: int | None


def parse_run(run: Mapping[str, Any], path: str) -> RunHeader:
    """Return what the header of a file says of its run, or raise a BadDataError."""
    try:
        shards = {
            shard: (size, version, n_rows)
            for shard, (size, version, n_rows) in run["shards"].items()
        }
        choice = (run.get("rows"), run.get("seed"))
        return RunHeader(shards, bool(run["finished"]), str(run["checkpoint"]), *choice)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadDataError(path, "the header has a run of another form") from None


def words_of_choice(rows: int | None, seed: int | None) -> str:
    """Write out which rows a run takes, as options of the command."""
    if rows is None:
        return "all rows"
    return f"--rows {rows} --seed {'none' if seed is None else seed}"


def words_of_facts(facts: tuple[int, str, int] | None) -> str:
    """Write out what a shard was."""
    if facts is None:
        return "unknown"
    size, version, n_rows = facts
    return f"{size} bytes, {version}, {n_rows} rows"
