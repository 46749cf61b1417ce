"""``rankme score``: the number, how it is shown, and what is said about bad data."""

import json
import os
import re

import numpy as np
import pytest

import rankme
from command import DOCSTRINGS, WORDNET, error_line, run

KEYS = [
    "schema",
    "path",
    "rankme",
    "low",
    "high",
    "n_rows",
    "n_cols",
    "n_files",
    "n_folders",
    "n_skipped",
    "dtype",
    "eps",
    "center",
    "normalize",
    "method",
    "precision",
]


def save(path, array):
    np.save(path, array)
    return path


def matrix(shape, dtype=np.float32, seed=3):
    rng = np.random.default_rng(seed)
    scale = (1 + np.arange(shape[1])) ** -0.8
    return (rng.standard_normal(shape) * scale).astype(dtype)


def records(result):
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_real_embeddings_as_text():
    result = run("score", DOCSTRINGS)
    expected = rankme.score(np.load(DOCSTRINGS))
    assert (result.returncode, result.stderr) == (0, "")
    name, score, *lines = result.stdout.splitlines()
    assert name == str(DOCSTRINGS)
    head, _, tail = score.partition(" (rounding: within ")
    # As many decimals as are known.
    written = re.fullmatch(r"  RankMe      (\d+\.\d{8,10})", head)[1]
    assert abs(float(written) - expected) < 1e-8
    assert re.fullmatch(r"[1-9]e-(0[89]|10)\) of min\(N, K\) = 384", tail)
    assert lines == [
        "  rows N      2000",
        "  columns K   384",
        "  dtype       float16",
        "  eps         1e-07",
        "  centred     no",
        "  normalised  no",
        "  method      gram",
    ]


def test_text_tells_what_was_assumed():
    lines = run("score", "--eps", "0", "--center", "--normalize", WORDNET).stdout.splitlines()
    assert "  eps         0" in lines
    assert "  centred     yes" in lines
    assert "  normalised  yes" in lines


def test_json_has_the_fields_of_its_schema():
    (record,) = records(run("score", "--json", DOCSTRINGS))
    expected = rankme.spectrum(np.load(DOCSTRINGS))
    low, high = expected.rankme_bounds()
    assert list(record) == KEYS
    assert record["low"] <= record["rankme"] <= record["high"]
    assert record == {
        "schema": "rankme.score/1",
        "path": str(DOCSTRINGS),
        "rankme": pytest.approx(expected.rankme(), rel=1e-12),
        # The rows come in other blocks here, and the bounds measure the rounding of their sums.
        "low": pytest.approx(low, rel=1e-6),
        "high": pytest.approx(high, rel=1e-6),
        "n_rows": 2000,
        "n_cols": 384,
        "n_files": 1,
        "n_folders": 1,
        "n_skipped": 0,
        "dtype": "float16",
        "eps": 1e-7,
        "center": False,
        "normalize": False,
        "method": "gram",
        "precision": "float64",
    }


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        (["--center"], {"center": True}),
        (["--normalize"], {"normalize": True}),
        (["--eps", "0"], {"eps": 0.0}),
        (["--method", "qr"], {"method": "qr"}),
        (["--method", "qr", "--center"], {"method": "qr", "center": True}),
        (
            ["--eps=1e-3", "--center", "--normalize"],
            {"eps": 1e-3, "center": True, "normalize": True},
        ),
    ],
)
@pytest.mark.parametrize("shape", [(300, 20), (20, 300)])
def test_options_mean_what_they_mean_in_python(tmp_path, options, keywords, shape):
    rows = matrix(shape) + 0.5
    (record,) = records(run("score", "--json", *options, save(tmp_path / "rows.npy", rows)))
    assert record["rankme"] == pytest.approx(rankme.score(rows, **keywords), rel=1e-12)
    assert {name: record[name] for name in keywords} == keywords


def test_order_and_dtype_of_the_file(tmp_path):
    rows = matrix((500, 24), np.float16)
    variants = {
        "half.npy": rows,
        "single.npy": rows.astype(np.float32),
        "double.npy": rows.astype(np.float64),
        "half_f.npy": np.asfortranarray(rows),
        "single_f.npy": np.asfortranarray(rows.astype(np.float32)),
    }
    paths = [save(tmp_path / name, array) for name, array in variants.items()]
    found = records(run("score", "--json", *paths))
    assert [record["path"] for record in found] == [str(path) for path in paths]
    assert [record["dtype"] for record in found] == [str(a.dtype) for a in variants.values()]
    expected = rankme.score(rows)
    assert [record["rankme"] for record in found] == pytest.approx([expected] * 5, rel=1e-12)


def test_zeros_and_a_single_row(tmp_path):
    zeros = save(tmp_path / "zeros.npy", np.zeros((9, 4)))
    single = save(tmp_path / "single.npy", np.ones((1, 4)))
    found = [records(run("score", "--json", "--eps", "0", path))[0] for path in (zeros, single)]
    assert [record["rankme"] for record in found] == [0.0, pytest.approx(1.0, rel=1e-12)]


def test_pool_is_the_concatenation():
    (record,) = records(run("score", "--json", "--pool", "--center", DOCSTRINGS, WORDNET))
    rows = np.concatenate([np.load(DOCSTRINGS), np.load(WORDNET)])
    assert list(record) == [*KEYS[:2], "paths", *KEYS[2:]]
    assert (record["n_files"], record["n_folders"]) == (2, 1)
    assert record["path"] is None
    assert record["paths"] == [str(DOCSTRINGS), str(WORDNET)]
    assert (record["n_rows"], record["n_cols"]) == (4000, 384)
    assert record["rankme"] == pytest.approx(rankme.score(rows, center=True), rel=1e-12)


