"""What may be saved over: regular files, with their permissions kept, and nothing else."""

import os
import stat
from pathlib import Path

import pytest

import rankme
from helpers import bits, names_in
from saved_states import STATES


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
def test_the_permissions_of_an_existing_file_are_kept(tmp_path, mode):
    path = tmp_path / "part.rankme"
    path.write_bytes(b"old")
    path.chmod(mode)
    STATES["wide"].save(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert bits(rankme.Accumulator.load(path)) == bits(STATES["wide"])


def test_the_temporary_file_is_never_more_open_than_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "part.rankme"
    path.write_bytes(b"old")
    path.chmod(0o600)
    before = os.umask(0)
    modes = []
    fchmod = os.fchmod

    def note(descriptor, mode):
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fchmod(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", note)
    try:
        STATES["plain"].save(path)
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_a_named_pipe_stays_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="exists and is not a regular file") as caught:
        STATES["plain"].save(path)
    assert caught.value.filename == str(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert names_in(tmp_path) == ["pipe"]


def test_a_device_behind_a_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(os.devnull)
    with pytest.raises(OSError, match="exists and is not a regular file") as caught:
        STATES["plain"].save(tmp_path / "link")
    assert caught.value.filename == os.devnull
    assert Path(os.devnull).is_char_device()


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="exists and is not a regular file"):
        STATES["plain"].save(tmp_path / "folder")
    assert names_in(tmp_path) == ["folder"]


def test_a_link_that_leads_nowhere_yet(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    STATES["plain"].save(tmp_path / "link")
    assert bits(rankme.Accumulator.load(tmp_path / "real")) == bits(STATES["plain"])
