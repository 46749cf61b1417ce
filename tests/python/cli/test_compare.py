"""``rankme compare``: the table, the files that it writes, and bad input."""

import json
import os
import re

import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.cli._names import differing_parts
from simulated_runs import rows

EXPONENTS = {"a": 0.3, "b": 0.5, "c": 1.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    for i, (name, exponent) in enumerate(EXPONENTS.items()):
        (folder / "runs" / name).mkdir(parents=True)
        np.save(folder / "runs" / name / "z.npy", rows(exponent, n=300 + i, seed=i))
    return folder


PATHS = [f"runs/{name}/z.npy" for name in EXPONENTS]


def test_the_table(runs):
    result = run("compare", *PATHS, cwd=runs)
    assert result.returncode == 0
    assert result.stderr == ""
    sets = {name: runs / "runs" / name / "z.npy" for name in EXPONENTS}
    table = str(rankme.compare(sets)).replace("rows=300, seed=None", "--rows 300, --seed none")
    assert result.stdout == f"{table}\n"


def test_options_are_those_of_python(runs):
    options = ["--rows", 200, "--seed", "none", "--groups", 10, "--center", "--normalize"]
    result = run("compare", *PATHS, "--paired", "--json", cwd=runs)
    assert result.returncode == 1  # of unequal length: these rows cannot correspond
    assert "--paired takes the same inputs" in error_line(result)
    assert "--rows 300, --seed none takes the first ones" in error_line(result)
    assert "--unpaired compares them" in error_line(result)
    first = run("compare", *PATHS, "--paired", "--rows", 300, "--seed", "none", cwd=runs)
    assert first.returncode == 0  # as the text says
    result = run("compare", *PATHS, *options, "--eps", 0, "--json", cwd=runs)
    sets = {name: runs / "runs" / name / "z.npy" for name in EXPONENTS}
    expected = rankme.compare(
        sets, rows=200, seed=None, groups=10, center=True, normalize=True, eps=0
    )
    found, wanted = json.loads(result.stdout), json.loads(expected.to_json())
    assert [one.pop("paths") for one in found["runs"]] == [[path] for path in PATHS]
    assert [one.pop("paths") for one in wanted["runs"]] == [[str(runs / path)] for path in PATHS]
    assert found == wanted


def test_a_column_of_each_path(tmp_path):
    sets = {}
    for i, name in enumerate("ab"):
        parts = {"x": rows(0.3, n=300, seed=i), "y": rows(1.0, n=300, seed=i)}
        np.savez(tmp_path / f"{name}.npz", **parts)
        sets[name] = parts["y"]
    result = run("compare", "a.npz", "b.npz", "--column", "y", "--json", cwd=tmp_path)
    assert result.returncode == 0
    found = {one["name"]: one["score"] for one in json.loads(result.stdout)["runs"]}
    assert found == rankme.compare(sets).scores
    paths = {name: tmp_path / f"{name}.npz" for name in "ab"}
    assert rankme.compare(paths, column="y").scores == found
    result = run("compare", "a.npz", "b.npz", cwd=tmp_path)
    assert "'x', 'y'" in result.stderr.splitlines()[0]


def test_truths_of_other_runs_are_warned_of(runs, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text("name,value\na,0.7\nb,0.6\nc,0.5\nd,0.4\n")
    result = run("compare", *PATHS, "--truth", truth, cwd=runs)
    assert result.returncode == 0
    assert f"{truth}: its 'd' is no run here, and was not used" in result.stderr
    result = run("compare", *PATHS, "--lower-is-better", cwd=runs)
    assert result.returncode == 2
    assert "--truth" in result.stderr


def test_a_bad_file_is_told_and_the_others_are_compared(runs, tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"no array")
    bad = rows(0, n=300)
    bad[7, 3] = np.nan
    np.save(tmp_path / "nan.npy", bad)
    paths = [*(runs / path for path in PATHS), tmp_path / "bad.npy", tmp_path / "nan.npy"]
    result = run("compare", *paths, "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["best"].endswith("a/z")
    assert len(found["runs"]) == 3
    assert [error["path"] for error in found["errors"]] == [str(path) for path in paths[3:]]
    lines = [line for line in result.stderr.splitlines() if line.startswith("rankme: error: ")]
    assert [line.removeprefix("rankme: error: ") for line in lines] == [
        error["error"] for error in found["errors"]
    ]


def test_a_baseline_has_the_name_of_a_run(tmp_path):
    for name, exponent in EXPONENTS.items():
        np.save(tmp_path / f"{name}.npy", rows(exponent))
    result = run("compare", "a.npy", "b.npy", "c.npy", "--json", "--baseline", "c", cwd=tmp_path)
    found = json.loads(result.stdout)
    assert [one["name"] for one in found["runs"]] == ["a", "b", "c"]
    assert found["baseline"] == "c"


def test_pictures_and_pages_are_written(runs, tmp_path):
    out = ["--plot", tmp_path / "out.png", "--html", tmp_path / "page.html"]
    assert run("compare", *PATHS, *out, cwd=runs).returncode == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert re.findall(r"<td>([abc])</td>", page) == ["a", "b", "c"]


def test_names_that_are_no_utf8_are_shown_as_escapes(tmp_path):
    paths = [os.fsencode(tmp_path) + b"/" + name + b".npy" for name in (b"\xff<a>", b"b\x01")]
    for path, exponent in zip(paths, (0.3, 0.5), strict=True):
        with open(path, "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
            np.save(file, rows(exponent))
    out = ["--plot", tmp_path / "out.png", "--html", tmp_path / "page.html"]
    result = run("compare", *map(os.fsdecode, paths), *out)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall(r"<td>([^<]*[ab][^<]*)</td>", page) == [r"\udcff&lt;a&gt;", r"b\x01"]


def test_letters_that_no_font_has_are_one_line(tmp_path):
    names = ["\u6a21\u578b", "b"]
    for name, exponent in zip(names, (0.3, 0.5), strict=True):
        np.save(tmp_path / f"{name}.npy", rows(exponent))
    result = run("compare", *(f"{name}.npy" for name in names), "--plot", "x.png", cwd=tmp_path)
    assert result.returncode == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    # A machine may have a font for them.
    for line in result.stderr.splitlines():
        assert re.fullmatch(r"rankme: warning: x\.png: .*Glyph.*, and 1 more like it", line)


def test_saved_states_prove_their_pairs(tmp_path):
    for name, exponent in EXPONENTS.items():
        acc = rankme.Accumulator(16, groups=16, tags={"model": name, "data": "test"})
        acc.update(rows(exponent), ids=range(512))
        acc.save(tmp_path / f"{name}.rankme")
    result = run("compare", *(f"{name}.rankme" for name in EXPONENTS), "--json", cwd=tmp_path)
    found = json.loads(result.stdout)
    assert (found["best"], found["paired"]) == ("a", True)
    assert [one["tags"]["model"] for one in found["runs"]] == ["a", "b", "c"]


@pytest.mark.parametrize(("lower", "regret"), [(False, 0.0), (True, 2.0)])
def test_a_truth_tells_whether_the_choice_was_right(runs, tmp_path, lower, regret):
    truth, page = tmp_path / "truth.csv", tmp_path / "page.html"
    truth.write_text("name, value\nc, 1\n b ,2\na,3\nz,9\n", encoding="utf-8")
    options = ["--truth", truth, "--html", page, *(["--lower-is-better"] if lower else [])]
    result = run("compare", *PATHS, *options, "--json", cwd=runs)
    assert json.loads(result.stdout)["agreement"]["regret"] == regret
    assert "regret" in page.read_text(encoding="utf-8")
    assert "regret" in run("compare", *PATHS, *options, cwd=runs).stdout


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["runs/a/z.npy"], "runs/a/z.npy is one run, and to compare takes two"),
        (["runs/a/z.npy", "./runs/a//z.npy"], "runs/a/z.npy is given twice"),
        ([*PATHS, "--baseline", "d"], "the runs are a, b, c"),
        ([*PATHS, "--allow", "dtype"], "dtype is none of eps, center"),
        ([*PATHS, "--seed", "x"], "'x' is neither a number, for random rows, nor none"),
        ([*PATHS, "--seed", 2**64], f"seed must be from 0 to {2**64 - 1}, not {2**64}"),
        ([*PATHS, "--rows", 7], "Invalid value for '--rows': "),
        ([*PATHS, "--groups", 100_000], "65536"),
        ([*PATHS, "--html", "absent/page.html"], "absent is no folder"),
        ([*PATHS, "--truth", "absent.csv"], "absent.csv"),
    ],
)
def test_wrong_usage(runs, args, text):
    result = run("compare", *args, cwd=runs)
    assert result.returncode == 2
    assert text in error_line(result)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "the columns name and value, with a comma between, in the first line, which is ''"),
        ("run,accuracy\na,1\n", "in the first line, which is 'run,accuracy'"),
        ("name;value\na;0,5\n", "in the first line, which is 'name;value'"),
        ("name,value\na,1\na,2\n", "line 3 has 'a' a second time"),
        ("name,value\na,high\n", "line 2 has 'high' for 'a'; wanted a number"),
        ("name,value\na,1_0\n", "line 2 has '1_0' for 'a'; wanted a number"),
        ("name,value\na, nan\n", "line 2 has 'nan' for 'a'; wanted a number"),
        ("name,value\na,0,5\nb,0,6\nc,0,7\n", "line 2 has 3 fields, and the first line 2"),
        ("value,name\n1\n2,b\n3,c\n", "line 2 has 1 fields, and the first line 2"),
        ("name,value,value\na,1,3\nb,2,2\nc,3,1\n", "wanted are the columns name and value"),
        (f"name,value\n{'a' * 200_000},1\n", "truth.csv: no CSV in UTF-8: field larger than"),
        (
            "name,value\na,1\nb,2\n",
            "no value of run 'c': wanted is a line for each of a, b, c; it has a, b",
        ),
        ("name,value\n", "no value of run 'a': wanted is a line for each of a, b, c; it has none"),
    ],
)
def test_a_truth_that_cannot_be(runs, tmp_path, content, text):
    (tmp_path / "truth.csv").write_text(content, encoding="utf-8")
    result = run("compare", *PATHS, "--truth", tmp_path / "truth.csv", cwd=runs)
    assert result.returncode == 1
    assert text in error_line(result)


