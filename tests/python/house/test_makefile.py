"""What a new machine may lack is one line that says what to install."""

import os
import subprocess
import sys

import pytest

from helpers import ROOT


def check(*args, **extra):
    return subprocess.run(
        [ROOT / ".ci" / "check_machine.sh", *args],
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        check=False,
    )


def no_venv(folder):
    (folder / "ensurepip.py").write_text("raise ImportError")
    return {"PYTHONPATH": str(folder)}


def no_headers(folder):
    """As where the interpreter is installed without what compiles against it."""
    (folder / "sitecustomize.py").write_text(
        "import sysconfig\nsysconfig.get_path = lambda name: '/nowhere'\n"
    )
    return {"PYTHONPATH": str(folder)}


def test_a_machine_that_has_all_is_told_nothing():
    done = check(sys.executable)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def old_compiler(folder):
    (folder / "old").write_text("#!/bin/sh\nexit 1\n")
    (folder / "old").chmod(0o755)
    return {"CXX": str(folder / "old")}


@pytest.mark.parametrize(
    ("lacking", "text"),
    [
        (lambda _: {"CXX": "no-such-compiler"}, "apt-get install g++"),
        (old_compiler, "knows no C++20. It takes GCC 11 or later"),
        (no_venv, "apt-get install python3-venv"),
        (no_headers, "apt-get install python3-dev"),
    ],
    ids=["no compiler", "old compiler", "no venv", "no headers"],
)
def test_what_is_lacking_is_one_line(tmp_path, lacking, text):
    done = check(sys.executable, **lacking(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("rankme cannot be built here: ")
    assert text in line


def test_no_python():
    done = check("no-such-python")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install python3 " in done.stderr


def test_make_stops_with_that_line(tmp_path):
    done = subprocess.run(
        ["make", "demo", f"VENV={tmp_path / 'venv'}", "PYTHON=no-such-python"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("rankme cannot be built here: there is no no-such-python")
    assert not (tmp_path / "venv").exists()


def test_an_old_make_is_refused():
    done = subprocess.run(
        ["make", "-n", "demo", "MAKE_VERSION=3.81"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "takes GNU make 3.82 or later, not 3.81" in done.stderr
