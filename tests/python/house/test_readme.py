"""The front page is short, its links lead somewhere, its programs run, its numbers are measured.

In what a program is said to print, ``...`` stands for anything within a line.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from command import RANKME, environment
from drawn import assert_same_picture
from helpers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "docs" / "figures" / "spectra.py"
BLOCKS = dict(re.findall(r"^```(python|sh|text)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
# The rows of the table of times, by their names in what `make bench` writes.
SVDS = ("numpy-svd", "scipy-svdvals", "torch-svdvals")
COMPETITORS = ("ours", *SVDS, "numpy-gram64", "numpy-gram32")
SHAPES = ((25600, 2048), (200000, 512), (2000, 4096), (1000000, 128))


def run(*command):
    path = f"{RANKME.parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(PATH=path, OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def check_printed(shown, output):
    pattern = ".*".join(map(re.escape, shown.split("...")))
    # How far rounding can have moved a score depends on the threads and the processor.
    pattern = re.sub(r"within\\ \d+e\\-\d+", r"within \\d+e-\\d+", pattern)
    assert re.fullmatch(pattern, output), output


def test_it_is_short():
    assert len(README.splitlines()) <= 90
    assert len([word for word in README.split() if re.search(r"\w", word)]) <= 600


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "examples/README.md",
        "examples/model_selection/README.md",
        "examples/service/README.md",
    ],
)
def test_relative_links_lead_to_files(page):
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert links
    relative = [link for link in links if "://" not in link]
    assert [link for link in relative if not (folder / link).is_file()] == []


def test_the_python_program_prints_what_it_says():
    source = BLOCKS["python"]
    shown = re.findall(r"^print\(.*\)  # (.*)$", source, re.MULTILINE)
    assert len(shown) == source.count("print(") > 0
    check_printed("".join(f"{line}\n" for line in shown), run(sys.executable, "-c", source))


def test_the_commands_print_what_it_says():
    check_printed(BLOCKS["text"], run("bash", "-euc", BLOCKS["sh"]))


def test_another_output_is_noticed():
    check_printed("305.0...\n", "305.09\n")
    for other in ("306.09\n", "305.09\n1\n", ""):
        with pytest.raises(AssertionError):
            check_printed("305.0...\n", other)


def test_the_table_of_times_is_what_was_measured():
    text = (ROOT / "bench" / "results" / "cpu.json").read_text(encoding="utf-8")
    run = max(json.loads(text)["runs"], key=lambda one: one["threads"])
    measured = {
        (shape["rows"], shape["columns"]): {one["key"]: one for one in shape["measured"]}
        for shape in run["scores"]
    }
    heading, _, *rows = re.findall(r"^\|.*\|$", README.partition("## How fast")[2], re.MULTILINE)
    assert heading == f"| | {' | '.join(f'{n:,} x {k:,}' for n, k in SHAPES)} | error |"
    assert len(rows) == len(COMPETITORS)
    for row, key in zip(rows, COMPETITORS, strict=True):
        ran = [measured[shape][key] for shape in SHAPES]
        if key == "ours":
            times = [f"{one['median_seconds']:.3g} s" for one in ran]
        else:
            times = [f"{one['ratio_to_ours']:.2f}x" for one in ran]
        error = max(one["relative_error"] for one in ran)
        assert row.endswith(f" | {' | '.join(times)} | {error:.0e} |")


def spectra_script():
    spec = importlib.util.spec_from_file_location("spectra_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_what_the_script_draws(tmp_path):
    caption = run(sys.executable, SCRIPT, tmp_path).strip()
    for name in ("spectra.png", "spectra-dark.png"):
        for path in (SCRIPT.with_name(name), tmp_path / name):
            with Image.open(path) as image:
                assert image.text["Description"] == caption
        assert_same_picture(SCRIPT.with_name(name), tmp_path / name)
    healthy, collapsed = re.findall(r"(\d+\.\d) of 64", caption)
    page = (ROOT / "docs" / "start" / "reading-a-score.md").read_text(encoding="utf-8")
    (alt,) = re.findall(
        r"^```\{image\} \.\./figures/spectra\.png\n.*\n:alt: (.*)$", page, re.MULTILINE
    )
    assert f"RankMe {healthy}." in alt
    assert f"RankMe {collapsed}." in alt


def test_the_script_descends_the_loss_of_vicreg():
    """Its gradients are those of the three terms, by central differences."""
    script = spectra_script()
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, (0.5, 0.8, 2), (2, 7, 3))  # a column on the far side of the hinge

    def spread(z):
        std = np.sqrt(z.var(axis=0, ddof=1) + 1e-4)
        covariance = np.cov(z.T)
        off = (covariance**2).sum() - (np.diag(covariance) ** 2).sum()
        return 25 * np.maximum(0, 1 - std).mean() / 2 + off / z.shape[1]

    def loss(a, b):
        return 25 * ((a - b) ** 2).mean() + spread(a) + spread(b)

    by_a, by_b = script.invariance_gradient(a, b)
    found = np.stack([by_a + script.spread_gradient(a), by_b + script.spread_gradient(b)])
    views = np.stack([a, b])
    expected = np.zeros_like(views)
    for place in np.ndindex(views.shape):
        step = np.zeros_like(views)
        step[place] = 1e-6
        expected[place] = (loss(*(views + step)) - loss(*(views - step))) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