@pytest.mark.parametrize(
    ("n_rows", "options", "text"),
    [
        (100, ["--rows", 300], "short.npy: --rows 300 is more than its 100 rows; --rows 100 is"),
        (5, [], "short.npy: it has 5 rows, and a sampling error takes 8 at least"),
    ],
)
def test_a_short_set_is_told_and_the_others_are_compared(runs, tmp_path, n_rows, options, text):
    short = tmp_path / "short.npy"
    np.save(short, rows(0, n=n_rows))
    result = run("compare", *(runs / path for path in PATHS), short, *options, "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert (found["rows"], len(found["runs"])) == (300, 3)
    assert text in found["errors"][0]["error"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a/z.npy", "runs/b/z.npy"], ["a", "b"]),
        (["a.npy", "b.npy"], ["a", "b"]),
        (["a.npy", "b.npz"], ["a", "b"]),
        (["a.npy", "b.jsonl.gz", "c.rankme", "d"], ["a", "b", "c", "d"]),
        (["a.npy", "a.npz", "b.npy"], ["a.npy", "a.npz", "b.npy"]),
        (["x/v1.0", "x/v1.1.npy"], ["v1.0", "v1.1"]),
        (["x/a/1/z.npy", "x/b/2/z.npy"], ["a/1", "b/2"]),
        (["/x/a", "/x/a/b"], ["a", "a/b"]),
        (["a/z.npy", "z.npy"], ["a/z", "z"]),
        (["s3://bucket/a/z.npy", "s3://bucket/b/z.npy"], ["a", "b"]),
        (["v1.0/z.npy", "v1.1/z.npy"], ["v1.0", "v1.1"]),
        (["runs/a/z.npy", "runs/b/z.parquet", "runs/c/z.npy"], ["a", "b", "c"]),
        (["a/z.npy", "a/z.npz"], ["z.npy", "z.npz"]),
        (["x/v1.0", "x/v1.1"], ["v1.0", "v1.1"]),
        ([".npy", "a.npy"], [".npy", "a.npy"]),
        # One name of two paths would be one run of two.
        (["/x/a.npy", "x/a.npy", "b.npy"], ["/x/a.npy", "x/a.npy", "b.npy"]),
        (["s3://b/x//a", "s3://b/x/a"], ["s3://b/x//a", "s3://b/x/a"]),
    ],
)
def test_names_are_the_parts_that_differ(paths, names):
    assert differing_parts(paths) == names


