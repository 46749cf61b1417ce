"""The notebooks of the gallery run, and show what their text says they show."""

import os
import re
import subprocess
import sys

import pytest

from helpers import ROOT

GALLERY = ROOT / "docs" / "gallery"
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOTEBOOKS = sorted(path.name for path in GALLERY.glob("*.md") if path.name != "index.md")


def shown(name):
    """Run the cells of a notebook as one program, in its folder, as a kernel does."""
    cells = CELL.findall((GALLERY / name).read_text(encoding="utf-8"))
    assert len(cells) >= 4
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(cells)],
        cwd=GALLERY,
        env={**os.environ, "MPLBACKEND": "agg", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def worth(text):
    """Return the mean truth of the choice, of one by lot, and the regret."""
    lines = ("chosen", "by lot", "regret")
    return [float(re.search(rf"^{line} +([\d.]+)", text, re.MULTILINE)[1]) for line in lines]


def test_the_index_has_them_all():
    index = (GALLERY / "index.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\(([\w-]+\.md)\)", index)) == NOTEBOOKS
    tree = index.partition("{toctree}")[2]
    assert all(name.removesuffix(".md") in tree for name in NOTEBOOKS)
    for name in NOTEBOOKS:  # Sphinx executes no page without this
        assert "file_format: mystnb" in (GALLERY / name).read_text(encoding="utf-8")


def test_a_score():
    text = shown("read-a-score.md")
    assert "glosses     305.09 ± 0.48 (sampling), 313.93 extrapolated" in text
    scores = {
        line[:21].strip(): [float(one) for one in re.findall(r"[\d.]+", line[21:])]
        for line in text.splitlines()[2:]
    }
    plain, mean, line, noise = scores.values()
    assert mean[0] < 0.7 * plain[0]
    assert mean[1] == pytest.approx(plain[1], abs=0.1)  # centring brings it back
    assert line[0] < 1.01
    assert noise[0] > 5 * line[0]


def test_how_sure():
    text = shown("how-sure.md")
    spread, error = (float(one) for one in re.findall(r"(?:scores|error) +(0\.\d{4})", text))
    assert error == pytest.approx(spread, rel=0.15)
    assert 90 <= int(re.search(r"hold the mean +(\d+)%", text)[1]) <= 98
    few, extrapolated, many = (
        float(re.search(rf"{line} +([\d.]+)", text)[1])
        for line in ("1,000 rows", "extrapolated score", "200,000 rows")
    )
    assert abs(extrapolated - many) < 0.2 * abs(few - many)
    assert re.findall(r"decided: (\w+)", text) == ["False", "True"]
    in_order, shuffled = (float(one) for one in re.findall(r"(?:order|led).* ± ([\d.]+) ", text))
    assert in_order > 2 * shuffled


def test_a_run_that_collapses():
    text = shown("watch-a-collapse.md")
    healthy, broken, at_break = (float(one) for one in re.findall(r"\d+\.\d", text))
    assert broken < at_break / 2 < healthy / 1.5
    assert int(re.search(r"after epoch (\d+)", text)[1]) <= 14


def test_drift():
    text = shown("drift.md")
    windows = re.findall(r"window \d+: RankMe [\d.]+, (.*)", text)
    assert windows[:5] == ["as usual"] * 5
    assert all("frechet" in window for window in windows[5:])
    assert "alarm: True\nraised after window 5" in text


def test_a_model():
    text = shown("choose-a-model.md")
    assert "regret 0.1381, by lot 0.1231" in text
    assert "-0.148 against -0.235" in text
    assert re.findall(r"horizon \d+: weighted tau (\S+)", text) == [
        "-0.198",
        "-0.167",
        "-0.088",
        "-0.139",
    ]
    rows = re.findall(r"K = (\d+) .* (0\.\d{4}) +4000", text)
    assert [int(k) for k, _ in rows] == [256, 64]
    assert float(rows[0][1]) < float(rows[1][1])  # the normalised value turns the order around


def test_a_layer():
    text = shown("choose-a-layer.md")
    assert "highest over last tokens: layer 0" in text
    rows = re.findall(r"layer (\d): RankMe ([\d.]+), accuracy ([\d.]+)", text)
    assert [int(layer) for layer, *_ in rows] == list(range(6))
    for layer, score, accuracy in rows:
        if layer == "0":
            assert float(score) > 30
            assert float(accuracy) < 0.6
        else:  # about ten dimensions, one for each topic
            assert 8 < float(score) < 15
            assert float(accuracy) > 0.85
    chosen, by_lot, regret = worth(text)
    assert chosen < by_lot
    assert regret > 0.3


def test_a_checkpoint():
    text = shown("choose-a-checkpoint.md")
    assert "u untrained, and no candidate: step 0" in text
    assert "choice: step 300" in text
    chosen, by_lot, regret = worth(text)
    assert chosen < by_lot  # the choice is a bad one, as the page says
    assert regret > 1


def test_hyperparameters():
    """Of committed runs: the numbers are those of the guide."""
    text = shown("choose-hyperparameters.md")
    assert "72 runs, untrained ones among them" in text
    assert "* the highest of the trained: 0.1" in text
    assert "warning: not above the untrained run" in text
    for sweep, chosen, best, regret, by_lot, tau in (
        ("temperature", "0.1", "0.07", 0.26, 0.24, 0.25),
        ("learning rate", "0.0001", "0.01", 3.66, 1.21, -0.93),
        ("covariance weight", "100", "3", 2.83, 0.83, -0.21),
    ):
        assert (
            f"{sweep}: chose {chosen}, best {best}\n  regret {regret}, by lot {by_lot}\n"
            f"  Kendall's tau {tau}, " in text
        )
    digits = re.findall(r"^(?:mnist|digits): .*regret (\S+), by lot (\S+)", text, re.MULTILINE)
    assert len(digits) == 2
    assert all(float(regret) < float(by_lot) for regret, by_lot in digits)


def test_hallucinations():
    text = shown("detect-hallucinations.md")
    assert "AnswerStates(n_layers=1, layers=(2), width=64): 240 questions of 10 answers" in text
    kinds = dict(re.findall(r"^(\w+): (\d+)% wrong", text, re.MULTILINE))
    assert int(kinds["known"]) < 10
    assert min(int(kinds["unknown"]), int(kinds["misled"])) > 90
    ranks = dict(re.findall(r"^(\w+): .* mean effective rank (\d+\.\d+)", text, re.MULTILINE))
    assert max(float(ranks["known"]), float(ranks["misled"])) < 1.15
    assert float(ranks["unknown"]) > 1.25
    found = [float(a) for a in re.findall(r"^  [\w ]+: AUROC ([\d.]+) ±", text, re.MULTILINE)]
    unsure, every = found[:3], found[3:]
    assert min(unsure) > 0.95
    assert unsure[2] > unsure[0] - 0.01  # counting does at least as well
    assert all(0.75 < a < 0.93 for a in every)  # it is sure of what is false
    assert "effective rank, middle: AUROC 0.827 ± 0.024, less that of distinct" in text
    assert "the kind of the question alone: AUROC 0.749" in text


def test_a_cell_that_fails_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "bad.md").write_text("```{code-cell} python\n1 / 0\n```\n" * 4)
    monkeypatch.setattr(sys.modules[__name__], "GALLERY", tmp_path)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        shown("bad.md")
