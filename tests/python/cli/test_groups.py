"""``--groups``: the sampling error of what the command scores, resumed and merged too."""

import json

import numpy as np
import pytest

import rankme
from command import error_line, run
from oracles import moderate
from runs import record


@pytest.fixture
def z(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    z = moderate(1, 900, 8)
    np.save("z.npy", z)
    return z


def test_the_text(z):
    result = run("score", "--groups", "16", "z.npy")
    assert result.returncode == 0, result.stderr
    e = rankme.estimate(z)
    lines = result.stdout.splitlines()
    assert lines[1] == f"  RankMe      {e}"
    assert "± " in lines[1]
    assert lines[1].endswith(" extrapolated")
    assert lines[2] == "  at most     min(N, K) = 8"
    np.save("few.npy", z[:31])
    few = run("score", "--groups", "8", "few.npy").stdout.splitlines()
    assert few[1].endswith(" (sampling)")


def test_json_has_both_for_any_set(z):
    e = rankme.estimate(z, center=True)
    found = record("z.npy", "--groups", 16, "--center")
    assert found["groups"] == 16
    assert found["rankme"] == pytest.approx(e.score, rel=1e-12)
    assert found["std_error"] == pytest.approx(e.std_error, rel=1e-9)
    assert found["bias_corrected"] == pytest.approx(e.bias_corrected, rel=1e-9)
    np.save("few.npy", z[:31])
    assert {"std_error", "bias_corrected", "groups"} < record("few.npy", "--groups", 8).keys()
    assert "std_error" not in record("z.npy")


def test_a_state_keeps_groups_and_is_merged(z):
    np.save("more.npy", moderate(2, 700, 8))
    first = record("z.npy", "--groups", 16, "--state", "a.rankme")
    acc = rankme.Accumulator(8, groups=16)
    acc.update(z)
    assert first["std_error"] == pytest.approx(acc.estimate().std_error, rel=1e-9)
    assert record("z.npy", "--groups", 16, "--state", "a.rankme") == first
    assert "groups 16; wanted None" in error_line(run("score", "z.npy", "--state", "a.rankme"))
    record("more.npy", "--groups", 16, "--state", "b.rankme")
    result = run("merge", "a.rankme", "b.rankme", "--json", "--output", "ab.rankme")
    other = rankme.Accumulator(8, groups=16)
    other.update(np.load("more.npy"))
    acc.merge(other)
    found = json.loads(result.stdout)
    assert found["std_error"] == pytest.approx(acc.estimate().std_error, rel=1e-9)
    assert rankme.Accumulator.load("ab.rankme").groups == 16
    text = run("merge", "ab.rankme").stdout.splitlines()
    assert text[1] == f"  RankMe      {acc.estimate()}"


def test_a_run_that_stopped_goes_on_with_its_groups(z):
    bad = z.copy()
    bad[600] = np.nan
    np.save("0.npy", z[:500])
    np.save("1.npy", bad[500:])
    stopped = run("score", "--pool", "0.npy", "1.npy", "--groups", "16", "--state", "s.rankme")
    assert "row 100" in error_line(stopped)
    options = ("--groups", 16, "--state", "s.rankme", "--skip-nonfinite")
    found = record("--pool", "0.npy", "1.npy", *options)
    acc = rankme.Accumulator(8, groups=16)
    acc.update(np.delete(z, 600, axis=0))
    assert found["n_skipped"] == 1
    assert found["std_error"] == pytest.approx(acc.estimate().std_error, rel=1e-9)


def test_wrong_usage(z):
    for options, words in [
        (("--groups", "4"), "groups must be from 8"),
        (("--groups", "16", "--method", "qr"), "groups are kept with --method gram"),
        (("--groups", "16", "--method", "auto"), "groups are kept with --method gram"),
    ]:
        result = run("score", "z.npy", *options)
        assert result.returncode == 2
        assert words in result.stderr
    np.save("seven.npy", z[:7])
    result = run("score", "seven.npy", "--groups", "8")
    assert result.returncode == 1
    assert "seven.npy: 7 rows fill 7 groups" in error_line(result)


def test_a_warning_of_a_group_that_dominates(z):
    z[100] *= 1e6
    np.save("odd.npy", z)
    result = run("score", "odd.npy", "--groups", "16")
    assert result.returncode == 0
    assert "odd.npy: group 1 of 16" in result.stderr
