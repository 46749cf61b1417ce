"""A run that is killed, interrupted or out of disk goes on and counts every row once."""

import json
import resource
import signal
import time

import numpy as np
import pytest

import rankme
from command import run
from helpers import contents, sparse_npy
from runs import ROWS, WIDTH, record, rows_in, running, start, wait_for_rows, write_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("resume") / "shards")


@pytest.fixture(scope="module")
def undisturbed(shards, tmp_path_factory):
    """State and record of a run that nothing happened to, in one thread."""
    state = tmp_path_factory.mktemp("undisturbed") / "run.rankme"
    result = record(shards, "--state", state, RANKME_NUM_THREADS="1")
    assert result["n_rows"] == sum(ROWS)
    return rankme.Accumulator.load(state), result


@pytest.fixture
def endless(tmp_path):
    """16 GB of zeros that take no room on the disk, and longer than any test."""
    path = tmp_path / "zeros.npy"
    sparse_npy(path, 8_000_000, WIDTH)
    return path


def finish(shards, state, stop, dice, **extra):
    """Run until it ends by itself, stopping it at any moment after its first new checkpoint.

    A run that ends before it could be stopped the first time begins again.
    """
    stops = 0
    while True:
        process = start(shards, "--state", state, "--checkpoint-every", 0, **extra)
        if wait_for_rows(process, state, rows_in(state)):
            time.sleep(0.15 * dice.random())
            process.send_signal(stop)
        output, errors = process.communicate(timeout=120)
        if process.returncode == 0 and stops == 0:
            state.unlink()
        elif process.returncode == 0:
            return json.loads(output), stops
        else:
            # After its last line Python has SIGINT to itself, and dies of it.
            expected = {130, -stop} if stop == signal.SIGINT else {-stop}
            assert process.returncode in expected, errors
            stops += 1


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT], ids=lambda stop: stop.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_stopped_driver_goes_on_and_counts_every_row_once(
    shards, undisturbed, tmp_path, stop, seed
):
    state = tmp_path / "run.rankme"
    result, stops = finish(shards, state, stop, np.random.default_rng(seed), RANKME_NUM_THREADS="1")
    assert stops >= 1
    acc, expected = undisturbed
    assert_same(result, expected)
    held = rankme.Accumulator.load(state)
    # A checkpoint lies between two blocks, so the blocks are the same. They are added up in another
    # order: what a run has is put together where it is saved.
    assert held.shards == acc.shards
    assert contents(held)["longest_block"] == contents(acc)["longest_block"]
    np.testing.assert_allclose(held.gram(), acc.gram(), rtol=1e-12, atol=1e-13 * acc.gram().max())


def assert_same(result, expected):
    """Two records that differ in the last digits of a score alone."""
    rounded = ("rankme", "low", "high")
    for key in expected.keys() | result.keys():
        if key in rounded:
            assert result[key] == pytest.approx(expected[key], rel=1e-11)
        else:
            assert result[key] == expected[key]


def test_with_threads_it_is_the_same_to_rounding(shards, undisturbed, tmp_path):
    state = tmp_path / "run.rankme"
    result, stops = finish(
        shards, state, signal.SIGKILL, np.random.default_rng(9), RANKME_NUM_THREADS="2"
    )
    assert stops >= 1
    acc, expected = undisturbed
    assert_same(result, expected)
    assert rankme.Accumulator.load(state).shards == acc.shards


def test_ctrl_c_writes_a_last_checkpoint(endless, tmp_path):
    state = tmp_path / "run.rankme"
    with running(endless, "--state", state, "--checkpoint-every", 3600) as process:
        while not state.exists():  # the first one, which is empty
            time.sleep(0.01)
        time.sleep(2)
        before = rows_in(state)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert before == 0
    assert process.returncode == 130
    assert errors == "rankme: error: interrupted\n"
    assert 0 < rows_in(state) < 8_000_000
    assert rows_in(state) % 8192 == 0


def test_checkpoints_come_by_time(endless, tmp_path):
    state = tmp_path / "run.rankme"
    with running(endless, "--state", state, "--checkpoint-every", 0.2) as process:
        seen = 0
        for _ in range(3):
            assert wait_for_rows(process, state, seen)
            seen = rows_in(state)


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(endless, tmp_path):
    state = tmp_path / "run.rankme"
    with running(endless, "--state", state, "--checkpoint-every", 0) as process:
        assert wait_for_rows(process, state, 0)
        # From now on it can write no more than this to any file, as on a disk that is full.
        limits = (100_000, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == f"rankme: error: {state}: the checkpoint was not written: File too large\n"
    assert rows_in(state) > 0
    assert list(tmp_path.glob(".rankme-*")) == []
    rows = rows_in(state)
    with running(endless, "--state", state, "--checkpoint-every", 0) as process:
        assert wait_for_rows(process, state, rows)


def test_a_state_that_cannot_be_written_is_known_before_the_work(endless, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    limits = (100_000, resource.RLIM_INFINITY)
    with running(endless, "--state", folder / "run.rankme") as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the checkpoint was not written" in errors
    assert list(folder.iterdir()) == []


def test_a_finished_run_prints_its_score_at_once(shards, undisturbed, tmp_path):
    state = tmp_path / "run.rankme"
    first = record(shards, "--state", state)
    before = state.stat().st_mtime_ns, state.read_bytes()
    assert record(shards, "--state", state) == first
    assert (state.stat().st_mtime_ns, state.read_bytes()) == before
    centred = record(shards, "--state", state, "--center", "--eps", 0)
    plain = record(shards, "--center", "--eps", 0)
    assert centred["rankme"] == pytest.approx(plain["rankme"], rel=1e-12)
    assert first["rankme"] == pytest.approx(undisturbed[1]["rankme"], rel=1e-12)
    assert run("merge", state).returncode == 0
