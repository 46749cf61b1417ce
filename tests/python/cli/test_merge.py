"""``rankme merge``: parts into one, and no shard twice."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import rankme
from command import error_line, run
from oracles import moderate
from runs import record


@pytest.fixture(scope="module")
def runs_of_three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    for i in range(3):
        np.save(folder / f"part-{i}.npy", moderate(i, 100 + i, 8))
        record(folder / f"part-{i}.npy", "--state", folder / f"{i}.rankme")
    return folder


@pytest.fixture
def parts(runs_of_three, tmp_path, monkeypatch):
    shutil.copytree(runs_of_three, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return [f"{i}.rankme" for i in range(3)]


def merged(*args):
    result = run("merge", *args, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refused(*args):
    result = run("merge", *args)
    assert (result.returncode, result.stdout) == (1, "")
    return error_line(result)


def test_the_score_is_that_of_all_rows(parts):
    result = merged(*parts)
    plain = record("--pool", *(f"part-{i}.npy" for i in range(3)))
    assert result["rankme"] == pytest.approx(plain["rankme"], rel=1e-12)
    assert result["n_rows"] == plain["n_rows"] == 303
    assert result["paths"] == parts
    assert (result["path"], result["dtype"]) == (None, None)
    centred = merged(*reversed(parts), "--center", "--eps", 0, "--metrics")
    plain = record("--pool", *(f"part-{i}.npy" for i in range(3)), "--center", "--eps", 0)
    assert centred["rankme"] == pytest.approx(plain["rankme"], rel=1e-12)
    assert centred["metrics"]["rankme"] == centred["rankme"]


def test_the_text_names_the_parts(parts):
    result = run("merge", *parts)
    assert result.returncode == 0
    assert result.stdout.startswith("0.rankme + 1.rankme + 2.rankme\n  RankMe")
    assert "303" in result.stdout
    assert "dtype" not in result.stdout


def test_the_output_is_a_part_again(parts):
    merged(*parts[:2], "--output", "two.rankme")
    total = merged("two.rankme", parts[2])
    assert total["rankme"] == pytest.approx(merged(*parts)["rankme"], rel=1e-12)
    assert sum(rankme.Accumulator.load("two.rankme").shards.values()) == 201
    message = refused("two.rankme", parts[1])
    assert message.startswith("1.rankme: cannot merge: both hold rows of shard '")
    assert message.endswith("part-1.npy' (101 and 101), which would be counted twice")


def test_a_shard_in_two_parts_is_refused_and_nothing_written(parts):
    assert "counted twice" in refused(parts[0], parts[1], parts[0], "--output", "total.rankme")
    with pytest.raises(FileNotFoundError):
        rankme.Accumulator.load("total.rankme")
    merged(*parts[:2], "--output", "total.rankme")
    before = rankme.Accumulator.load("total.rankme").__getstate__()
    refused(parts[0], parts[0], "--output", "total.rankme")
    assert rankme.Accumulator.load("total.rankme").__getstate__() == before


def test_an_unfinished_run_is_refused(parts):
    bad = moderate(7, 50, 8)
    bad[0, 0] = np.inf
    np.save("bad.npy", bad)
    assert run("score", "--pool", "part-0.npy", "bad.npy", "--state", "run.rankme").returncode == 1
    message = refused(parts[1], "run.rankme")
    assert message.startswith("run.rankme: the run in it is not finished: it has 0 of 50 rows of ")
    assert "bad.npy; go on with" in message


def test_saved_accumulators_are_parts(parts):
    acc = rankme.Accumulator(8)
    acc.update(moderate(9, 40, 8))
    acc.save("plain.rankme")
    assert merged(*parts, "plain.rankme")["n_rows"] == 343
    # Of these nobody can tell whether they are in already.
    warning = "40 of 343 rows came without the id of a shard; whether some are in twice cannot be"
    assert warning in run("merge", *parts, "plain.rankme").stderr
    assert run("merge", *parts).stderr == run("merge", "plain.rankme").stderr == ""


def test_one_file_given_twice_is_refused(parts):
    acc = rankme.Accumulator(8)
    acc.update(moderate(9, 40, 8))
    acc.save("plain.rankme")
    Path("link.rankme").symlink_to("plain.rankme")
    for other in ("plain.rankme", "./plain.rankme", "link.rankme"):
        message = refused(parts[0], "plain.rankme", other)
        assert message.startswith(f"{Path(other)} is the same file as plain.rankme")


def test_parts_that_do_not_fit(parts):
    for name, acc in {
        "dim": rankme.Accumulator(9),
        "normalizes": rankme.Accumulator(8, normalize=True),
        "method": rankme.Accumulator(8, method="qr"),
        "seed": rankme.Accumulator(8, seed=1),
    }.items():
        acc.save("other.rankme")
        message = refused(parts[0], "other.rankme")
        assert message.startswith("other.rankme: cannot merge")
        assert name in message


def test_what_is_no_part(parts):
    assert refused(parts[0], "part-0.npy") == "part-0.npy: not a saved rankme.Accumulator"
    result = run("merge", "none.rankme")
    assert result.returncode == 2
    assert "none.rankme" in error_line(result)
    rankme.Accumulator(8).save("empty.rankme")
    assert refused("empty.rankme") == "empty.rankme: the accumulator has no rows yet"
    assert "no folder" in error_line(run("merge", *parts, "--output", "none/a"))
