"""``rankme score``: the interval, the methods, the metrics, warnings and faults."""

import json
import re
from decimal import Decimal

import numpy as np
import pytest

import extended
import rankme
from command import DOCSTRINGS, WORDNET, error_line, run
from helpers import run_python
from oracles import rankme_of
from rankme.metrics._interval_text import with_interval


@pytest.fixture
def shifted(tmp_path):
    """Rows so far from 0 that a Gram matrix of them as they are would leave no digit centred."""
    path = tmp_path / "shifted.npy"
    np.save(path, np.random.default_rng(3).standard_normal((500, 8)) + 1e7)
    return path


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory):
    """Rows that have all but collapsed onto a line: no Gram matrix sees what is beside it."""
    path = tmp_path_factory.mktemp("collapsed") / "collapsed.npy"
    rng = np.random.default_rng(4)
    line = np.outer(rng.standard_normal(1020), rng.standard_normal(1000)) / 1000
    np.save(path, line + 1e-9 * rng.standard_normal(line.shape) / np.sqrt(1000))
    return path


@pytest.fixture(scope="module")
def collapsed_score(collapsed):
    return rankme_of(np.linalg.svd(np.load(collapsed), compute_uv=False))


def record_of(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def strict(text):
    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("score", "low", "high", "text"),
    [
        (293.16866, 293.168656, 293.1686601, "293.168660 (rounding: within 5e-06)"),
        (293.16866, 293.16866 - 4e-6, 293.16866 + 1e-6, "293.168660 (rounding: within 5e-06)"),
        (2.5, 2.5 - 2**-30, 2.5, "2.5000000000 (rounding: within 1e-09)"),
        (2.5, 2.5, 2.8125, "2.500000 (rounding: within 0.4)"),
        (7.0, 1.0, 7.5, "7.000000 (rounding: within 6)"),
        (7.0, 1.0, 40.0, "7.000000 (rounding: within 40)"),
        (0.0, 0.0, 0.0, "0.000000 (rounding: within 0)"),
        # The half-width counts from the digits that are written.
        (1 / 3, 1 / 3, 1 / 3, "0.333333 (rounding: within 4e-07)"),
    ],
)
def test_the_half_width_is_rounded_up(score, low, high, text):
    assert with_interval(score, low, high) == text


def test_the_text_tells_the_interval():
    line = run("score", WORDNET).stdout.splitlines()[1]
    low, high = rankme.spectrum(np.load(WORDNET)).rankme_bounds()
    found = re.fullmatch(r"  RankMe +(\S+) \(rounding: within (\S+)\) of min\(N, K\) = 384", line)
    score, half = map(Decimal, found.groups())
    assert score - half <= Decimal(low)
    assert Decimal(high) <= score + half


def is_wide(record):
    return record["high"] - record["low"] > 1e-3 * record["rankme"]


@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
def test_no_method_loses_rows_far_from_zero(shifted, method):
    result = run("score", "--json", "--center", "--method", method, shifted)
    record = record_of(result)
    assert record["method"] == ("qr" if method == "qr" else "gram")
    expected = extended.score(np.load(shifted), center=True)
    assert record["low"] <= expected <= record["high"]
    assert not is_wide(record)
    assert not result.stderr


@pytest.mark.parametrize(("method", "used"), [("gram", "gram"), ("qr", "qr"), ("auto", "qr")])
def test_methods_on_rows_that_have_collapsed(collapsed, collapsed_score, method, used):
    result = run("score", "--json", "--method", method, collapsed)
    record = record_of(result)
    assert record["method"] == used
    assert record["low"] <= collapsed_score <= record["high"]
    assert is_wide(record) == (used == "gram") == bool(result.stderr)


@pytest.mark.parametrize(
    ("options", "used"),
    [([], "gram"), (["--rtol", "1e-15"], "qr"), (["--rtol", "1e-3", "--center"], "gram")],
)
@pytest.mark.parametrize("shape", [(300, 20), (20, 300)], ids=["tall", "wide"])
def test_auto_repeats_only_where_the_interval_is_too_wide(tmp_path, options, used, shape):
    rows = np.random.default_rng(2).standard_normal(shape)
    np.save(tmp_path / "rows.npy", rows)
    record = record_of(run("score", "--json", "--method=auto", *options, tmp_path / "rows.npy"))
    assert record["method"] == used
    assert record["rankme"] == pytest.approx(
        rankme.score(rows, center="--center" in options), rel=1e-12
    )


def test_a_precision_warning_is_one_line_and_no_failure(collapsed):
    result = run("score", collapsed.name, cwd=collapsed.parent, PYTHONWARNINGS="error::UserWarning")
    assert result.returncode == 0
    assert "RankMe" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("rankme: warning: collapsed.npy: RankMe ")
    assert "has relative uncertainty" in line


@pytest.mark.parametrize("options", [["--center"], ["--normalize"], []])
def test_metrics_are_those_of_the_spectrum(options):
    record = record_of(run("score", "--json", "--metrics", *options, DOCSTRINGS))
    keywords = {option.removeprefix("--"): True for option in options}
    expected = rankme.spectrum(np.load(DOCSTRINGS), **keywords).metrics()
    assert list(record)[-2:] == ["precision", "metrics"]
    assert list(record["metrics"]) == list(expected)
    for name, value in expected.items():
        # Whether the smallest value is 0 depends on the order of the additions.
        if value is None:
            assert record["metrics"][name] is None, name
        elif name != "condition_number":
            assert record["metrics"][name] == pytest.approx(value, rel=1e-9), name


