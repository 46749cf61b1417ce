"""What a run's file says of others: other runs, shards that changed, parts that are not whole."""

import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest

import rankme
from command import error_line, run
from helpers import sparse_npy
from oracles import moderate
from rankme._accumulators import state_file
from rankme._scoring import resumable
from rankme._scoring.lock import locked
from rankme._scoring.meter import NoMeter
from rankme.sources import BadDataError, Identity, RowSource, open_source
from runs import record, rows_in, running, start, wait_for_rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(3):
        np.save(f"part-{i}.npy", moderate(i, 100 + i, 8))
    return tmp_path


def test_a_shard_that_changes_while_it_is_read_is_no_finished_part(folder):
    sparse_npy(folder / "zeros.npy", 400_000, 512)
    state = folder / "run.rankme"
    with running("zeros.npy", "--state", state, "--checkpoint-every", 0) as process:
        assert wait_for_rows(process, state, 0)
        os.utime("zeros.npy", ns=(1, 1))
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.startswith("rankme: error: zeros.npy: ")
    assert "changed" in errors
    assert rows_in(state) == 400_000  # and still it is not finished
    merged = run("merge", "run.rankme")
    assert merged.returncode == 1
    assert "stopped before it had seen that no shard changed meanwhile" in error_line(merged)
    again = run("score", "zeros.npy", "--state", "run.rankme")
    assert again.returncode == 1
    assert error_line(again).startswith("zeros.npy: changed since run.rankme took in 400000 rows")


def test_a_state_does_not_belong_to_the_pattern_that_it_lies_in(folder):
    for _ in range(2):
        assert record("*", "--state", folder / "run.rankme")["n_rows"] == 303


@pytest.mark.usefixtures("folder")
def test_a_run_that_has_all_rows_but_no_end_goes_on_to_its_end():
    record("part-0.npy", "--state", "run.rankme")
    state = state_file.read("run.rankme")
    state_file.write("run.rankme", state._replace(run={**state.run, "finished": False}))
    assert run("merge", "run.rankme").returncode == 1
    assert record("part-0.npy", "--state", "run.rankme")["n_rows"] == 100
    assert run("merge", "run.rankme").returncode == 0


@pytest.mark.usefixtures("folder")
def test_a_planned_shard_without_rows_may_be_given_up():
    bad = moderate(7, 50, 8)
    bad[0, 0] = np.inf
    np.save("bad.npy", bad)
    paths = ["--pool", "part-0.npy", "bad.npy"]
    assert run("score", *paths, "--state", "run.rankme").returncode == 1
    assert run("merge", "run.rankme").returncode == 1
    assert record("part-0.npy", "--state", "run.rankme")["n_rows"] == 100
    assert run("merge", "run.rankme").returncode == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("run_of", [{}, {"shards": {}}, {"shards": [], "finished": 1}])
def test_a_header_of_another_form_names_its_file(run_of):
    record("part-0.npy", "--state", "run.rankme")
    state_file.write("run.rankme", state_file.read("run.rankme")._replace(run=run_of))
    for args in (["merge", "run.rankme"], ["score", "part-0.npy", "--state", "run.rankme"]):
        result = run(*args)
        assert result.returncode == 1
        assert error_line(result) == "run.rankme: the header has a run of another form"


@pytest.mark.usefixtures("folder")
def test_shards_that_no_run_planned_are_no_finished_part():
    record("part-0.npy", "--state", "run.rankme")
    state = state_file.read("run.rankme")
    state_file.write("run.rankme", state._replace(run={**state.run, "shards": {}}))
    assert "it has 100 of 0 rows" in error_line(run("merge", "run.rankme"))


def test_two_runs_that_begin_together_do_not_share_a_file(folder):
    for i in range(2):
        sparse_npy(folder / f"zeros-{i}.npy", 100_000 + i, 512)
    state = folder / "run.rankme"
    runs = [start(f"zeros-{i}.npy", "--state", state, "--checkpoint-every", 0) for i in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in runs]
    codes = [process.returncode for process in runs]
    assert sorted(codes) == [0, 1]
    loser = codes.index(1)
    assert f"{state}: another run uses it now" in errors[loser] or (
        "not among the files now" in errors[loser]  # it began a little later
    )
    winner = str(folder / f"zeros-{1 - loser}.npy")
    assert rankme.Accumulator.load(state).shards == {winner: 100_001 - loser}


def test_a_second_run_is_refused_and_the_first_goes_on(folder):
    sparse_npy(folder / "zeros.npy", 4_000_000, 512)
    state = folder / "run.rankme"
    args = ("--state", state, "--checkpoint-every", 0.2)
    with running("zeros.npy", *args) as process:
        assert wait_for_rows(process, state, 0)
        second = run("score", "zeros.npy", *args)
        assert (second.returncode, second.stdout) == (1, "")
        assert error_line(second).startswith(f"{state}: another run uses it now; two runs cannot")
        held = rankme.Accumulator.load(state).n_rows
        assert wait_for_rows(process, state, held)  # the first one does not mind
        process.kill()
        process.wait()
    assert (folder / "run.rankme.lock").exists()
    (folder / "zeros.npy").unlink()
    # What a killed run has left is in nobody's way, neither as a lock nor as a file of a set.
    state.unlink()
    assert record("*", "--state", state)["n_rows"] == 303
    assert not (folder / "run.rankme.lock").exists()


