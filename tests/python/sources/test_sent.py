"""Sources that are sent to another process or machine, which sees the same files by other names."""

import os
import pickle

import numpy as np
import pytest

from rankme.sources import BadDataError, open_source
from source_files import FORMATS, matrix, write


def stat_of_another_mount(monkeypatch):
    """Make the system tell device and inode numbers as another mount of the files would."""
    stat, fstat = os.stat, os.fstat

    def renumbered(status):
        device, inode = status.st_dev + 7, status.st_ino ^ 12345
        times = {name: getattr(status, name) for name in ("st_mtime_ns", "st_ctime_ns")}
        return os.stat_result([status[0], inode, device, *status[3:]], times)

    monkeypatch.setattr(os, "stat", lambda *args, **named: renumbered(stat(*args, **named)))
    monkeypatch.setattr(os, "fstat", lambda handle: renumbered(fstat(handle)))


@pytest.mark.parametrize("name", ["npy", "parquet", "arrow-stream", "huggingface", "zarr-3"])
def test_a_source_that_was_sent_does_not_mind_other_device_numbers(tmp_path, monkeypatch, name):
    rows = matrix()
    source = open_source(write(tmp_path, name, rows))
    sent = pickle.dumps(source)
    stat_of_another_mount(monkeypatch)
    np.testing.assert_array_equal(pickle.loads(sent).matrix(), rows)
    if name == "npy":  # in the process that opened it, they tell one file from another
        with pytest.raises(BadDataError, match="changed since it was opened"):
            list(source.blocks())


@pytest.mark.parametrize("name", FORMATS)
def test_a_source_that_was_sent_is_read_from_any_working_directory(tmp_path, monkeypatch, name):
    rows = matrix()
    path = write(tmp_path, name, rows)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    source = open_source(path.name)
    identity = source.identity
    sent = pickle.dumps(source)
    monkeypatch.chdir("elsewhere")
    again = pickle.loads(sent)
    assert again.name == source.name
    np.testing.assert_array_equal(np.concatenate([block.copy() for block in again.blocks()]), rows)
    assert again.identity == identity


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("change", ["size", "time"])
def test_a_source_that_was_sent_knows_a_changed_file(tmp_path, name, change):
    path = write(tmp_path, name, matrix())
    sent = pickle.dumps(open_source(path))
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file() and change == "size":
            file.write_bytes(file.read_bytes()[:-8])
        elif file.is_file():
            os.utime(file, ns=(5, 5))
    with pytest.raises(BadDataError, match="changed since it was opened"):
        list(pickle.loads(sent).blocks())