def test_a_file_that_fails_late_does_not_say_how_many_rows_are_scored(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", rows(0.3 if name == "a" else 0.6, n=400))
    bad = rows(0, n=100)
    bad[50, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    result = run("compare", "a.npy", "b.npy", "bad.npy", "--json", cwd=tmp_path)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert (found["rows"], len(found["runs"]), len(found["errors"])) == (400, 2, 1)


def test_a_baseline_that_fails_is_told_and_the_others_are_compared(tmp_path):
    for name, exponent in EXPONENTS.items():
        np.save(tmp_path / f"{name}.npy", rows(exponent))
    (tmp_path / "c.npy").write_bytes(b"no array")
    result = run("compare", "a.npy", "b.npy", "c.npy", "--json", "--baseline", "c", cwd=tmp_path)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert [one["name"] for one in found["runs"]] == ["a", "b"]
    assert "the untrained run 'c' is missing: nothing tells what is above it" in found["warnings"]


def test_errors_name_options_of_the_command_that_work(tmp_path):
    for name, layer in (("a", "head"), ("b", "backbone")):
        acc = rankme.Accumulator(16, groups=16, normalize=True, tags={"layer": layer})
        acc.update(rows(EXPONENTS[name]))
        acc.save(tmp_path / f"{name}.rankme")
    states = ["a.rankme", "b.rankme"]
    told = error_line(run("compare", *states, cwd=tmp_path))
    assert told.endswith("--allow layer insists")
    result = run("compare", *states, "--allow", "layer", "--json", cwd=tmp_path)
    assert "--normalize compares all by that; --allow normalize insists" in result.stderr
    assert "rankme score --groups 16" in result.stderr
    for insisting in (["--normalize"], ["--allow", "normalize"]):
        allowed = run("compare", *states, "--allow", "layer", *insisting, cwd=tmp_path)
        assert allowed.returncode == 0