def test_a_run_at_its_end_is_read_by_as_many_as_like(folder):
    first = record("part-0.npy", "--state", "run.rankme")
    with locked(str(folder / "run.rankme"), pytest.fail):
        assert record("part-0.npy", "--state", "run.rankme") == first


def test_a_run_does_not_replace_the_file_of_another(folder):
    record("part-0.npy", "--state", "other.rankme")
    other = Path("other.rankme").read_bytes()
    sparse_npy(folder / "zeros.npy", 4_000_000, 512)
    state = folder / "run.rankme"
    with running("zeros.npy", "--state", state, "--checkpoint-every", 0.2) as process:
        assert wait_for_rows(process, state, 0)
        Path("other.rankme").rename(state)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was written by another run meanwhile" in errors
    assert state.read_bytes() == other


def test_a_file_that_is_none_of_ours_is_not_read(folder):
    # Of this size it would take longer than the test, and more memory than there is.
    sparse_npy(folder / "zeros.npy", 2**31, 512)
    began = time.monotonic()
    result = run("score", "part-0.npy", "--state", "zeros.npy")
    assert result.returncode == 1
    assert error_line(result) == "zeros.npy: not a saved rankme.Accumulator"
    assert error_line(run("merge", "zeros.npy")) == "zeros.npy: not a saved rankme.Accumulator"
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("folder")
def test_an_error_of_reading_names_the_state():
    # The kernel answers EIO to who reads the memory of a process at address 0.
    for args in (["merge", "/proc/self/mem"], ["score", "part-0.npy", "--state", "/proc/self/mem"]):
        result = run(*args)
        assert result.returncode == 1
        assert error_line(result) == f"/proc/self/mem: {os.strerror(errno.EIO)}"


@pytest.mark.usefixtures("folder")
def test_a_last_checkpoint_that_fails_does_not_hide_why_the_run_stopped(monkeypatch):
    bad = moderate(5, 50, 8)
    bad[20, 3] = np.nan
    np.save("bad.npy", bad)
    write, calls = state_file.write, []

    def fail_later(path, state):
        calls.append(path)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, state)

    monkeypatch.setattr(state_file, "write", fail_later)
    with pytest.raises(
        OSError, match="not written: No space left on device; the run had"
    ) as caught:
        resumable.accumulate(open_source("bad.npy"), "run.rankme", **PLAIN)
    assert "bad.npy: row 20, column 3" in str(caught.value)
    assert rankme.Accumulator.load("run.rankme").n_rows == 0


PLAIN = {
    "normalize": False,
    "method": "gram",
    "device": "cpu",
    "every": 3600,
    "meter": NoMeter(),
    "warn": pytest.fail,
}


class Liar(RowSource):
    """Announces 100 rows."""

    name, identity = "liar", Identity("liar", 1, "1")
    n_rows, n_cols, dtype = 100, 8, np.dtype(np.float64)

    def __init__(self, given):
        self.given = given

    def blocks(self, start=0, *, hold=0):  # noqa: ARG002
        yield moderate(1, self.given, 8)[start:]


@pytest.mark.parametrize("given", [60, 140])
def test_a_source_that_breaks_its_word_is_an_error(tmp_path, given):
    state = tmp_path / "run.rankme"
    with pytest.raises(BadDataError, match=f"liar: gave {given} rows; it had announced 100"):
        resumable.accumulate(Liar(given), str(state), **PLAIN)
    with pytest.raises(BadDataError, match="not finished"):
        resumable.load_finished(str(state))


def test_parts_of_other_columns_are_not_put_together(tmp_path):
    rows = moderate(0, 60, 3)

    def summed(name, column=None):
        source = open_source(tmp_path / f"{name}.csv", column=column)
        state = str(tmp_path / f"{name}{column}.rankme")
        resumable.accumulate(source, state, **PLAIN)
        return resumable.load_finished(state)

    for i, (name, order) in enumerate({"a": "xyz", "b": "zxy", "c": "xyz"}.items()):
        some = rows[20 * i : 20 * i + 20, ["xyz".index(one) for one in order]].tolist()
        text = "".join(",".join(map(repr, row)) + "\n" for row in some)
        (tmp_path / f"{name}.csv").write_text(",".join(order) + "\n" + text)
    both = summed("a") + summed("c")
    both.save(tmp_path / "both.rankme")
    for one in (summed("a"), both, rankme.Accumulator.load(tmp_path / "both.rankme")):
        with pytest.raises(ValueError, match=r"the columns x, y, z \(.* here and z, x, y \("):
            one.merge(summed("b"))
        assert one.n_rows in (20, 40)
    ordered = sum((summed(name, "[xyz]") for name in "bc"), summed("a", "[xyz]"))
    assert ordered.score() == pytest.approx(rankme.score(rows), rel=1e-9)
