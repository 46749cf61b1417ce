"""A run over the shards of a source that is checkpointed, and resumed where it stopped.

Its file is the saved state of an accumulator, whose table of shards says how many rows of which
shard are in: the two are saved as one, so that a row is in both or in neither. The header's ``run``
tells what the shards were when the run read them, whether it came to its end, with every shard
looked at after its last row, and what this very checkpoint is called::

    {"shards": {id: [size in bytes, version, number of rows]}, "finished": bool, "checkpoint": text,
     "rows": int or null, "seed": int or null}

The last two tell which rows were asked for; without `rows` it was all of them.

A run replaces its own last checkpoint only. Another name in the file is that of another run.
"""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from rankme._accumulators import state_file
from rankme._accumulators.accumulator import Accumulator
from rankme._base.atomic_file import remove_strays
from rankme._scoring.lock import locked
from rankme._scoring.run_header import (
    RunHeader,
    parse_run,
    require_finished,
    rows_seen,
    words_of_choice,
    words_of_facts,
)
from rankme._scoring.signals import stops_kept
from rankme.sources import BadDataError, row_blocks
from rankme.sources._grouped import TOLD
from rankme.sources._not_finite import not_finite_in
from rankme.sources._sharded import tags_of
from rankme.sources._source import check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rankme._scoring.meter import Meter
    from rankme._scoring.signals import Stops
    from rankme.sources import RowSource

__all__ = ["accumulate", "load_finished"]


def accumulate(
    source: RowSource,
    path: str,
    *,
    normalize: bool,
    method: str,
    device: str,
    every: float,
    meter: Meter,
    skip_nonfinite: bool = False,
    rows: int | None = None,
    seed: int | None = None,
    groups: int | None = None,
    precision: str = "float64",
    warn: Callable[[str], None],
) -> Accumulator:
    """Take in all rows of a source, each once, over as many runs as that takes.

    Parameters
    ----------
    source
        Where the rows come from.
    path
        The file of the run: made where it is not there, resumed where it is.
    normalize, method, groups, device, precision
        As in `rankme.Accumulator`. A run may go on with another device, and another precision.
    every
        Seconds from one checkpoint to the next; 0 saves after every block.
    meter
        Told of the rows that are in, those of earlier runs among them.
    skip_nonfinite
        As in `rankme.Accumulator`, of the rows from now on: a run that met a bad row may go on so.
    rows, seed
        Which rows of a larger set the source has, if some were chosen: a run goes on with the same.
    warn
        Told in a text that the file system has no locks, which keep other runs from the file.

    Returns
    -------
    Accumulator
        It holds a K x K matrix, also where there are fewer rows than columns.

    Raises
    ------
    KeyboardInterrupt, SystemExit
        On SIGINT and SIGTERM, between two blocks and after a last checkpoint. A second signal does
        not wait for that.
    BadDataError
        The file holds no run, or one of other settings or shards; a shard is no longer what it was;
        else as `spectrum_of_source`. The rows before are saved. Or another run has the file; or
        wrote it meanwhile, which then stands.
    OSError
        A shard cannot be read: the rows before are saved. Or the file cannot be written, and the
        error names it: the checkpoint before stands.
    """
    if skip_nonfinite:
        source = source.with_nulls_as_nan()
    settings = {"normalize": normalize, "method": method, "groups": groups}
    chosen = (rows, None if rows is None else seed)
    begin = partial(_Run, source, path, (device, precision), settings, chosen)
    run = begin()
    if run.finished:  # it is only read, by as many as like
        list(run.remaining(meter))
        return run.accumulator
    with locked(path, warn):
        # Another run may have gone on with it before the lock was had.
        return _run_to_its_end(begin(), skip_nonfinite, every, meter)


