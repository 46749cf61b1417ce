"""``rankme score -``: rows from standard input, in any format."""

import json
import os
import pty
import subprocess

import numpy as np
import pytest

import rankme
from command import RANKME, environment, run
from source_files import FORMATS, TEXTS, matrix, write

ROWS = matrix()
TOLD = ["npy", "npz", "safetensors", "arrow-file", "arrow-stream", "parquet", "hdf5", "pt", "faiss"]
UNTOLD = ["fbin", "fvecs", *TEXTS]


def fed(data, *args, cwd=None):
    return subprocess.run(
        [RANKME, "score", *map(str, args)],
        input=data, env=environment(), capture_output=True, check=False, timeout=120, cwd=cwd,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*TOLD, *UNTOLD])
def test_every_format_of_one_file(tmp_path, name):
    path = write(tmp_path, name, ROWS)
    suffix = {**FORMATS, **TEXTS}[name][0]
    words = ["--column", "rows"] if name == "npz" else []
    words += ["--format", suffix.removeprefix(".")] if name in UNTOLD else []
    done = fed(path.read_bytes(), "-", "--json", *words)
    assert done.stderr == b""
    told = json.loads(done.stdout)
    assert told["path"] == "-"
    assert told["n_rows"] == 37
    assert told["rankme"] == pytest.approx(rankme.score(ROWS), rel=1e-12)


def test_it_is_a_path_as_any_other(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    data = (tmp_path / "rows.npy").read_bytes()
    lines = fed(data, "--json", "-", tmp_path / "rows.npy").stdout.splitlines()
    assert [json.loads(line)["n_rows"] for line in lines] == [37, 37]
    pooled = json.loads(fed(data, "--json", "--pool", "-", tmp_path / "rows.npy").stdout)
    assert pooled["n_rows"] == 74
    np.save(tmp_path / "-", ROWS[:9])
    (tmp_path / "-.npy").rename(tmp_path / "-")
    assert json.loads(fed(b"", "--json", "./-", cwd=tmp_path).stdout)["n_rows"] == 9


def test_what_is_wrong_in_it_is_told_as_of_a_file():
    bad = b'{"v": [1.5, 2]}\n{"v": [1, 2, 3]}\n'
    done = fed(bad, "-", "--format", "jsonl")
    assert done.returncode == 1
    assert b"stdin.jsonl: line 2 has length 3" in done.stderr
    assert b"stdin: no known format: an empty file" in fed(b"", "-").stderr
    assert b"no known format: the first bytes" in fed(bad, "-").stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-", "-"], "standard input can be read once"),
        (["-", "--state", "run.rankme"], "standard input cannot be read again"),
        (["-", "--format", "docx"], "docx is none of npy, npz"),
        (["rows.npy", "--format", "npy"], "it is for standard input, which is the path -"),
    ],
)
def test_wrong_usage(tmp_path, words, text):
    np.save(tmp_path / "rows.npy", ROWS)
    done = run("score", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert text in done.stderr


def test_a_terminal_is_not_waited_for():
    own, other = pty.openpty()
    done = subprocess.run(
        [RANKME, "score", "-"],
        stdin=other, env=environment(), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(own)
    os.close(other)
    assert done.returncode == 2
    assert b"standard input is a terminal" in done.stderr
