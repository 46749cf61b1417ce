"""``rankme score`` of many paths: bad ones among them, and sets that must not be compared."""

import json
import re

import numpy as np
import pytest

import rankme
from command import run
from oracles import moderate
from rankme.sources import choose_rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", moderate(1, 60, 4))
    np.save("b.npy", moderate(2, 60, 4))
    return tmp_path


def lines_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("missing", ["missing.npy", "none-*.npy", "none/x.npy", "s3x://b/x.npy"])
def test_a_path_that_is_not_there_does_not_stop_the_others(missing):
    result = run("score", "--json", "a.npy", missing, "b.npy")
    assert result.returncode == 1
    first, failed, last = lines_of(result)
    assert (first["path"], last["path"]) == ("a.npy", "b.npy")
    assert last["rankme"] == pytest.approx(rankme.score("b.npy"), rel=1e-12)
    assert list(failed) == ["path", "error"]
    assert failed["path"] == missing
    assert result.stderr == f"rankme: error: {failed['error']}\n"
    assert failed["error"].startswith(f"{missing}: ")
    text = run("score", "a.npy", missing, "b.npy")
    assert (text.returncode, text.stderr) == (1, result.stderr)
    assert text.stdout.count("RankMe") == 2


@pytest.mark.usefixtures("folder")
def test_a_file_that_breaks_while_it_is_read_does_not_stop_the_others():
    rows = np.load("a.npy")
    rows[7, 2] = np.nan
    np.save("c.npy", rows)
    result = run("score", "--json", "c.npy", "b.npy")
    failed, scored = lines_of(result)
    assert (result.returncode, scored["path"]) == (1, "b.npy")
    assert failed["path"] == "c.npy"
    assert failed["error"].startswith("c.npy: row 7, column 2 (counted from 0) is nan")


@pytest.mark.usefixtures("folder")
def test_a_pool_with_bad_paths_has_a_line_for_each():
    result = run("score", "--json", "--pool", "a.npy", "x.npy", "b.npy", "y.npy")
    assert result.returncode == 1
    assert [(line["path"], list(line)) for line in lines_of(result)] == [
        ("x.npy", ["path", "error"]),
        ("y.npy", ["path", "error"]),
    ]
    np.save("wide.npy", np.eye(5))
    (failed,) = lines_of(run("score", "--json", "--pool", "a.npy", "wide.npy"))
    assert failed["path"] == "wide.npy"
    np.save("bad.npy", np.full((3, 4), np.inf))
    (failed,) = lines_of(run("score", "--json", "--pool", "a.npy", "bad.npy"))
    assert failed["path"] == "bad.npy"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ([], {}),
        (["--center", "--eps", "0"], {"center": True, "eps": 0}),
        (["--normalize", "--method", "qr"], {"normalize": True, "method": "qr"}),
    ],
)
def test_sets_of_different_size_are_not_compared(options, keywords):
    np.save("short.npy", moderate(3, 37, 4))
    result = run("score", "--json", *options, "a.npy", "short.npy", "b.npy")
    assert result.returncode == 0
    assert result.stderr.startswith(
        "rankme: warning: these scores must not be compared: N differs, 37 rows in short.npy and 60"
    )
    assert result.stderr.count("\n") == 1
    # What it says is done: as many rows of each, and nothing is left to say.
    advice = re.search(r"score as many rows of each: (--rows \d+)$", result.stderr.strip())[1]
    again = run("score", "--json", *options, "a.npy", "short.npy", "b.npy", *advice.split())
    assert (again.returncode, again.stderr) == (0, "")
    found = {line["path"]: line for line in lines_of(again)}
    for name in ("a.npy", "short.npy", "b.npy"):
        assert found[name]["n_rows"] == 37
        expected = rankme.score(np.load(name)[choose_rows(len(np.load(name)), 37)], **keywords)
        assert found[name]["rankme"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.usefixtures("folder")
def test_rows_that_were_left_out_are_to_be_dropped_first():
    rows = np.load("a.npy")
    rows[7, 2] = np.nan
    np.save("c.npy", rows)
    result = run("score", "c.npy", "b.npy", "--skip-nonfinite")
    assert result.stderr.endswith(
        "rows were left out: drop them from the files, and then score as many of each\n"
    )
    np.save("c.npy", rows[np.isfinite(rows).all(axis=1)])
    assert run("score", "c.npy", "b.npy", "--rows", "59").stderr == ""


@pytest.mark.usefixtures("folder")
def test_sets_of_one_size_are_compared():
    result = run("score", "a.npy", "b.npy")
    assert (result.returncode, result.stderr) == (0, "")
    np.save("short.npy", moderate(3, 37, 4))
    pooled = run("score", "--pool", "a.npy", "short.npy")
    assert (pooled.returncode, pooled.stderr) == (0, "")
    failed = run("score", "a.npy", "x.npy")
    assert "compared" not in failed.stderr


@pytest.mark.usefixtures("folder")
def test_the_interval_is_called_what_it_is():
    line = run("score", "a.npy").stdout.splitlines()[1]
    assert re.search(r"RankMe +[0-9.]+ \(rounding: within [0-9.e-]+\) of min\(N, K\) = 4", line)


def test_what_made_up_a_set_is_seen(folder):
    assert "files" not in run("score", "a.npy").stdout
    assert "  files       2 in 1 folder\n" in run("score", ".").stdout
    (folder / "day=1").mkdir()
    np.save(folder / "day=1" / "c.npy", moderate(3, 60, 4))
    assert "  files       1\n" in run("score", "day=1").stdout
    assert "  files       3 in 2 folders\n" in run("score", ".").stdout
    (record,) = lines_of(run("score", "--json", "."))
    assert (record["n_rows"], record["n_files"], record["n_folders"]) == (180, 3, 2)


@pytest.mark.usefixtures("folder")
def test_merged_files_are_counted():
    for name in "ab":
        assert run("score", f"{name}.npy", "--state", f"{name}.rankme").returncode == 0
    (merged,) = lines_of(run("merge", "--json", "a.rankme", "b.rankme"))
    assert (merged["n_files"], merged["n_folders"]) == (2, 1)
    acc = rankme.Accumulator(4)
    acc.update(np.eye(4))
    acc.save("c.rankme")
    (merged,) = lines_of(run("merge", "--json", "c.rankme"))
    assert (merged["n_files"], merged["n_folders"]) == (None, None)
