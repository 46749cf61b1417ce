"""A run goes on only with the shards and the settings that it began with."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import rankme
from command import error_line, run
from helpers import sparse_npy
from oracles import moderate
from runs import record, rows_in, running, wait_for_rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(3):
        np.save(f"part-{i}.npy", moderate(i, 100 + i, 8))
    return tmp_path


def refused(*args):
    state = rankme.Accumulator.load("run.rankme").__getstate__()
    result = run("score", *args, "--state", "run.rankme")
    assert (result.returncode, result.stdout) == (1, "")
    assert rankme.Accumulator.load("run.rankme").__getstate__() == state
    return error_line(result)


def begin(*args):
    return record(*args, "--state", "run.rankme")


def test_new_shards_are_taken_in(folder):
    begin("part-0.npy")
    result = begin("--pool", "part-1.npy", "part-0.npy", "part-2.npy")
    assert result["n_rows"] == 303
    plain = record("--pool", "part-0.npy", "part-1.npy", "part-2.npy")
    assert result["rankme"] == pytest.approx(plain["rankme"], rel=1e-12)
    names = {str(folder / f"part-{i}.npy"): 100 + i for i in range(3)}
    assert rankme.Accumulator.load("run.rankme").shards == names


@pytest.mark.usefixtures("folder")
def test_a_changed_time_stamp_is_an_error():
    begin("part-0.npy")
    os.utime("part-0.npy", ns=(1, 1))
    message = refused("--pool", "part-0.npy", "part-1.npy")
    assert message.startswith("part-0.npy: changed since run.rankme took in 100 rows of it: then ")
    assert "mtime_ns:1, 100 rows" in message


@pytest.mark.usefixtures("folder")
def test_a_changed_size_is_an_error():
    begin("part-0.npy")
    status = Path("part-0.npy").stat()
    np.save("part-0.npy", moderate(0, 101, 8))
    os.utime("part-0.npy", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert f"then {status.st_size} bytes" in refused("part-0.npy")


@pytest.mark.usefixtures("folder")
def test_a_truncated_shard_is_an_error():
    begin("part-0.npy")
    os.truncate("part-0.npy", 3000)
    assert refused("part-0.npy").startswith("part-0.npy: ")


@pytest.mark.usefixtures("folder")
def test_a_shard_that_is_left_out_is_an_error():
    begin("--pool", "part-0.npy", "part-1.npy")
    message = refused("part-1.npy")
    assert "part-0.npy, which is not among the files now; start again with another" in message


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--normalize"], "the run in it has normalize False; wanted True"),
        (["--method", "qr"], "the run in it has method gram; wanted qr"),
    ],
)
def test_other_settings_are_an_error(options, message):
    begin("part-0.npy")
    assert refused("part-0.npy", *options) == f"run.rankme: {message}"


@pytest.mark.usefixtures("folder")
def test_another_width_is_an_error():
    begin("part-0.npy")
    np.save("wide.npy", np.ones((20, 9)))
    assert refused("wide.npy") == "run.rankme: the run in it has columns 8; wanted 9"


@pytest.mark.usefixtures("folder")
def test_a_state_that_is_no_run_is_an_error():
    acc = rankme.Accumulator(8)
    acc.save("run.rankme")
    assert "no run that could go on" in refused("part-0.npy")


@pytest.mark.usefixtures("folder")
def test_a_damaged_state_is_an_error():
    begin("part-0.npy")
    with Path("run.rankme").open("r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"x")
    result = run("score", "part-0.npy", "--state", "run.rankme")
    assert result.returncode == 1
    assert error_line(result) == "run.rankme: the checksum does not match: the file was changed"


@pytest.mark.usefixtures("folder")
def test_a_shard_that_is_given_twice_is_an_error():
    result = run("score", "--pool", "part-0.npy", "./part-0.npy", "--state", "run.rankme")
    assert result.returncode == 2
    assert "same file" in error_line(result)


@pytest.mark.usefixtures("folder")
def test_a_bad_row_keeps_the_rows_before_it():
    bad = moderate(5, 50, 8)
    bad[20, 3] = np.nan
    np.save("part-2.npy", bad)
    paths = ["--pool", "part-0.npy", "part-1.npy", "part-2.npy"]
    result = run("score", *paths, "--state", "run.rankme")
    assert result.returncode == 1
    assert "part-2.npy: row 20, column 3" in error_line(result)
    acc = rankme.Accumulator.load("run.rankme")
    assert sorted(acc.shards.values()) == [100, 101]
    # None of its rows are in, so it may be mended.
    np.save("part-2.npy", moderate(5, 50, 8))
    assert begin(*paths)["n_rows"] == 251


@pytest.mark.usefixtures("folder")
def test_fewer_rows_than_columns():
    np.save("wide.npy", moderate(1, 10, 50))
    result = begin("wide.npy")
    plain = record("wide.npy")
    assert result["rankme"] == pytest.approx(plain["rankme"], rel=1e-6)
    assert result["low"] <= plain["rankme"] <= result["high"]


@pytest.mark.usefixtures("folder")
def test_qr_and_normalize():
    options = ("--method", "qr", "--normalize", "--pool")
    begin("part-0.npy", *options)
    result = begin("part-0.npy", "part-1.npy", *options)
    plain = record("part-0.npy", "part-1.npy", *options)
    assert result["rankme"] == pytest.approx(plain["rankme"], rel=1e-12)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["part-0.npy", "part-1.npy", "--state", "a"], "one file keeps one set"),
        (["part-0.npy", "--state", "a", "--method", "auto"], "wanted --method gram or qr"),
        (["part-0.npy", "--checkpoint-every", "5"], "nothing to save without --state"),
        (["part-0.npy", "--state", "a", "--checkpoint-every", "-1"], "finite and 0 or more"),
        (["part-0.npy", "--state", "a", "--checkpoint-every", "nan"], "finite and 0 or more"),
        (["part-0.npy", "--state", "none/a"], "none is no folder"),
        (["part-0.npy", "--state", "."], "is a directory"),
        (["part-0.npy", "--state", "pipe"], "pipe is a pipe, and wanted is a file"),
    ],
)
def test_wrong_usage(options, message):
    os.mkfifo("pipe")
    result = run("score", *options)
    assert result.returncode == 2
    assert message in error_line(result)


@pytest.mark.usefixtures("folder")
def test_columns_of_one_file_are_shards_of_their_own():
    with h5py.File("two.h5", "w") as file:
        file["a"] = moderate(1, 30, 8)
        file["b"] = moderate(2, 40, 8)
    begin("two.h5", "--column", "a")
    assert "two.h5#a, which is not among the files now" in refused("two.h5", "--column", "b")
    assert rows_in(Path("run.rankme")) == 30


def test_a_shard_that_vanishes_keeps_the_rows_before_it(folder):
    # Long enough that the run is still in it when the other shard goes.
    sparse_npy(folder / "part-0.npy", 400_000, 512)
    np.save("part-1.npy", moderate(1, 30, 512))
    state = folder / "run.rankme"
    paths = ["--pool", "part-0.npy", "part-1.npy"]
    with running(*paths, "--state", state, "--checkpoint-every", 0.1) as process:
        assert wait_for_rows(process, state, 0)
        shard = Path("part-1.npy").rename("away.npy")
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.startswith("rankme: error: ")
    assert "part-1.npy" in errors
    assert rankme.Accumulator.load(state).shards == {str(folder / "part-0.npy"): 400_000}
    shard.rename("part-1.npy")
    assert begin(*paths)["n_rows"] == 400_030
