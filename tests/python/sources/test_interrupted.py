"""Ctrl-C while the files of a set are being opened, in a real process and by a real signal."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from command import environment
from rankme.sources import BadDataError, _open
from rankme.sources._bytes.read_ahead import read_in_parallel
from rankme.sources._folders import RemoteFolder
from source_files import matrix

# The command over a file system whose files hang when they are opened, as on a dead network.
HANGING = """
import sys
import threading
import fsspec
from fsspec.implementations.local import LocalFileSystem
from rankme.cli import main

class Hanging(LocalFileSystem):
    protocol = "hanging"

    def _open(self, path, mode="rb", **options):
        print("opening", flush=True)
        return open(FIFO, mode)  # nobody ever writes to it

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("hanging://"))

    def unstrip_protocol(self, name):
        return f"hanging://{name}"

FIFO = sys.argv[1]
fsspec.register_implementation("hanging", Hanging)
sys.argv[1:] = ["score", f"hanging://{sys.argv[2]}"]
sys.exit(main())
"""


def test_ctrl_c_ends_a_command_whose_files_hang_when_opened(tmp_path):
    folder, fifo = tmp_path / "set", tmp_path / "fifo"
    folder.mkdir()
    os.mkfifo(fifo)
    for number in range(40):
        np.save(folder / f"part-{number}.npy", matrix())
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, fifo, folder],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(RemoteFolder.openers):
            assert process.stdout.readline() == "opening\n"
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert time.monotonic() - begin < 10
    assert (process.returncode, output, errors) == (130, "", "rankme: error: interrupted\n")


def test_after_the_first_error_no_more_files_are_opened():
    tried = []

    def open_one(name):
        tried.append(name)
        if name == 3:
            raise BadDataError("3", "is bad")
        return name

    with pytest.raises(BadDataError, match="3: is bad"):
        _open._open_parts("set", range(1000), open_one, openers=4)
    assert len(tried) <= 3 + 4


def test_threads_that_hang_are_left_behind_together(monkeypatch):
    monkeypatch.setattr("rankme.sources._bytes.read_ahead.PATIENCE", 0.2)
    release = threading.Event()

    def hang():
        release.wait(60)
        yield 1

    def first():
        yield 0

    items = read_in_parallel([first] + [hang] * 15, 16)
    assert next(items) == 0
    begin = time.monotonic()
    items.close()
    assert time.monotonic() - begin < 2
    release.set()