def _run_to_its_end(run: _Run, skip_nonfinite: bool, every: float, meter: Meter) -> Accumulator:
    """Take in what a run lacks, and save it; its file is locked."""
    run.accumulator._skipped.allowed = skip_nonfinite  # noqa: SLF001
    todo = list(run.remaining(meter))
    if run.finished:
        return run.accumulator
    remove_strays(run.path)
    with stops_kept() as stops:
        try:
            run.save()  # whether it can be written is known before the work, not an hour later
            _take_in(run, todo, every, meter, stops)
            run.finish()
        except BaseException as error:
            if not run.failed:
                run.save(stopped_by=error)
            raise
        stops.check()
    return run.accumulator


def load_finished(path: str) -> Accumulator:
    """Return a saved accumulator, whether a run wrote it or not.

    A run that has not come to its end is a BadDataError: its score would be that of some rows, or
    of shards that changed while they were read.
    """
    state = state_file.read(path)
    if state.run is not None:
        run = parse_run(state.run, path)
        require_finished(run, rows_seen(state.shards, state.skipped), path)
    return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001


def _take_in(
    run: _Run,
    todo: list[tuple[RowSource, int]],
    every: float,
    meter: Meter,
    stops: Stops,
) -> None:
    """Add the rows that are left, and save from time to time."""
    saved = time.monotonic()
    with closing(row_blocks(todo)) as blocks:
        while True:
            with stops.allowed():
                block = next(blocks, None)
            if block is None:
                return
            run.add(*block)
            meter.advance(len(block.rows), block.rows.nbytes)
            if time.monotonic() - saved >= every:
                run.save()
                saved = time.monotonic()


