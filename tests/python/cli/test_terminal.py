"""What a terminal sees, and what a stop does."""

import contextlib
import json
import os
import pty
import signal
import subprocess

import numpy as np

from command import DOCSTRINGS, RANKME, environment, run
from helpers import sparse_npy


def read_all(descriptor):
    """Read what the other side wrote until it has gone."""
    chunks = []
    with contextlib.suppress(OSError):  # Linux ends a pseudo-terminal with EIO
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    return b"".join(chunks).decode()


def run_with_terminal_as_stderr(*args):
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [RANKME, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environment(COLUMNS="140"),
    ) as process:
        os.close(follower)
        seen = read_all(leader)
        os.close(leader)
        printed = process.stdout.read().decode()
    return process.returncode, printed, seen


def test_progress_on_a_terminal(tmp_path):
    path = tmp_path / "zeros.npy"
    sparse_npy(path, 2**20, 64)
    status, printed, seen = run_with_terminal_as_stderr("score", "--json", path)
    assert status == 0
    assert json.loads(printed)["rankme"] == 0.0
    for word in ("zeros.npy", "rows/s", "GB/s", "100%"):
        assert word in seen
    assert "\x1b[" not in printed


def test_a_second_pass_starts_the_bar_again():
    status, printed, seen = run_with_terminal_as_stderr(
        "score", "--json", "--method", "auto", "--rtol", "0", DOCSTRINGS
    )
    assert (status, json.loads(printed)["method"]) == (0, "qr")
    assert f"{DOCSTRINGS.name}: qr" in seen


def test_no_progress_in_a_pipe():
    # FORCE_COLOR would make rich take the pipe for a terminal.
    result = run("score", "--json", DOCSTRINGS, FORCE_COLOR="1")
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout


def test_an_error_on_a_terminal_is_one_line(tmp_path):
    rows = np.ones((9, 3))
    rows[4, 1] = np.nan
    np.save(tmp_path / "bad.npy", rows)
    status, printed, seen = run_with_terminal_as_stderr("score", tmp_path / "bad.npy")
    assert (status, printed) == (1, "")
    assert seen.count("rankme: error: ") == 1
    assert "bad.npy: row 4, column 1 (counted from 0) is nan; every entry" in seen
    assert "Traceback" not in seen


def test_ctrl_c_is_one_line_and_status_130(tmp_path):
    endless = tmp_path / "endless.npy"
    sparse_npy(endless, 2**30, 256)
    with subprocess.Popen(
        [RANKME, "score", "--json", DOCSTRINGS, endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as process:
        first = process.stdout.readline()  # from here on the endless file is read
        process.send_signal(signal.SIGINT)
        printed, error = process.communicate(timeout=60)
    assert json.loads(first)["path"] == str(DOCSTRINGS)
    assert (process.returncode, printed) == (130, "")
    assert error == "rankme: error: interrupted\n"
