"""A file larger than the memory it may take: a score streams."""

import json
import shlex
import subprocess

import numpy as np
import pytest

import rankme
from command import RANKME, environment, error_line
from helpers import MEASURE, output_of, sparse_npy

MIB = 2**20
N_ROWS, N_COLS = 2**20, 256  # 1 GiB of float32


def sparse_file(path, order, rows):
    """Write a GiB of zeros that takes no room on the disk, then some rows all over it."""
    offset = sparse_npy(path, N_ROWS, N_COLS, order)
    mapped = np.memmap(
        path, dtype=np.float32, mode="r+", offset=offset, shape=(N_ROWS, N_COLS), order=order
    )
    mapped[np.linspace(0, N_ROWS - 1, len(rows)).astype(int)] = rows
    mapped.flush()


def score_and_peak(path):
    """Score a file; return the record and the largest resident memory in bytes."""
    record, peak = json.loads(output_of(MEASURE, RANKME, "score", "--json", path))
    return record, peak


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_gigabyte_takes_less_than_400_mib(tmp_path, order):
    rows = np.random.default_rng(5).standard_normal((20, N_COLS)).astype(np.float32)
    path = tmp_path / "large.npy"
    sparse_file(path, order, rows)
    record, peak = score_and_peak(path)
    # Zero rows change no singular value; there are N_COLS of them all the same.
    expected = rankme.score(np.vstack([rows, np.zeros((N_COLS, N_COLS), np.float32)]))
    # 236 singular values are exactly zero, which the Gram matrix of a stream knows to sqrt(2^-52)
    # of the largest; the expected score has looked at its rows twice.
    assert record["low"] <= expected <= record["high"]
    assert record["rankme"] == pytest.approx(expected, rel=1e-5)
    assert peak < 400 * MIB


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_wide_gigabyte_takes_less_than_400_mib(tmp_path, order):
    n_rows, n_cols = 64, 2**22
    columns = np.random.default_rng(6).standard_normal((n_rows, 200)).astype(np.float32)
    path = tmp_path / "wide.npy"
    offset = sparse_npy(path, n_rows, n_cols, order)
    mapped = np.memmap(path, np.float32, "r+", offset, (n_rows, n_cols), order)
    mapped[:, np.linspace(0, n_cols - 1, 200).astype(int)] = columns
    mapped.flush()
    record, peak = score_and_peak(path)
    assert (record["n_rows"], record["n_cols"]) == (n_rows, n_cols)
    assert record["rankme"] == pytest.approx(rankme.score(columns), rel=1e-12)
    assert peak < 400 * MIB


def test_no_room_for_the_gram_matrix_is_one_line(tmp_path):
    side = 40_000  # a Gram matrix of 12.8 GB
    path = tmp_path / "square.npy"
    sparse_npy(path, side, side)
    limited = f"ulimit -v {4 * 2**20}; exec {shlex.quote(str(RANKME))} score square.npy"
    result = subprocess.run(
        ["sh", "-c", limited],
        cwd=tmp_path,
        env=environment(RANKME_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    # The core's own words, which tell how much was wanted.
    line = error_line(result)
    assert line.startswith("square.npy: out of memory: ")
    assert f"{side} x {side}" in line