def test_metrics_as_text():
    lines = run("score", "--metrics", "--eps", "1e-3", DOCSTRINGS).stdout.splitlines()
    start = lines.index("  metrics")
    shown = dict(line.split() for line in lines[start + 1 :])
    expected = rankme.spectrum(np.load(DOCSTRINGS)).metrics(eps=1e-3)
    assert list(shown) == list(expected)
    assert {name for name, word in shown.items() if word == "none"} == {
        name for name, value in expected.items() if value is None
    }
    assert float(shown["stable_rank"]) == pytest.approx(expected["stable_rank"], rel=1e-6)
    assert float(shown["rankme"]) == pytest.approx(expected["rankme"], rel=1e-6)


def test_metrics_that_are_not_finite_are_null(tmp_path):
    np.save(tmp_path / "zeros.npy", np.zeros((9, 4)))
    result = run("score", "--json", "--metrics", tmp_path / "zeros.npy")
    assert result.returncode == 0, result.stderr
    metrics = strict(result.stdout)["metrics"]
    assert metrics["entropy"] is None
    assert metrics["rankme"] == 0.0


FAULTY = """
import sys
import numpy as np
import rankme
from rankme._scoring import from_source
from rankme.cli import main

class Faulty(rankme.Accumulator):
    def spectrum(self, *, center=False):
        state = self._state()
        triangle = state.arrays[-1].copy()
        triangle.view(np.uint64)[5] ^= np.uint64(1 << 51)
        faulty = state._replace(arrays=(*state.arrays[:-1], triangle))
        self._restore(faulty, "cpu", "float64")
        return super().spectrum(center=center)

from_source.Accumulator = Faulty
sys.argv = ["rankme", "score", *sys.argv[1:]]
sys.exit(main())
"""


def test_a_flipped_bit_is_one_line_that_names_the_file():
    result = run_python(FAULTY, DOCSTRINGS)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith(f"{DOCSTRINGS}: ")
    assert "probes" in result.stderr


@pytest.mark.parametrize("options", [["--plot"], ["--pool", "--plot"]])
def test_a_plot_is_written_beside_the_score(tmp_path, options):
    files = [DOCSTRINGS, WORDNET] if "--pool" in options else [DOCSTRINGS]
    # No window is opened, whatever the environment asks for.
    result = run("score", "--json", *options, "out.PNG", *files, cwd=tmp_path, MPLBACKEND="tkagg")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["n_rows"] == 2000 * len(files)
    assert (tmp_path / "out.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "out.png").mkdir()
    result = run("score", "--plot", "out.png", DOCSTRINGS, cwd=tmp_path)
    assert result.returncode == 1
    assert "RankMe" in result.stdout
    assert error_line(result) == "out.png: Is a directory"


def test_a_missing_matplotlib_is_named_before_the_work():
    code = """
import sys
sys.modules["matplotlib"] = None
from rankme.cli import main
sys.argv = ["rankme", "score", "--plot", "out.png", sys.argv[1]]
sys.exit(main())
"""
    result = run_python(code, DOCSTRINGS)
    assert (result.returncode, result.stdout) == (2, "")
    assert 'pip install "rankme[plot]"' in error_line(result)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("options", [[], ["--center"]], ids=["streamed", "mapped"])
def test_the_first_bad_entry_by_rows_of_a_wide_file_is_named(tmp_path, order, options):
    rows = np.ones((64, 150_000), np.float32, order=order)  # three panels by columns
    rows[40, 3] = np.inf
    rows[7, 149_000] = np.nan
    rows[7, 149_001] = np.inf
    np.save(tmp_path / "wide.npy", rows)
    result = run("score", *options, "wide.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith("wide.npy: row 7, column 149000 (counted from 0) is nan;")


def test_a_pool_of_wide_files_in_two_panels(tmp_path):
    rng = np.random.default_rng(4)
    parts = [
        rng.standard_normal((3, 300_000)).astype(dtype, order=order)
        for dtype, order in (("f4", "C"), ("f8", "F"), ("f2", "C"))
    ]
    paths = []
    for number, part in enumerate(parts):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], part)
    record = record_of(run("score", "--json", "--pool", *paths))
    rows = np.concatenate([part.astype("f8") for part in parts])
    assert record["rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
    assert (record["n_rows"], record["n_cols"]) == (9, 300_000)


def test_the_most_that_there_can_be_of_centred_rows(tmp_path):
    z = np.zeros((4, 9))
    z[:4, :4] = np.eye(4)
    np.save(tmp_path / "z.npy", z)
    assert "of min(N, K) = 4" in run("score", tmp_path / "z.npy").stdout
    centred = run("score", "--center", "--metrics", tmp_path / "z.npy").stdout
    assert "of min(N - 1, K) = 3" in centred
    record = record_of(run("score", "--center", "--json", "--metrics", tmp_path / "z.npy"))
    assert record["metrics"]["normalized_entropy"] == pytest.approx(1)
    assert record["n_skipped"] == 0
