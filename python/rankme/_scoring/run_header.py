"""What the file of a run says of it, and how errors put that in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rankme.sources import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rankme._accumulators.skipped import Skipped

__all__ = [
    "RunHeader",
    "parse_run",
    "require_finished",
    "rows_seen",
    "words_of_choice",
    "words_of_facts",
]


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


def rows_seen(shards: Mapping[str, int], skipped: Skipped) -> dict[str, int]:
    """Count the rows of each shard that were read, those that were left out among them."""
    seen = dict(shards)
    for shard, rows in skipped.shards.items():
        seen[shard] = seen.get(shard, 0) + rows
    return seen


def require_finished(run: RunHeader, shards: Mapping[str, int], path: str) -> None:
    """Refuse a run that has not come to its end."""
    went_on = "go on with 'rankme score --state'"
    for shard in run.shards.keys() | shards.keys():
        n_rows = run.shards.get(shard, ("", "", 0))[2]
        if shards.get(shard, 0) != n_rows:
            raise BadDataError(
                path,
                f"the run in it is not finished: it has {shards.get(shard, 0)} of {n_rows} rows of "
                f"{shard}; {went_on}",
            )
    if not run.finished:
        raise BadDataError(
            path,
            f"the run in it stopped before it had seen that no shard changed meanwhile; {went_on}",
        )