class _Run:
    """A run, its accumulator and the file that it is saved in."""

    def __init__(
        self,
        source: RowSource,
        path: str,
        place: tuple[str, str],  # device and precision
        settings: dict[str, Any],
        choice: tuple[int | None, int | None],
    ) -> None:
        self._choice = choice
        self.failed = False  # to save, or interrupted there
        self.path = path
        self._shards = {shard.identity.shard: shard for shard in source.shards}
        if len(self._shards) < len(source.shards):
            names = [shard.identity.shard for shard in source.shards]
            twice = next(name for name in names if names.count(name) > 1)
            raise BadDataError(twice, "is given twice, and would be counted twice")
        self._header: RunHeader | None = None  # in the file, where this run has read or written one
        try:
            state = state_file.read(path)
        except FileNotFoundError:
            more: dict[str, Any] = {
                "device": place[0],
                "precision": place[1],
                "tags": tags_of(source),
            }
            self.accumulator = Accumulator(source.n_cols, **settings, **more)
            return
        except ValueError as error:
            raise BadDataError(path, str(error).removeprefix(f"{path}: ")) from error
        self._require_types(state)
        self._require_settings(state, {"columns": source.n_cols, **settings})
        self._require_shards(state)
        self.accumulator = Accumulator._from_state(state, *place)  # noqa: SLF001

    @property
    def finished(self) -> bool:
        """Whether the file has the end of a run over just these shards."""
        header = self._header
        return header is not None and header.finished and header.shards == self._facts()

    def remaining(self, meter: Meter) -> Iterator[tuple[RowSource, int]]:
        """Yield the shards that are not complete, each with the row to resume at."""
        done = self._seen()
        for name, shard in self._shards.items():
            first = done.get(name, 0)
            meter.skip(first)
            if first < shard.n_rows:
                yield shard, first

    def add(self, shard: RowSource, first: int, rows: Any) -> None:
        """Take in a block of a shard."""
        with not_finite_in(shard, first):
            self.accumulator.update(rows, shard=shard.identity.shard)

    def finish(self) -> None:
        """Save for the last time; every shard has been read to its end and found unchanged."""
        done = self._seen()
        for name, shard in self._shards.items():
            check_count(shard, done.get(name, 0))
        self.save(finished=True)

    def save(self, *, finished: bool = False, stopped_by: BaseException | None = None) -> None:
        """Write a checkpoint."""
        header = RunHeader(self._facts(), finished, secrets.token_hex(8), *self._choice)
        state = self.accumulator._state()._replace(run=header._asdict())  # noqa: SLF001
        try:
            self._require_own()
            state_file.write(self.path, state)
        except OSError as error:
            self.failed = True
            reason = f"the checkpoint was not written: {error.strerror or error}"
            if isinstance(stopped_by, Exception):
                reason += f"; the run had stopped: {stopped_by}"
            raise OSError(error.errno, reason, self.path) from error
        except BaseException:
            self.failed = True
            raise
        self._header = header

    def _seen(self) -> dict[str, int]:
        """Count the rows of each shard that this run and those before it have read."""
        return rows_seen(self.accumulator.shards, self.accumulator._skipped.snapshot())  # noqa: SLF001

    def _facts(self) -> dict[str, tuple[int, str, int]]:
        """Return what the shards are now: size, version and number of rows."""
        return {
            name: (shard.identity.size, shard.identity.version, shard.n_rows)
            for name, shard in self._shards.items()
        }

    def _require_own(self) -> None:
        """Raise where the file has a checkpoint that this run did not write."""
        try:
            run = state_file.read_run(self.path)
        except FileNotFoundError:
            return  # not yet there, or removed: nothing is lost that this run does not hold
        except ValueError:
            run = None
        ours = None if self._header is None else self._header.checkpoint
        if run is None or run.get("checkpoint") != ours:
            raise BadDataError(
                self.path,
                "was written by another run meanwhile; two runs cannot share a file, and this one "
                "stops",
            )

    def _require_settings(self, state: state_file.State, now: dict[str, object]) -> None:
        """Refuse a file of other settings."""
        then = {
            "columns": state.dim,
            "normalize": state.normalize,
            "method": state.method,
            "groups": state.groups and len(state.groups.rows),
        }
        for name, value in now.items():
            if then[name] != value:
                raise BadDataError(
                    self.path, f"the run in it has {name} {then[name]}; wanted {value}"
                )
        header = None if state.run is None else parse_run(state.run, self.path)
        if header is not None and (header.rows, header.seed) != self._choice:
            raise BadDataError(
                self.path,
                f"the run in it takes {words_of_choice(header.rows, header.seed)}; wanted "
                f"{words_of_choice(*self._choice)}; go on as it began, or start again with another "
                f"file",
            )

    def _require_types(self, state: state_file.State) -> None:
        """Refuse bytes that the run took for another type; then their width says little."""
        header = None if state.run is None else parse_run(state.run, self.path)
        for name, facts in self._facts().items():
            then = None if header is None else header.shards.get(name)
            if then is None or then == facts or not state.shards.get(name):
                continue
            (old, _, was), (new, _, now) = (one[1].partition(TOLD) for one in (then, facts))
            if was != now and (then[0], old) == (facts[0], new):
                began = was or "float32 without being told so, as before the first release"
                way = f"go on with --dtype {was}, or start" if was else "start"
                raise BadDataError(
                    self._shards[name].name,
                    f"the run in {self.path} took its bytes for {began}, and they are {now} now; "
                    f"{way} again with another file",
                )

    def _require_shards(self, state: state_file.State) -> None:
        """Refuse a file that is of no run, or of other shards."""
        if state.run is None or sum(state.shards.values()) != state.n_rows:
            raise BadDataError(
                self.path,
                "holds a saved accumulator, but no run that could go on; wanted a file that "
                "'rankme score --state' wrote",
            )
        self._header = parse_run(state.run, self.path)
        facts = self._facts()
        for name, rows in rows_seen(state.shards, state.skipped).items():
            if name not in facts:
                raise BadDataError(
                    self.path,
                    f"holds {rows} rows of {name}, which is not among the files now; start again "
                    f"with another file (before the first release a folder was all files in it, "
                    f"the dead ones of a table among them)",
                )
            then = self._header.shards.get(name)
            if then != facts[name]:
                raise BadDataError(
                    self._shards[name].name,
                    f"changed since {self.path} took in {rows} rows of it: then "
                    f"{words_of_facts(then)}, now {words_of_facts(facts[name])}; start again with "
                    f"another file",
                )
