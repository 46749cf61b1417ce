"""JSON of the command is what its schema files say, no more and no less."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator, ValidationError

import rankme
from command import run
from helpers import ROOT

RNG = np.random.default_rng(0)


def validator(name):
    text = (ROOT / "docs" / "reference" / "schema" / f"{name}.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


SCORE, COMPARE, WATCH = (validator(name) for name in ("score-1", "compare-1", "watch-1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("work")
    for i, name in enumerate("ab"):
        rows = RNG.standard_normal((400, 8)).astype(np.float32)
        np.save(place / f"{name}.npy", rows / np.arange(1, 9) ** (0.3 * i))
    broken = np.load(place / "a.npy")
    broken[7, 1] = np.nan
    np.save(place / "nan.npy", broken)
    np.savez(place / "two.npz", a=np.load(place / "a.npy"), b=np.load(place / "b.npy"))
    (place / "sub").mkdir()
    np.save(place / "sub" / "b.npy", np.load(place / "b.npy"))
    labels = {"text": ["x", "y"] * 50, "number": [1, 2] * 50, "flag": [True, False] * 50}
    vectors = pa.array(RNG.standard_normal((100, 4)).tolist())
    pq.write_table(pa.table({"v": vectors, **labels}), place / "t.parquet")
    (place / "truth.csv").write_text("name,value\na,0.7\nb,0.6\n")
    return place


@pytest.mark.parametrize(
    "options",
    [
        ["a.npy"],
        ["a.npy", "b.npy", "--metrics", "--groups", "8"],
        ["a.npy", "b.npy", "--pool", "--rows", "100", "--seed", "none"],
        ["nan.npy", "--skip-nonfinite", "--center", "--normalize"],
        ["a.npy", "--method", "qr"],
        ["a.npy", "--precision", "fast", "--rows", "300"],
        ["nan.npy", "a.npy"],
        ["two.npz", "--each"],
        [".", "--each"],
        ["t.parquet", "--column", "v", "--by", "text", "--pool"],
        ["t.parquet", "--column", "v", "--by", "number", "--metrics"],
        ["t.parquet", "--column", "v", "--by", "flag"],
    ],
)
def test_score(folder, options):
    result = run("score", *options, "--json", cwd=folder)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines
    for line in lines:
        SCORE.validate(line)
    assert [("error" in line) for line in lines].count(True) == (options == ["nan.npy", "a.npy"])


def test_merge(folder, tmp_path):
    for name in "ab":
        run("score", f"{name}.npy", "--state", tmp_path / f"{name}.rankme", cwd=folder)
    parts = [tmp_path / f"{name}.rankme" for name in "ab"]
    result = run("merge", *parts, "--json", cwd=folder)
    assert result.returncode == 0
    SCORE.validate(json.loads(result.stdout))


@pytest.mark.parametrize(
    "options", [[], ["--truth", "truth.csv"], ["--paired", "--baseline", "b"], ["nan.npy"]]
)
def test_compare(folder, options):
    result = run("compare", "a.npy", "b.npy", *options, "--json", cwd=folder)
    COMPARE.validate(json.loads(result.stdout))


@pytest.mark.parametrize(
    "options", [["--metric", "stable_rank"], ["--reference", "b.npy", "--resamples", "99"]]
)
def test_watch(folder, options):
    result = run("watch", "a.npy", "--window", "80", "--once", "--json", *options, cwd=folder)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["index"] for line in lines] == list(range(5))
    for line in lines:
        WATCH.validate(line)


def test_comparisons_of_python():
    sets = {name: RNG.standard_normal((200, 4)) for name in "abc"}
    found = rankme.compare(sets, order=[1, 2, 3], tags={"a": {"step": 1}})
    COMPARE.validate(json.loads(found.to_json()))


def test_a_key_that_is_new_or_missing_is_noticed(folder):
    line = json.loads(run("score", "a.npy", "--json", cwd=folder).stdout)
    for more in ({"new": 1}, {"by": "c"}, {"group": "x"}):
        with pytest.raises(ValidationError):
            SCORE.validate({**line, **more})
    del line["n_rows"]
    with pytest.raises(ValidationError):
        SCORE.validate(line)
