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
        [sys.executable, "-c", "\n".join(cells)],
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


def test_a_cell_that_fails_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "bad.md").write_text("```{code-cell} python\n1 / 0\n```\n" * 4)
    monkeypatch.setattr(sys.modules[__name__], "GALLERY", tmp_path)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        shown("bad.md")
