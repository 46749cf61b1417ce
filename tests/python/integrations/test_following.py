"""What `rankme watch` stands on, in this process: pieces, runs, files of runs, commands."""

import errno
import fcntl
import os
import time
from pathlib import Path

import numpy as np
import pytest

import rankme
from rankme._scoring.lock import locked
from rankme._scoring.signals import Stops
from rankme.integrations._following.alarm_command import AlarmCommand
from rankme.integrations._following.folder import FolderFollower
from rankme.integrations._following.loop import Pace, follow
from rankme.integrations._following.run import Run
from rankme.integrations._following.run_state import read_state
from rankme.integrations._following.table import TableFollower
from rankme.integrations._following.telling import Telling
from rankme.sources import BadDataError
from rankme.sources._reading import StreamReading
from watched import WINDOW, K, draw, put

ONCE = Pace(0.01, 30.0, once=True, skip_bad=False)


def follower_of(folder, settle=0.0):
    return FolderFollower(str(folder), StreamReading(), settle, pytest.fail)


def run_of(follower, path=None):
    return Run(follower, lambda dim: rankme.Monitor(dim, window=WINDOW), {}, path)


def followed(run, pace=ONCE, warn=pytest.fail):
    told = []
    follow(run, Telling(told.append, warn, "source"), pace, warn)
    return told


def write_large(path, n_rows, width):
    """Write a file that is read in several blocks."""
    rows = np.random.default_rng(0).standard_normal((n_rows, width)).astype("f4")
    np.save(path, rows)
    return rows


def test_a_file_of_several_blocks_counts_whole_or_not_at_all(tmp_path):
    width = 64
    rows = write_large(tmp_path / "a.npy", 150_000, width)  # 37 MiB
    bad = np.load(tmp_path / "a.npy")
    bad[-1, 3] = np.inf
    np.save(tmp_path / "b.npy", bad)
    for name in "ab":
        os.utime(tmp_path / f"{name}.npy", (1e9, 1e9))
    follower = follower_of(tmp_path)
    run = Run(follower, lambda dim: rankme.Monitor(dim, window=50_000), {}, None)
    stops = Stops()
    found = run.take(follower.look(0), stops)
    assert [one["n_rows"] for one in found] == [50_000] * 3
    monitor = run.monitor
    assert monitor.n_rows == len(rows)
    assert found[1]["rankme"] == pytest.approx(rankme.score(rows[50_000:100_000]), rel=1e-12)
    before = monitor.report()
    with pytest.raises(BadDataError, match=r"b\.npy: row 149999, column 3 .* is inf"):
        run.take(follower.look(0), stops)
    assert monitor.report() == before
    assert run.monitor is monitor


