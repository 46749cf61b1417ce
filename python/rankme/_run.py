"""A run over the shards of a source that is saved on its way and goes on where it stopped.

Its file is the saved state of an accumulator, whose table of shards says how many rows of which
shard are in: the two are saved as one, so that a row is in both or in neither. The header's ``run``
tells what the shards were when the run read them::

    {"shards": {id: [size in bytes, version, number of rows]}}
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from rankme import _state_file
from rankme._accumulator import Accumulator
from rankme._errors import NonFiniteError
from rankme._stream import not_finite
from rankme.sources import BadDataError, row_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme._stream import Meter
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
) -> Accumulator:
    """Take in all rows of a source, each once, over as many runs as that takes.

    Parameters
    ----------
    source
        Where the rows come from.
    path
        The file of the run: made where it is not there, gone on from where it is.
    normalize, method, device
        As in `rankme.Accumulator`. A run may go on on another device than it began on.
    every
        Seconds from one checkpoint to the next; 0 saves after every block.
    meter
        Told of the bytes that are in, those of earlier runs among them.

    Returns
    -------
    Accumulator
        It holds a K x K matrix, also where there are fewer rows than columns.

    Raises
    ------
    KeyboardInterrupt
        On SIGINT, between two blocks and after a last checkpoint.
    BadDataError
        The file holds no run, or one of other settings or shards; a shard is no longer what it was;
        else as `rankme._stream.spectrum_of_source`. The rows before are saved.
    OSError
        A shard cannot be read: the rows before are saved. Or the file cannot be written, and the
        error names it: the checkpoint before stands.
    """
    run = _Run(source, path, normalize=normalize, method=method, device=device)
    todo = list(run.remaining(meter))
    if not todo:
        return run.accumulator
    run.save()  # whether it can be written is known before the work, and not an hour later
    with _interrupts() as interrupts:
        try:
            _take_in(run, todo, every, meter, interrupts)
        except BaseException:
            if not run.failed:
                run.save()
            raise
        run.save()
        interrupts.check()
    return run.accumulator


def load_finished(path: str) -> Accumulator:
    """Return a saved accumulator, of a run or of anybody.

    Parameters
    ----------
    path

    Raises
    ------
    BadDataError
        It is that of a run which has not come to its end; its score would be that of some rows.
    OSError, ValueError
        As `Accumulator.load`.
    """
    state = _state_file.read(path)
    for shard, (_, _, n_rows) in _planned(state).items():
        rows = state.shards.get(shard, 0)
        if rows != n_rows:
            raise BadDataError(
                path,
                f"the run in it is not finished: it has {rows} of {n_rows} rows of {shard}; go on "
                f"with 'rankme score --state'",
            )
    return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001


def _take_in(
    run: _Run,
    todo: list[tuple[RowSource, int]],
    every: float,
    meter: Meter,
    interrupts: _Interrupts,
) -> None:
    saved = time.monotonic()
    with closing(row_blocks(todo)) as blocks:
        while True:
            with interrupts.allowed():
                block = next(blocks, None)
            if block is None:
                return
            run.add(*block)
            meter.advance(block.rows.nbytes)
            if time.monotonic() - saved >= every:
                run.save()
                saved = time.monotonic()


class _Run:
    def __init__(
        self, source: RowSource, path: str, *, normalize: bool, method: str, device: str
    ) -> None:
        self.failed = False  # to save
        self._path = path
        self._shards = {shard.identity.shard: shard for shard in source.shards}
        if len(self._shards) < len(source.shards):
            names = [shard.identity.shard for shard in source.shards]
            twice = next(name for name in names if names.count(name) > 1)
            raise BadDataError(twice, "is given twice, and would be counted twice")
        try:
            state = _state_file.read(path)
        except FileNotFoundError:
            self.accumulator = Accumulator(
                source.n_cols, normalize=normalize, method=method, device=device
            )
            return
        except ValueError as error:
            raise BadDataError(path, str(error).removeprefix(f"{path}: ")) from error
        self._require_settings(
            state, {"columns": source.n_cols, "normalize": normalize, "method": method}
        )
        self._require_shards(state)
        self.accumulator = Accumulator._from_state(state, device, "float64")  # noqa: SLF001

    def remaining(self, meter: Meter) -> Iterator[tuple[RowSource, int]]:
        """Yield the shards that are not complete, each with the row to go on from."""
        done = self.accumulator.shards
        for name, shard in self._shards.items():
            first = done.get(name, 0)
            meter.advance(first * shard.n_cols * shard.dtype.itemsize)
            if first < shard.n_rows:
                yield shard, first

    def add(self, shard: RowSource, first: int, rows: Any) -> None:
        try:
            self.accumulator.update(rows, shard=shard.identity.shard)
        except NonFiniteError as error:
            raise not_finite(shard, first + error.row, error.column, error.value) from error

    def save(self) -> None:
        plan = {
            name: [shard.identity.size, shard.identity.version, shard.n_rows]
            for name, shard in self._shards.items()
        }
        state = self.accumulator._state()._replace(run={"shards": plan})  # noqa: SLF001
        try:
            _state_file.write(self._path, state)
        except OSError as error:
            self.failed = True
            reason = f"the checkpoint was not written: {error.strerror or error}"
            raise OSError(error.errno, reason, self._path) from error

    def _require_settings(self, state: _state_file.State, now: dict[str, object]) -> None:
        then = {"columns": state.dim, "normalize": state.normalize, "method": state.method}
        for name, value in now.items():
            if then[name] != value:
                raise BadDataError(
                    self._path, f"the run in it has {name} {then[name]}; wanted {value}"
                )

    def _require_shards(self, state: _state_file.State) -> None:
        if state.run is None or sum(state.shards.values()) != state.n_rows:
            raise BadDataError(
                self._path,
                "holds a saved accumulator, but no run that could go on; wanted a file that "
                "'rankme score --state' wrote",
            )
        plan = _planned(state)
        for name, rows in state.shards.items():
            shard = self._shards.get(name)
            if shard is None:
                raise BadDataError(
                    self._path, f"holds {rows} rows of {name}, which is not among the files now"
                )
            now = (shard.identity.size, shard.identity.version, shard.n_rows)
            if plan.get(name) != now:
                raise BadDataError(
                    shard.name,
                    f"changed since {self._path} took in {rows} rows of it: then "
                    f"{_words(plan.get(name))}, now {_words(now)}; start again with another file",
                )


def _planned(state: _state_file.State) -> dict[str, tuple[int, str, int]]:
    """Return size, version and rows of the shards of a run; none where it is no run."""
    try:
        shards = {} if state.run is None else state.run["shards"]
        return {shard: (size, version, n_rows) for shard, (size, version, n_rows) in shards.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("the header has a run of another form") from None


def _words(facts: tuple[int, str, int] | None) -> str:
    if facts is None:
        return "unknown"
    size, version, n_rows = facts
    return f"{size} bytes, {version}, {n_rows} rows"


class _Interrupts:
    """SIGINT becomes a KeyboardInterrupt where that is allowed, and is kept until then elsewhere.

    A second one does not wait: whoever presses Ctrl-C again wants the process to end.
    """

    def __init__(self) -> None:
        self._allowed = False
        self._pending = False

    def handle(self, *_: object) -> None:
        if self._allowed or self._pending:
            raise KeyboardInterrupt
        self._pending = True

    @contextmanager
    def allowed(self) -> Iterator[None]:
        self._allowed = True
        try:
            self.check()
            yield
        finally:
            self._allowed = False

    def check(self) -> None:
        if self._pending:
            raise KeyboardInterrupt


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    interrupts = _Interrupts()
    # Only the main thread can take signals, and a handler of somebody else's is left alone.
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