@pytest.mark.parametrize("n_rows", [(30, 500, 7), (3, 5, 7)], ids=["tall", "wide"])
def test_pool_of_several_dtypes(tmp_path, n_rows):
    dtypes = (np.float16, np.float64, np.float32)
    parts = [
        matrix((n, 40), dtype, seed)
        for seed, (n, dtype) in enumerate(zip(n_rows, dtypes, strict=True))
    ]
    paths = [save(tmp_path / f"{i}.npy", part) for i, part in enumerate(parts)]
    (record,) = records(run("score", "--json", "--pool", *paths))
    expected = rankme.score(np.concatenate([part.astype(np.float64) for part in parts]))
    assert record["rankme"] == pytest.approx(expected, rel=1e-12)
    assert record["n_rows"] == sum(n_rows)
    assert record["dtype"] == "float16,float32,float64"


def test_pool_of_one_file_keeps_its_path():
    (record,) = records(run("score", "--json", "--pool", WORDNET))
    assert (record["path"], record["paths"]) == (str(WORDNET), [str(WORDNET)])


def test_pool_as_text_names_all_files(tmp_path):
    save(tmp_path / "a.npy", matrix((50, 4)))
    save(tmp_path / "b.npy", matrix((60, 4)))
    lines = run("score", "--pool", "a.npy", "b.npy", cwd=tmp_path).stdout.splitlines()
    assert lines[0] == "a.npy + b.npy"
    assert "  rows N      110" in lines


def test_pool_of_two_widths_names_both_files(tmp_path):
    save(tmp_path / "a.npy", matrix((50, 4)))
    save(tmp_path / "b.npy", matrix((60, 5)))
    result = run("score", "--pool", "a.npy", "b.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result) == "b.npy: has 5 columns; wanted 4, as in a.npy"


def test_pool_with_a_bad_file_scores_nothing(tmp_path):
    save(tmp_path / "a.npy", matrix((50, 4)))
    save(tmp_path / "b.npy", np.arange(8).reshape(2, 4))
    result = run("score", "--pool", "a.npy", "b.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    wanted = "b.npy: dtype int64; wanted float16, float32 or float64"
    assert error_line(result).startswith(wanted)


def test_pool_counts_no_file_twice(tmp_path):
    save(tmp_path / "a.npy", matrix((50, 4)))
    (tmp_path / "link.npy").symlink_to("a.npy")
    result = run("score", "--pool", "a.npy", "link.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "a.npy and link.npy are the same file" in error_line(result)


def test_bad_files_do_not_stop_the_others(tmp_path):
    good = matrix((50, 4))
    for name in ("1-good", "5-good", "9-good"):
        save(tmp_path / f"{name}.npy", good)
    (tmp_path / "2-empty.npy").write_bytes(b"")
    (tmp_path / "3-text.npy").write_text("one, two, three\n")
    save(tmp_path / "4-flat.npy", np.ones(3))
    save(tmp_path / "6-int.npy", np.arange(8).reshape(2, 4))
    save(tmp_path / "7-short.npy", good)
    os.truncate(tmp_path / "7-short.npy", 300)
    np.save(tmp_path / "8-objects.npy", np.array([[None]]), allow_pickle=True)
    names = sorted(path.name for path in tmp_path.iterdir())
    result = run("score", "--json", *names, cwd=tmp_path)
    assert result.returncode == 1
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["path"] for record in found] == names
    scored = [record["path"] for record in found if "rankme" in record]
    assert scored == ["1-good.npy", "5-good.npy", "9-good.npy"]
    lines = result.stderr.splitlines()
    bad = [name for name in names if "good" not in name]
    failed = [record for record in found if "rankme" not in record]
    assert [f"rankme: error: {record['error']}" for record in failed] == lines
    assert {tuple(record) for record in failed} == {("path", "error")}
    assert len(lines) == len(bad) == 6
    for line, name in zip(lines, bad, strict=True):
        assert line.startswith(f"rankme: error: {name}: ")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_bad_entry_in_a_later_block_is_named(tmp_path, order, value):
    rows = np.ones((700_000, 16), np.float32, order=order)  # three blocks
    rows[699_000, 7] = value
    rows[699_001, 2] = value
    save(tmp_path / "rows.npy", rows)
    result = run("score", "rows.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result) == (
        f"rows.npy: row 699000, column 7 (counted from 0) is {value}; every entry must be finite"
    )


@pytest.mark.parametrize("n_rows", [40, 3], ids=["tall", "wide"])
def test_a_bad_entry_in_a_pool_is_named_by_its_own_file(tmp_path, n_rows):
    rows = matrix((n_rows, 8))
    for name in ("a", "b", "c"):
        save(tmp_path / f"{name}.npy", rows[:2] if name == "a" else rows)
    rows[2, 6] = np.inf
    save(tmp_path / "b.npy", rows)
    result = run("score", "--pool", "a.npy", "b.npy", "c.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith("b.npy: row 2, column 6 (counted from 0) is inf;")


def test_a_bad_entry_of_a_wide_file_is_named(tmp_path):
    rows = matrix((5, 80))
    rows[3, 71] = np.nan
    save(tmp_path / "wide.npy", rows)
    result = run("score", "wide.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith("wide.npy: row 3, column 71 (counted from 0) is nan;")
