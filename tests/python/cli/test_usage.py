"""The command around its commands: usage errors, version, information, streams that fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rankme
from command import DOCSTRINGS, RANKME, WORDNET, environment, error_line, run


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nonsense"], "No such command 'nonsense' (see 'rankme --help')"),
        (["--nonsense"], "No such option: --nonsense"),
        ([DOCSTRINGS], f"did you mean: rankme score {DOCSTRINGS}"),
        ([".", "--json"], "did you mean: rankme score . --json"),
        (["s3://bucket/a b.npy"], "did you mean: rankme score 's3://bucket/a b.npy'"),
        (["score"], "Missing argument 'PATH' (see 'rankme score --help')"),
        (["score", "--nonsense", DOCSTRINGS], "No such option: --nonsense"),
        (["score", "missing.npy"], "missing.npy does not exist"),
        (["score", "two\nlines.npy"], r"two\nlines.npy does not exist"),
        (["score", "part-*.npy"], "no file matches part-*.npy"),
        (["score", "x" * 300], f"{'x' * 300}: File name too long"),
        (["score", f"{DOCSTRINGS}/z.npy"], "z.npy: Not a directory"),
        (["score", DOCSTRINGS, "--dtype", "int64"], "dtype must be one of float16, bfloat16"),
        (["score", DOCSTRINGS, "--eps", "nan"], "eps must be from 0 to 1, not nan"),
        (["score", DOCSTRINGS, "--eps", "inf"], "eps must be from 0 to 1, not inf"),
        (["score", DOCSTRINGS, "--eps", "-1"], "eps must be from 0 to 1, not -1.0"),
        (["score", DOCSTRINGS, "--eps", "1.5"], "eps must be from 0 to 1, not 1.5"),
        (["score", DOCSTRINGS, "--eps", "small"], "Invalid value for '--eps'"),
        (["score", DOCSTRINGS, "--eps"], "requires an argument"),
        (["score", DOCSTRINGS, "--method", "svd"], "Invalid value for '--method'"),
        (["score", DOCSTRINGS, "--rtol", "-1"], "rtol must be finite and 0 or more, not -1.0"),
        (["score", DOCSTRINGS, "--rtol", "nan"], "rtol must be finite and 0 or more, not nan"),
        (["score", DOCSTRINGS, "--plot", "out.npy"], "out.npy has none of the suffixes"),
        (["score", DOCSTRINGS, "--plot", "no/out.png"], "no is no folder"),
        (["score", DOCSTRINGS, WORDNET, "--plot", "out.png"], "there are 2 files; --pool makes"),
        (["info", "now"], "unexpected extra argument"),
        (["bench", "--shape", "100"], "'100' is not of the form NxK"),
        (["bench", "--shape", "0x5"], "'0x5' is not of the form NxK"),
        (["bench", "--repeats", "0"], "Invalid value for '--repeats'"),
        (["bench", "--quick", "--repeats", "3"], "--quick takes one round"),
        (["bench", "--threads", "1,x"], "'1,x' is not of the form N or N,N"),
        (["bench", "--threads", "1,1"], "threads must be different numbers of 1 to"),
        (["bench", "--only", "score"], "only may be one of scores, fast, layers, batches, gram,"),
        (["bench", "--name", "a/b"], "'a/b' has something else than letters, digits"),
        (["bench", "--gpu", "--only", "peers"], "--gpu has shapes, repeats, sections and names"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path, args, message):
    result = run(*args, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in error_line(result)


@pytest.mark.parametrize("args", ["", "--help", "score --help", "bench -h", "info -h"])
def test_help_is_no_error(args):
    result = run(*args.split())
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage: rankme" in result.stdout


def test_help_names_every_option_of_score():
    words = run("score", "--help").stdout.replace(",", " ").split()
    options = (
        "--column --key --dtype --eps --center --normalize --method --rtol --pool --metrics --plot"
    )
    assert {"PATH", "--json", *options.split()} <= set(words)


def test_the_suggestion_and_the_module_score(tmp_path):
    suggested = error_line(run(DOCSTRINGS)).rpartition("rankme ")[2].split()
    result = run(*suggested)
    assert (result.returncode, result.stderr) == (0, "")
    command = [sys.executable, "-m", "rankme", *suggested]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == result.stdout


def test_version():
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"rankme {rankme.__version__}\n")


def test_info_is_show_config(capsys):
    rankme.show_config()
    result = run("info")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == capsys.readouterr().out


def test_info_as_json():
    result = run("info", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    expected = {"schema": "rankme.info/1", **rankme.show_config("dicts")}
    assert json.loads(result.stdout) == expected


def test_the_command_imports_nothing_heavy():
    code = "import sys, rankme.cli; print(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert loaded.isdisjoint({"matplotlib", "scipy", "torch", "ml_dtypes", "pandas"})


@pytest.mark.parametrize("options", [["--json"], []], ids=["json", "text"])
def test_a_closed_pipe_ends_the_command_quietly(options):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        result = subprocess.run(
            [RANKME, "score", *options, DOCSTRINGS, DOCSTRINGS],
            stdout=pipe,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.parametrize("args", [["score", DOCSTRINGS], ["info"], ["--version"]])
def test_a_full_disk_is_one_line(args):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [RANKME, *args],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert error_line(result) == "standard output: No space left on device"


@pytest.mark.parametrize("args", [["score", "rows.npy"], ["info"], ["--version"]])
def test_a_closed_standard_output_is_one_line(tmp_path, args):
    np.save(tmp_path / "rows.npy", np.eye(3))
    result = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', RANKME, *args],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert error_line(result) == "standard output is closed"


def test_a_closed_standard_error_keeps_the_exit_status(tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(3))
    for name, status in (("rows.npy", 0), ("missing.npy", 2)):
        result = subprocess.run(
            ["sh", "-c", 'exec "$0" score --json "$1" 2>&- <&-', RANKME, name],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout.count("\n")) == (status, status == 0)


@pytest.mark.parametrize("args", [["score", DOCSTRINGS], ["bench", "--quick"]])
def test_a_bad_thread_budget_is_wrong_usage(args):
    result = run(*args, RANKME_NUM_THREADS="abc")
    assert (result.returncode, result.stdout) == (2, "")
    line = error_line(result)
    assert "RANKME_NUM_THREADS must be a positive integer, got 'abc'" in line
    assert DOCSTRINGS.name not in line


def test_a_folder_that_cannot_be_read_is_wrong_usage(tmp_path):
    if os.geteuid() == 0:
        # Root may read every folder, so the kernel's own refusal of a loop stands in for it.
        (tmp_path / "closed").symlink_to("closed")
        reason = "Too many levels of symbolic links"
    else:
        (tmp_path / "closed").mkdir(mode=0)
        reason = "Permission denied"
    result = run("score", "closed/z.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"closed/z.npy: {reason}" in error_line(result)


def test_a_folder_that_cannot_be_made_is_named():
    result = run("bench", "--quick", "--output", "/proc/nope")
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result) == "/proc/nope: No such file or directory"


def test_any_file_name_can_be_shown(tmp_path):
    name = os.fsdecode(b"\xc3\xa9 [red]\xff\x1b[31m\n.npy")
    np.save(tmp_path / name, np.eye(3))
    result = subprocess.run(
        [RANKME, "score", name],
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.splitlines()[0] == rb"\xe9 [red]\udcff\x1b[31m\n.npy"


def test_long_names_are_not_folded(tmp_path):
    name = "long " * 40 + ".npy"
    np.save(tmp_path / name, np.eye(3))
    assert run("score", name, cwd=tmp_path).stdout.splitlines()[0] == name
