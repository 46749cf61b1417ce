"""Saving is atomic: whatever goes wrong leaves the old file or the new one."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rankme
from helpers import bits, names_in
from saved_states import STATES, accumulated, saved_bytes


def test_overwriting_leaves_one_file(tmp_path):
    path = tmp_path / "part.rankme"
    STATES["plain"].save(path)
    STATES["wide"].save(path)
    assert bits(rankme.Accumulator.load(path)) == bits(STATES["wide"])
    assert names_in(tmp_path) == ["part.rankme"]


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        STATES["plain"].save(tmp_path / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "real")
    STATES["plain"].save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert bits(rankme.Accumulator.load(tmp_path / "there" / "real")) == bits(STATES["plain"])


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    STATES["plain"].save("a")
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_the_old_file_alone(tmp_path, monkeypatch, call, error, existing):
    path = tmp_path / "part.rankme"
    if existing:
        STATES["plain"].save(path)

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error)):
            STATES["wide"].save(path)
    assert names_in(tmp_path) == (["part.rankme"] if existing else [])
    if existing:
        assert bits(rankme.Accumulator.load(path)) == bits(STATES["plain"])


def test_order_of_the_writing(tmp_path, monkeypatch):
    """The file is on the disk before it has its name, and the name before save() returns."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        size = os.fstat(descriptor).st_size
        calls.append(("fsync", kind, size if kind == "file" else None))
        fsync(descriptor)

    def note_replace(source, target):
        assert Path(source).parent == Path(target).parent
        calls.append(("replace", Path(target).name))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    STATES["plain"].save(tmp_path / "a")
    size = len(saved_bytes())
    assert calls == [("fsync", "file", size), ("replace", "a"), ("fsync", "folder", None)]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_folder_that_cannot_be_flushed(tmp_path, monkeypatch, code):
    fsync = os.fsync

    def fail_for_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, "no")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    if code == errno.EINVAL:  # the file system has no such thing
        STATES["plain"].save(tmp_path / "a")
    else:
        with pytest.raises(OSError, match="no"):
            STATES["plain"].save(tmp_path / "a")
    assert bits(rankme.Accumulator.load(tmp_path / "a")) == bits(STATES["plain"])
    assert names_in(tmp_path) == ["a"]


KILLED = """
import os, signal, sys
import rankme
from rankme._accumulators import state_file

path, source, stage = sys.argv[1:]
acc = rankme.Accumulator.load(source)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

pieces, replace = state_file.pieces, os.replace
if stage == "while writing":
    def some_pieces(state):
        whole = b"".join(pieces(state))
        yield whole[: len(whole) // 2]
        die()
    state_file.pieces = some_pieces
elif stage == "before the flush":
    os.fsync = die
elif stage == "before the renaming":
    os.replace = die
elif stage == "after the renaming":
    def replace_and_die(*args):
        replace(*args)
        die()
    os.replace = replace_and_die
acc.save(path)
"""


@pytest.mark.parametrize(
    ("stage", "new"),
    [
        ("while writing", False),
        ("before the flush", False),
        ("before the renaming", False),
        ("after the renaming", True),
    ],
)
def test_a_kill_at_each_stage_leaves_the_old_file_or_the_new_one(tmp_path, stage, new):
    path, source = tmp_path / "part.rankme", tmp_path / "source.rankme"
    STATES["plain"].save(path)
    STATES["wide"].save(source)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path, source, stage], timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    expected = STATES["wide"] if new else STATES["plain"]
    assert bits(rankme.Accumulator.load(path)) == bits(expected)


SAVING = """
import sys
import rankme

path, *sources = sys.argv[1:]
accs = [rankme.Accumulator.load(source) for source in sources]
print("ready", flush=True)
while True:
    for acc in accs:
        acc.save(path)
"""


def test_a_kill_at_any_time_leaves_the_old_file_or_the_new_one(tmp_path):
    sources = [tmp_path / "a", tmp_path / "b"]
    expected = []
    for i, source in enumerate(sources):
        acc = accumulated(i, 20 + i, 400)
        acc.save(source)
        expected.append(bits(acc))
    rng = np.random.default_rng(8)
    path = tmp_path / "saved" / "part.rankme"
    path.parent.mkdir()
    accs = [rankme.Accumulator.load(source) for source in sources]
    accs[0].save(path)
    for _ in range(8):
        command = [sys.executable, "-c", SAVING, path, *sources]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.05))
            child.kill()
        assert bits(rankme.Accumulator.load(path)) in expected
        others = [name for name in names_in(path.parent) if name != path.name]
        assert all(name.startswith(".rankme-") and name.endswith(".tmp") for name in others)
