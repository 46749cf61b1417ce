"""The rule about skips in conftest.py, run on small sessions of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import pytest

def test_runs():
    pass

@pytest.mark.parametrize("n", [1, 2])
def test_waits(n):
    pytest.skip("no such device")

@pytest.mark.xfail(strict=True)
def test_fails_as_expected():
    raise AssertionError
"""
NODE = "python/test_it.py::test_waits"


def run(folder: Path, allowed: str, *options: str, ci: str, module: str = MODULE):
    (folder / "python").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "allowed_skips.txt").write_text(allowed)
    (folder / "python" / "test_it.py").write_text(module)
    shutil.copy(Path(__file__).parents[1] / "conftest.py", folder / "python")
    return again(folder, *options, ci=ci)


def again(folder: Path, *options: str, ci: str):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "python", *options],
        cwd=folder,
        # Plugins that other packages bring take longer than these sessions.
        env=os.environ | {"CI": ci, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_skip_off_the_list_fails_the_session(tmp_path):
    done = run(tmp_path, "# nothing\n", ci="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert f"NOT ALLOWED: {NODE}[1]: no such device" in done.stdout
    assert "2 skipped, 2 of them not allowed" in done.stdout


@pytest.mark.parametrize("what", [NODE, "no such device"], ids=["node", "reason"])
def test_a_skip_on_the_list_is_printed_and_passes(tmp_path, what):
    done = run(tmp_path, f"{what} | the device is on order\n", ci="true")
    assert done.returncode == pytest.ExitCode.OK
    assert f"allowed: {NODE}[2]: no such device" in done.stdout
    assert "2 skipped, 0 of them not allowed" in done.stdout


def test_one_listed_parameter_does_not_cover_the_others(tmp_path):
    done = run(tmp_path, f"{NODE}[1] | the device is on order\n", ci="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert f"NOT ALLOWED: {NODE}[2]: no such device" in done.stdout


def test_a_module_that_skips_as_a_whole_counts(tmp_path):
    module = "import pytest\npytest.importorskip('a_module_that_is_not_there')\n"
    done = run(tmp_path, "# nothing\n", ci="true", module=module)
    assert "NOT ALLOWED: python/test_it.py: could not import" in done.stdout
    assert done.returncode != pytest.ExitCode.OK


def test_two_processes_tell_each_skip_once(tmp_path):
    allowed = f"{NODE}[1] | the device is on order\n"
    options = ("-p", "xdist", "-n", "2", "--dist", "loadfile")
    done = run(tmp_path, allowed, *options, ci="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert done.stdout.count(f"allowed: {NODE}[1]: no such device") == 1
    assert f"NOT ALLOWED: {NODE}[2]: no such device" in done.stdout
    assert "2 skipped, 1 of them not allowed" in done.stdout
    (tmp_path / "allowed_skips.txt").write_text(f"{NODE} | the device is on order\n")
    module = "import pytest\npytest.importorskip('a_module_that_is_not_there')\n"
    (tmp_path / "python" / "test_more.py").write_text(module)
    done = again(tmp_path, *options, ci="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "NOT ALLOWED: python/test_more.py: could not import" in done.stdout
    assert "3 skipped, 1 of them not allowed" in done.stdout


def test_a_line_without_a_reason_is_refused(tmp_path):
    done = run(tmp_path, f"{NODE}\n", ci="true")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "allowed_skips.txt:1: expected 'WHAT | WHY'" in done.stderr


def test_outside_ci_a_skip_is_no_failure(tmp_path):
    assert run(tmp_path, "# nothing\n", ci="").returncode == pytest.ExitCode.OK
