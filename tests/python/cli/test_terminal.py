"""What a terminal sees, and what a stop does."""

import json
import re
import signal
import subprocess

import numpy as np

from command import DOCSTRINGS, RANKME, WORDNET, environment, run
from helpers import sparse_npy
from terminal import lines_drawn, run_with_terminal_as_stderr


def on_terminal(*args, **env):
    return run_with_terminal_as_stderr([RANKME, *args], environment(COLUMNS="140", **env))


def test_progress_on_a_terminal(tmp_path):
    path = tmp_path / "zeros.npy"
    sparse_npy(path, 2**20, 64)
    status, printed, seen = on_terminal("score", "--json", path)
    assert status == 0
    assert json.loads(printed)["rankme"] == 0.0
    for word in ("zeros.npy", "rows/s", "GB/s", "100%"):
        assert word in seen
    assert "\x1b" not in printed + seen
    assert seen.endswith(" \r")  # the bar is gone


def test_progress_of_a_comparison():
    status, _, seen = on_terminal("compare", DOCSTRINGS, WORDNET)
    assert status == 0
    drawn = [line for line in lines_drawn(seen) if "warning" not in line]
    assert drawn[0] == f"2 runs: {DOCSTRINGS.stem} {'░' * 20}   0%"
    assert any(line.startswith(f"2 runs: {WORDNET.stem}") for line in drawn)


def test_errors_stand_on_lines_of_their_own(tmp_path):
    rows = np.ones((2000, 384))
    rows[1999, 1] = np.nan
    np.save(tmp_path / "bad.npy", rows)
    status, _, seen = on_terminal("compare", WORDNET, tmp_path / "bad.npy", DOCSTRINGS)
    assert status == 1
    assert re.search(r" \rrankme: error: [^\r]*bad.npy: row 1999, column 1[^\r]*\r\n", seen)


def test_a_dumb_terminal_gets_no_bar():
    status, _, seen = on_terminal("score", "--json", DOCSTRINGS, TERM="dumb")
    assert (status, seen) == (0, "")


def test_a_second_pass_starts_the_bar_again():
    status, printed, seen = on_terminal(
        "score", "--json", "--method", "auto", "--rtol", "0", DOCSTRINGS
    )
    assert (status, json.loads(printed)["method"]) == (0, "qr")
    assert f"{DOCSTRINGS.name}: qr" in seen


def test_no_progress_in_a_pipe():
    # FORCE_COLOR would make rich take the pipe for a terminal.
    result = run("score", "--json", DOCSTRINGS, FORCE_COLOR="1")
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout


def test_colours_are_those_that_are_asked_for():
    green, bold = "\x1b[1;32m", "\x1b[1m"
    assert "\x1b" not in run("score", DOCSTRINGS, FORCE_COLOR="").stdout
    assert green in run("score", DOCSTRINGS, FORCE_COLOR="1").stdout
    assert green in run("score", DOCSTRINGS, FORCE_COLOR="1", NO_COLOR="").stdout
    plain = run("score", DOCSTRINGS, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert bold in plain
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)


def test_an_error_on_a_terminal_is_one_line(tmp_path):
    rows = np.ones((9, 3))
    rows[4, 1] = np.nan
    np.save(tmp_path / "bad.npy", rows)
    status, printed, seen = on_terminal("score", tmp_path / "bad.npy")
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
