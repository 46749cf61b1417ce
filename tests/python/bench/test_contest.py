"""Workers are held to cores, threads, memory and time, and a failure is an entry that says so."""

import os
import signal

import numpy as np
import pytest
import torch

from rankme.bench import competitors, measure, tables, worker
from rankme.bench.client import Worker, WorkerError, without_paths
from rankme.bench.competitors import GRAM, PEERS, SCORE, Competitor
from rankme.bench.contest import Contest
from rankme.bench.matrices import write_power_law
from rankme.bench.records import Group


def no_tell(step):
    assert step


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "z.npy"
    write_power_law(path, rows=64, columns=8)
    return path


def test_a_competitor_that_is_not_installed_is_named(small):
    absent = Competitor("scipy-svdvals", "svdvals", "rankme_no_such_module", "no-such-package")
    contest = Contest([SCORE[0], absent], small, threads=1, tell=no_tell)
    contest.run(2)
    ours, entry = contest.entries
    assert len(ours.seconds) == 2
    assert (entry.failure, entry.installed) == ("not installed (no-such-package)", False)
    table = tables.score_table(Group(64, 8, contest.entries)).markdown()
    assert "svdvals: not installed (no-such-package)" in table


def test_a_competitor_that_fails_is_an_entry_and_the_others_go_on(small):
    unknown = Competitor("no-such-job", "broken", "numpy", "numpy")
    contest = Contest([unknown, SCORE[0]], small, threads=1, tell=no_tell)
    contest.run(1)
    assert contest.entries[0].failure == "KeyError: 'no-such-job'"
    assert len(contest.entries[1].seconds) == 1


def test_a_killed_worker_is_reported(small):
    with Worker("numpy-svd", threads=1) as one:
        one.ask("open", path=str(small))
        os.kill(one._process.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="SIGKILL, probably out of memory"):
            one.ask("run")


def test_a_worker_out_of_memory_is_reported(tmp_path):
    # K x K float64 would need more than the 128 TiB that a process can address.
    path = tmp_path / "wide.npy"
    np.save(path, np.zeros((1, 4_500_000), dtype=np.float32))
    contest = Contest([GRAM[1]], path, threads=1, tell=no_tell)
    contest.run(1)
    assert contest.entries[0].failure == "out of memory"


def test_peak_memory_sees_a_copy_that_a_competitor_makes(tmp_path):
    path = tmp_path / "z.npy"
    write_power_law(path, rows=100_000, columns=64)
    keys = ("ours", "numpy-gram64")
    contest = Contest([one for one in SCORE if one.key in keys], path, threads=1, tell=no_tell)
    contest.run(0)
    ours, shortcut = contest.entries
    copy = 100_000 * 64 * 8 / 2**20
    assert copy - 1 < shortcut.peak_mib < copy + 64
    assert ours.peak_mib < 64 + 3 * 64**2 * 8 / 2**20


@pytest.mark.parametrize("threads", range(1, min(2, len(os.sched_getaffinity(0))) + 1))
def test_a_worker_is_held_to_cores_and_threads(small, threads):
    with Worker("ours", threads=threads) as one:
        told = one.ask("open", path=str(small))["libraries"]
        assert len(os.sched_getaffinity(one._process.pid)) == threads
    assert told["rankme"].endswith(f", {threads} threads")
    assert told["numpy"].endswith(f", {threads} threads")


def test_processor_time_is_kept_beside_wall_time(small):
    contest = Contest([SCORE[0]], small, threads=1, tell=no_tell)
    contest.run(3)
    (entry,) = contest.entries
    assert len(entry.processor) == len(entry.seconds) == 3
    assert all(one > 0 for one in entry.processor)


def test_a_peer_over_its_memory_is_told_so(tmp_path):
    path = tmp_path / "z.npy"
    write_power_law(path, rows=40_000, columns=8)  # the similarities take 6 GiB
    vendi = PEERS[2].measured[2]
    contest = Contest([vendi], path, threads=1, tell=no_tell, limits=(2 * 2**30, 60.0))
    contest.run(1)
    assert contest.entries[0].failure == "out of memory (limit 2 GiB)"


def test_a_peer_over_its_time_is_told_so(small):
    one = Worker("numpy-svd", threads=1, seconds=0.001)
    with one, pytest.raises(WorkerError, match=r"out of time \(limit 0.001 s\)"):
        one.ask("open", path=str(small))
    assert one._process.returncode == -signal.SIGKILL


def test_an_allocation_that_fails_in_torch_is_out_of_memory():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**46)  # more than a process can address
    assert worker.in_words(error.value) == "out of memory"
    assert worker.in_words(RuntimeError("another\nerror")) == "RuntimeError: another"


def test_limits_of_peers_follow_the_memory():
    memory, seconds = measure.peer_limits()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory % 2**30 == 0
    assert memory == 2**30 or 0.75 * total - 2**30 < memory <= 0.75 * total
    assert seconds == measure.PEER_SECONDS


@pytest.mark.parametrize("rate", [1e9, 1e11, 1e14])
@pytest.mark.parametrize("columns", competitors.FULL.widths)
def test_gram_runs_are_sized_by_time_and_by_memory(columns, rate):
    rows = measure.gram_rows(columns, rate=rate)
    assert rows % measure.GRAM_ROUNDING == 0
    assert rows == measure.GRAM_ROUNDING or (
        2 * rows * columns**2 / rate <= measure.GRAM_RUN_SECONDS
        and 8 * rows * columns <= measure.GRAM_OPERAND_BYTES
    )


def test_folders_are_dropped_from_messages():
    told = without_paths("OSError: cannot open '/opt/x/libtbb.so.12', 3/4 of https://x.org/y")
    assert told == "OSError: cannot open 'libtbb.so.12', 3/4 of https://x.org/y"