def test_a_file_that_is_written_to_again_waits(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    follower = follower_of(tmp_path)
    piece = follower.look(0)
    with (tmp_path / "a.npy").open("ab") as file:
        file.write(b"more")
    with pytest.raises(BadDataError):
        run_of(follower).take(piece, Stops())
    assert follower.has_changed()
    put(tmp_path, "a.npy", draw(2 * WINDOW))
    assert len(followed(run_of(follower))) == 2


def test_a_file_that_goes_away_is_not_missed(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    put(tmp_path, "b.npy", draw(WINDOW, 1))
    follower = follower_of(tmp_path)
    piece = follower.look(0)
    Path(piece.name).unlink()
    assert follower.has_changed()
    (one,) = followed(run_of(follower))
    assert one["rankme"] == pytest.approx(rankme.score(draw(WINDOW, 1)), rel=1e-12)


def test_a_young_file_is_not_whole_before_its_time(tmp_path):
    follower = follower_of(tmp_path, settle=0.3)
    put(tmp_path, "a.npy", draw(WINDOW))
    begin = time.monotonic()
    while follower.look(0.02) is None:
        assert not follower.ended
    assert time.monotonic() - begin >= 0.25
    os.utime(tmp_path / "a.npy", (1e9, 1e9))
    assert follower.look(0) is not None  # an old one is whole at once


def test_what_was_deleted_may_be_put_there_anew(tmp_path):
    follower = follower_of(tmp_path)
    run = run_of(follower)
    for seed in range(3):
        put(tmp_path, "same.npy", draw(WINDOW, seed))
        assert len(followed(run)) == 1
        (tmp_path / "same.npy").unlink()
        assert follower.ended


def test_the_file_of_a_run_that_is_cut_or_changed(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW + 10))
    path = tmp_path / "run"
    followed(run_of(follower_of(tmp_path), str(path)))
    data = path.read_bytes()
    state = read_state(str(path))
    assert state.monitor.n_rows == WINDOW + 10
    assert list(state.position["files"]) == ["a.npy"]
    for at in (3, 9, 14, 40, len(data) // 2, len(data) - 5):
        broken = bytearray(data)
        broken[at] ^= 0x10
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"run[:,] "):
            read_state(str(path))
    for size in (0, 5, 20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"run[:,] "):
            read_state(str(path))
    path.write_bytes(data + b"x")
    with pytest.raises(ValueError, match="none of it"):
        read_state(str(path))


def test_a_window_that_was_not_told_is_told_by_the_next_run(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    path = str(tmp_path / "run")

    def broken(_):
        raise OSError("the pipe is closed")

    with pytest.raises(OSError, match="the pipe is closed"):
        follow(
            run_of(follower_of(tmp_path), path),
            Telling(broken, pytest.fail, "s"),
            ONCE,
            pytest.fail,
        )
    assert [one["index"] for one in followed(run_of(follower_of(tmp_path), path))] == [0]
    assert followed(run_of(follower_of(tmp_path), path)) == []


def test_a_state_that_cannot_be_written_is_an_error(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    with pytest.raises(OSError, match="No such file"):
        followed(run_of(follower_of(tmp_path), str(tmp_path / "no" / "run")))


def test_the_page_of_a_full_disk_is_said_once(tmp_path):
    said = []
    telling = Telling(pytest.fail, said.append, "s", prometheus=str(tmp_path / "no" / "a.prom"))
    monitor = rankme.Monitor(K, window=WINDOW)
    for _ in range(3):
        telling.write(monitor, None, now=True)
    assert len(said) == 1
    assert "a.prom was not written: No such file" in said[0]


def test_a_file_that_another_run_wrote_is_left(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    path = str(tmp_path / "run")
    one, other = run_of(follower_of(tmp_path), path), run_of(follower_of(tmp_path), path)
    followed(one)
    with pytest.raises(BadDataError, match="was written by another run meanwhile"):
        followed(other)


def test_a_lock_is_of_one_run(tmp_path, monkeypatch):
    path = str(tmp_path / "run")
    for _ in range(2):
        with (
            locked(path, pytest.fail),
            pytest.raises(BadDataError, match="another run uses it now"),
        ):
            locked(path, pytest.fail).__enter__()
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*no/run'"):
        locked(str(tmp_path / "no" / "run"), pytest.fail).__enter__()

    def without(*_):
        raise OSError(errno.ENOLCK, "no locks")

    said = []
    monkeypatch.setattr(fcntl, "flock", without)
    with locked(path, said.append):
        assert "the file system has no locks" in said[0]


def test_what_changed_of_a_file_is_said(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    path = tmp_path / "a.npy"
    follower = follower_of(tmp_path)
    followed(run_of(follower))
    size = path.stat().st_size
    os.utime(path, (2e9, 2e9))
    with pytest.raises(BadDataError, match=f"the time of its last .* {size} bytes as before"):
        follower.look(0)
    put(tmp_path, "a.npy", draw(WINDOW, 1))
    with pytest.raises(BadDataError, match=f"another file of {size} bytes has its name now"):
        follower.look(0)
    put(tmp_path, "a.npy", draw(2 * WINDOW))
    with pytest.raises(BadDataError, match=f"it had {size} bytes, and has"):
        follower.look(0)


def test_a_table_is_one_piece(tmp_path):
    np.save(tmp_path / "z.npy", draw(250))
    follower = TableFollower(str(tmp_path / "z.npy"), StreamReading(), 0.0)
    run = run_of(follower, str(tmp_path / "run"))
    assert len(followed(run, Pace(0.01, 30.0, once=False, skip_bad=False))) == 2
    np.save(tmp_path / "z.npy", draw(300))
    again = TableFollower(str(tmp_path / "z.npy"), StreamReading(), 0.0)
    with pytest.raises(BadDataError, match="--time-column tells which rows are new"):
        followed(run_of(again, str(tmp_path / "run")))
    with pytest.raises(BadDataError, match="--time-column"):  # it is all there is
        followed(
            run_of(again, str(tmp_path / "run")),
            Pace(0.01, 30.0, once=True, skip_bad=True),
            warn=print,
        )


class TestCommand:
    def test_it_has_the_facts_and_its_failure_is_said(self, tmp_path, capfd):
        said = []
        command = AlarmCommand(f"echo $EVENT > {tmp_path}/log; echo out; exit 3", said.append)
        command.run({"EVENT": "raised"})
        command.close()
        assert (tmp_path / "log").read_text() == "raised\n"
        assert said == ["the alarm command failed with status 3"]
        assert capfd.readouterr() == ("", "out\n")

    def test_it_is_ended_with_all_that_it_began(self, tmp_path):
        said = []
        command = AlarmCommand(f"sleep 100 & echo $! > {tmp_path}/pid; wait", said.append, 0.5)
        begin = time.monotonic()
        command.run({})
        assert time.monotonic() - begin < 0.4  # nobody waits
        while not said:
            command.look()
            assert time.monotonic() - begin < 30
        assert said == ["the alarm command was ended: it took more than 0.5 s"]
        child = int((tmp_path / "pid").read_text())
        until = time.monotonic() + 10
        while _is_alive(child):
            assert time.monotonic() < until

    def test_there_are_not_too_many(self):
        said = []
        command = AlarmCommand("sleep 100", said.append, 0.2)
        for _ in range(9):
            command.run({})
        assert said == ["the alarm command was not run: 8 of them run still"]
        command.close()
        assert len(said) == 9


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_file_that_is_moved_while_its_folder_is_looked_through(tmp_path, monkeypatch):
    (tmp_path / "done").mkdir()
    put(tmp_path, "a.npy", draw(WINDOW))
    follower = follower_of(tmp_path)
    path = str(tmp_path.parent / "run")
    run = run_of(follower, path)
    assert len(followed(run)) == 1
    (tmp_path / "a.npy").rename(tmp_path / "done" / "a.npy")
    with monkeypatch.context() as patch:  # seen in neither place
        patch.setattr(follower, "_names", lambda: iter(()))
        assert follower.look(0) is None
        run.save()
    again = follower_of(tmp_path)  # a run that was killed then
    resumed = run_of(again, path)
    for one, its in ((follower, run), (again, resumed)):
        assert one.look(0) is None
        assert its.monitor.n_rows == WINDOW
        assert list(one.position()["files"]) == ["done/a.npy"]


def test_what_is_away_at_several_looks_is_forgotten(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    follower = follower_of(tmp_path)
    followed(run_of(follower))
    (tmp_path / "a.npy").unlink()
    for files in [["a.npy"]] * 4 + [[]]:
        assert follower.look(0) is None
        assert list(follower.position()["files"]) == files


def test_two_names_of_one_file_count_once(tmp_path):
    put(tmp_path, "a.npy", draw(WINDOW))
    (tmp_path / "b.npy").hardlink_to(tmp_path / "a.npy")
    said = []
    follower = FolderFollower(str(tmp_path), StreamReading(), 0.0, said.append)
    assert len(followed(run_of(follower))) == 1
    assert said == ["b.npy is the same file as a.npy, and is not counted again"]
