"""The read-ahead: in order, bounded, and gone when nobody listens any more."""

import itertools
import threading
import time

import numpy as np
import pytest
import threadpoolctl

from rankme.sources import RowSource, open_source, parquet, row_blocks
from rankme.sources._bytes.read_ahead import DEPTH, HOLD, read_ahead, read_in_parallel
from source_files import matrix, write


class Counted(RowSource):
    """Blocks of 2 rows, in a ring as small as allowed, that notes how far it was read."""

    def __init__(self, n_rows, *, fail_at=None):
        self.name = "counted"
        self.n_rows, self.n_cols, self.dtype = n_rows, 3, np.dtype(np.float32)
        self.fail_at = fail_at
        self.read = 0
        self.open = 0

    def blocks(self, start=0, *, hold=0):
        ring = [np.empty((2, 3), np.float32) for _ in range(hold + 1)]
        self.open += 1
        try:
            for turn, first in enumerate(range(start, self.n_rows, 2)):
                if first == self.fail_at:
                    raise OSError("gone")
                block = ring[turn % len(ring)][: self.n_rows - first]
                block[:] = first + np.arange(len(block))[:, None]
                self.read = first + len(block)
                yield block
        finally:
            self.open -= 1


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "rankme read-ahead"]


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("start", [0, 1, 50, 101])
def test_every_row_comes_once_and_in_order(ahead, start):
    shards = [(Counted(101), start), (Counted(7), 0)]
    seen = []
    for source, first, rows in row_blocks(shards, ahead=ahead):
        if first % 8 == 0:
            time.sleep(0.001)  # the reader gets as far ahead as it may
        assert rows[0, 0] == first
        seen.append((source, rows[:, 0].copy()))
    for source, begin in shards:
        rows = [values for owner, values in seen if owner is source]
        expected = np.arange(begin, source.n_rows)
        np.testing.assert_array_equal(np.concatenate([*rows, []]), expected)
    assert readers() == []


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("stop", [1, 2, 7, 50, 101])
def test_no_block_beyond_the_stop_is_read(ahead, stop):
    source = Counted(101)
    rows = [rows[:, 0].copy() for _, _, rows in row_blocks([(source, 0)], stop=stop, ahead=ahead)]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(stop))
    assert source.read == min(stop + stop % 2, 101)
    assert source.open == 0
    assert readers() == []


def test_reading_stays_a_few_blocks_ahead():
    source = Counted(1000)
    blocks = row_blocks([(source, 0)])
    for step in range(1, 20):
        next(blocks)
        time.sleep(0.005)
        assert source.read <= 2 * (step + DEPTH + 1)
    blocks.close()
    assert source.open == 0
    assert readers() == []


def test_an_error_comes_after_the_blocks_before_it():
    blocks = row_blocks([(Counted(100, fail_at=40), 0)])
    rows = []
    with pytest.raises(OSError, match="gone"):
        rows.extend(len(block.rows) for block in blocks)
    assert sum(rows) == 40
    assert readers() == []


def test_an_error_of_the_user_ends_the_reader():
    source = Counted(1000)

    def use():
        with read_ahead(lambda: source.blocks(hold=HOLD)) as blocks:
            raise ZeroDivisionError(next(blocks))

    with pytest.raises(ZeroDivisionError):
        use()
    assert source.open == 0
    assert readers() == []


def test_a_reader_that_hangs_does_not_hold_up_the_end():
    release = threading.Event()

    def hang():
        yield 1
        release.wait()

    began = time.monotonic()
    with read_ahead(hang) as items:
        assert next(items) == 1
    assert time.monotonic() - began < 5
    release.set()
    for thread in readers():
        thread.join()


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_jobs_in_parallel_keep_their_order(workers):
    def job(number):
        def items():
            for item in range(number % 4 + 1):
                time.sleep(0.001 * (number % 3))
                yield number, item

        return items

    found = list(read_in_parallel(map(job, range(12)), workers))
    assert found == [(job, item) for job in range(12) for item in range(job % 4 + 1)]
    assert readers() == []


def test_no_more_jobs_run_than_workers():
    started = itertools.count()
    running = []

    def job():
        running.append(next(started))
        yield from range(5)

    items = read_in_parallel([job] * 10, 2)
    next(items)
    time.sleep(0.02)
    assert running == [0, 1]
    items.close()
    assert readers() == []


@pytest.mark.parametrize(("budget", "decoders"), [(1, 1), (2, 1), (5, 2), (8, 4), (16, 4)])
def test_parquet_is_decoded_within_the_thread_budget(tmp_path, monkeypatch, budget, decoders):
    asked = []

    def spied(jobs, workers):
        asked.append(workers)
        return read_in_parallel(jobs, workers)

    monkeypatch.setattr(parquet, "read_in_parallel", spied)
    rows = matrix(200, 5)
    source = open_source(write(tmp_path, "parquet", rows))
    with threadpoolctl.threadpool_limits(limits=budget, user_api="blas"):
        np.testing.assert_array_equal(np.concatenate(list(source.blocks(hold=200))), rows)
    assert asked == [decoders]


def test_nothing_comes_after_the_end():
    with read_ahead(lambda: iter_of(range(10))) as items:
        assert next(items) == 0
    assert list(items) == []  # it does not wait for the thread that is gone


def iter_of(values):
    yield from values
