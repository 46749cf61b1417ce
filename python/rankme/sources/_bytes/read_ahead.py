"""Blocks that are read by a thread while the last ones are being used."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator

    from numpy.typing import NDArray

    from rankme.sources._source import RowSource

__all__ = ["HOLD", "Block", "read_ahead", "read_in_parallel", "row_blocks"]

T = TypeVar("T")

# Blocks that are ready and wait. One would do for steady rates; two bridge a slow read.
DEPTH = 2
# While the user holds a block, DEPTH others wait and one more is being filled.
HOLD = DEPTH + 1
# A thread that hangs in a read of the network is left behind, rather than that Ctrl-C hangs too.
PATIENCE = 2.0


class Block(NamedTuple):
    """Some rows of a source.

    Attributes
    ----------
    source : RowSource
    first : int
        Where the rows begin in it.
    rows : numpy.ndarray
        Shape (n, K).
    """

    source: RowSource
    first: int
    rows: NDArray[Any]


def row_blocks(
    shards: Iterable[tuple[RowSource, int]], *, stop: int | None = None, ahead: bool = True
) -> Generator[Block, None, None]:
    """Yield the rows of sources, one after the other, read ahead by a thread.

    Parameters
    ----------
    shards
        Sources, each with the first row that is wanted of it.
    stop
        The row of a source before which its last block ends, if that is not its last row. No block
        beyond it is read.
    ahead
        Whether to read ahead; else a block is read when it is asked for.

    Yields
    ------
    Block
        Valid until the next one is asked for.

    Raises
    ------
    BadDataError, OSError
        As :meth:`RowSource.blocks`, after the blocks before the error.
    """
    if not ahead:
        yield from _blocks_of(shards, stop, 0)
        return
    with read_ahead(lambda: _blocks_of(shards, stop, HOLD)) as blocks:
        yield from blocks


def _blocks_of(
    shards: Iterable[tuple[RowSource, int]], stop: int | None, hold: int
) -> Generator[Block, None, None]:
    """Yield the blocks of sources, each from its first wanted row on."""
    for source, start in shards:
        first = start
        for rows in source.blocks(start, hold=hold):
            yield Block(source, first, rows if stop is None else rows[: stop - first])
            first += len(rows)
            if stop is not None and first >= stop:
                # Only a reader that comes to the end of a file looks by itself.
                source.check_unchanged()
                break


@contextmanager
def read_ahead(
    items: Callable[[], Generator[T, None, None]], depth: int = DEPTH
) -> Iterator[Iterator[T]]:
    """Run an iterator in a thread of its own, a few steps ahead.

    Parameters
    ----------
    items
        Called in the thread; makes the iterator. An item must outlive ``depth + 1`` further steps.
    depth
        How many items may be ready and wait.

    Yields
    ------
    iterator
        The items in order. An error of the other iterator is raised here when its turn comes. The
        thread ends with the context, whatever ends that.
    """
    reader = _Reader(items, depth)
    try:
        yield reader.items
    finally:
        _end([reader])


def read_in_parallel(
    jobs: Iterable[Callable[[], Generator[T, None, None]]], workers: int
) -> Generator[T, None, None]:
    """Chain iterators in order, while threads run the next ones a few steps ahead.

    Parameters
    ----------
    jobs
        Each makes an iterator.
    workers
        How many run at the same time, each two items ahead at most: one waits, one is being made.

    Yields
    ------
    object
        The items of the first, then those of the second, and so on.
    """
    waiting: deque[_Reader[T]] = deque()
    upcoming = iter(jobs)
    try:
        while True:
            while len(waiting) < workers and (job := next(upcoming, None)) is not None:
                # Memory is for the items of all, and one that waits keeps each busy.
                waiting.append(_Reader(job, 1))
            if not waiting:
                return
            yield from waiting[0].items
            _end([waiting.popleft()])
    finally:
        _end(waiting)


class _Reader(Generic[T]):
    """A thread that runs an iterator; it does not keep the process from its end."""

    def __init__(self, items: Callable[[], Generator[T, None, None]], depth: int) -> None:
        self.items: _Channel[T] = _Channel(depth)
        self.thread = threading.Thread(
            target=self._run, args=(items,), name="rankme read-ahead", daemon=True
        )
        self.thread.start()

    def _run(self, items: Callable[[], Generator[T, None, None]]) -> None:
        """Run the iterator until its end, an error, or a closed channel."""
        try:
            # Closed at once when the channel is, and with it the files.
            with closing(items()) as iterator:
                for item in iterator:
                    if not self.items.put(item):
                        return
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads
            self.items.fail(error)
        else:
            self.items.finish()


def _end(readers: Collection[_Reader[Any]]) -> None:
    """Close the channels and wait for the threads, for a limited time."""
    for reader in readers:
        reader.items.close()
    deadline = time.monotonic() + PATIENCE  # of all together
    for reader in readers:
        reader.thread.join(max(0.0, deadline - time.monotonic()))


class _Channel(Generic[T]):
    """A bounded queue between one thread that puts and one that iterates."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._finished = False
        self._closed = False

    def put(self, item: T) -> bool:
        """Wait for room and add an item; False where the channel was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._depth)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def finish(self) -> None:
        """Tell the reader that no item follows."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Raise an error in the reader after the items before it."""
        with self._changed:
            self._error = error
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what waits, and let `put` refuse more."""
        with self._changed:
            self._closed = self._finished = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._finished)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            raise StopIteration
