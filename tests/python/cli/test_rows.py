"""``rankme score --rows --seed``: as many rows of each set, and which."""

import json

import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import choose_rows
from source_files import matrix, parquet_writer

N = 90
Z = matrix(N, 6)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", Z)
    parquet_writer(row_group_size=11)(tmp_path / "a.parquet", Z)
    (tmp_path / "shards").mkdir()
    for number, part in enumerate(np.split(Z, [10, 55])):
        np.save(f"shards/part-{number}.npy", part)
    return tmp_path


def scored(*args):
    result = run("score", "--json", *args)
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "seed"), [([], 0), (["--seed", "4"], 4), (["--seed", "none"], None)]
)
def test_every_path_gives_the_same_rows(words, seed):
    expected = rankme.score(Z[choose_rows(N, 25, seed=seed)])
    for line in scored("a.npy", "a.parquet", "shards", "--rows", "25", *words):
        assert line["rankme"] == pytest.approx(expected, rel=1e-12)
        assert (line["n_rows"], line["rows"], line["seed"]) == (25, 25, seed)
    (pooled,) = scored(
        "--pool", *(f"shards/part-{i}.npy" for i in range(3)), "--rows", "25", *words
    )
    assert pooled["rankme"] == pytest.approx(expected, rel=1e-12)
    assert pooled["n_files"] == 3


@pytest.mark.usefixtures("folder")
def test_json_has_them_where_asked():
    (line,) = scored("a.npy")
    assert not {"rows", "seed"} & set(line)


@pytest.mark.usefixtures("folder")
def test_the_text_tells_of_how_many():
    assert (
        "rows N      25 of 90, drawn with seed 0\n" in run("score", "a.npy", "--rows", "25").stdout
    )
    first = run("score", "a.npy", "--rows", "25", "--seed", "none").stdout
    assert "rows N      25 of 90, the first\n" in first
    bad = Z.copy()
    bad[choose_rows(N, 25)[3]] = np.nan
    np.save("bad.npy", bad)
    text = run("score", "bad.npy", "--rows", "25", "--skip-nonfinite").stdout
    assert "24 of 90, drawn with seed 0 (1 more left out: NaN or infinity)" in text


@pytest.mark.usefixtures("folder")
def test_too_many_are_an_error_of_that_path():
    np.save("short.npy", Z[:20])
    result = run("score", "--json", "a.npy", "short.npy", "--rows", "25")
    scored_line, failed = map(json.loads, result.stdout.splitlines())
    assert (result.returncode, scored_line["n_rows"]) == (1, 25)
    assert failed["path"] == "short.npy"
    assert "rows is 25, and short.npy has 20 rows; ask for 20 or fewer" in failed["error"]
    assert {line["n_rows"] for line in scored("a.npy", "short.npy", "--rows", "20")} == {20}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--rows", "0"], "'--rows': rows must be 1 or more, not 0"),
        (["--rows", "x"], "'--rows': "),
        (["--seed", "1"], "'--seed': nothing is drawn without --rows"),
        (
            ["--rows", "5", "--seed", "-1"],
            "'--seed': '-1' is neither a number, for random rows, nor",
        ),
        (["--rows", "5", "--seed", "x"], "'--seed': 'x' is neither a number, for random rows, nor"),
        (["--rows", "5", "--seed", str(2**64)], "'--seed': seed must be from 0 to"),
    ],
)
def test_wrong_usage(words, text):
    result = run("score", "a.npy", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"Invalid value for {text}" in error_line(result)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "takes"),
    [
        (["--rows", "30"], "--rows 30 --seed 0"),
        (["--rows", "25", "--seed", "1"], "--rows 25 --seed 1"),
        (["--rows", "25", "--seed", "none"], "--rows 25 --seed none"),
        ([], "all rows"),
    ],
)
def test_a_run_goes_on_with_its_rows_only(words, takes):
    (line,) = scored("shards", "--rows", "25", "--state", "run.rankme")
    assert line["rankme"] == pytest.approx(rankme.score(Z[choose_rows(N, 25)]), rel=1e-12)
    result = run("score", "shards", *words, "--state", "run.rankme")
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result) == (
        f"run.rankme: the run in it takes --rows 25 --seed 0; wanted {takes}; go on as it began, "
        f"or start again with another file"
    )
    assert scored("shards", "--rows", "25", "--state", "run.rankme") == [line]  # as it was


@pytest.mark.usefixtures("folder")
def test_a_run_of_all_rows_takes_no_choice():
    scored("shards", "--state", "run.rankme")
    result = run("score", "shards", "--rows", "25", "--state", "run.rankme")
    assert "the run in it takes all rows; wanted --rows 25 --seed 0" in error_line(result)


@pytest.mark.usefixtures("folder")
def test_another_shard_changes_a_random_choice_and_not_the_first_rows(folder):
    scored("shards", "--rows", "60", "--state", "random.rankme")
    scored("shards", "--rows", "60", "--seed", "none", "--state", "first.rankme")
    np.save(folder / "shards" / "part-3.npy", Z[:30])
    result = run("score", "shards", "--rows", "60", "--state", "random.rankme")
    assert "part-0.npy: changed since random.rankme took in" in error_line(result)
    (line,) = scored("shards", "--rows", "60", "--seed", "none", "--state", "first.rankme")
    assert line["rankme"] == pytest.approx(rankme.score(Z[:60]), rel=1e-12)


@pytest.mark.usefixtures("folder")
def test_some_rows_and_all_of_a_shard_do_not_merge():
    scored("a.npy", "--rows", "25", "--state", "some.rankme")
    scored("a.npy", "--state", "all.rankme")
    result = run("merge", "some.rankme", "all.rankme")
    assert result.returncode == 1
    assert "counted twice" in error_line(result)
