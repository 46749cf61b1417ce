"""Pictures of the pages are there for light and for dark ones, and both tell the same."""

import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from command import environment
from drawn import assert_same_picture
from helpers import ROOT

IMAGE = re.compile(r"^```\{image\} (\S+)\n((?::.*\n)*)```$", re.MULTILINE)
PICTURE = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="(\S+)">'
    r'<img src="(\S+)" alt="([^"]+)"></picture>'
)
PAGES = sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if re.search(r"\{image\}|!\[[^]]*\]\(", path.read_text(encoding="utf-8"))
)


def pairs_of(path):
    """Yield the light picture, the dark one, and what is said of each, of a page."""
    text = path.read_text(encoding="utf-8")
    shown = []
    for name, options in IMAGE.findall(text):
        given = dict(re.findall(r"^:(\w+): (.*)$", options, re.MULTILINE))
        shown.append((path.parent / name, given["class"], given["alt"]))
    assert len(shown) % 2 == 0
    for light, dark in zip(shown[::2], shown[1::2], strict=True):
        assert (light[1], dark[1]) == ("only-light", "only-dark")
        yield light[0], dark[0], light[2], dark[2]


def readme_pairs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for dark, light, alt in PICTURE.findall(text):
        yield ROOT / light, ROOT / dark, alt, alt


def corner(path):
    return plt.imread(path)[0, 0, :3].mean()


def test_pages_have_pictures():
    assert len(PAGES) >= 3
    assert len(list(readme_pairs())) == 2


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_picture_is_for_light_pages_alone(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"!\[[^]]*\]\([^)]*\.png\)", text) == []
    assert list(pairs_of(path))


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.stem)
def test_both_pictures_are_one(path):
    pairs = readme_pairs() if path.stem == "README" else pairs_of(path)
    for light, dark, said, said_too in pairs:
        assert dark.name == f"{light.stem}-dark.png"
        assert said == said_too
        assert corner(light) == 1
        assert corner(dark) < 0.2
        with Image.open(light) as one, Image.open(dark) as other:
            assert one.size == other.size
            assert one.text.get("Description") == other.text.get("Description")
            # Ink at the same places: the same numbers are drawn.
            ink = [np.asarray(picture.convert("L"), dtype=float) for picture in (one, other)]
        drawn = [np.abs(grey - grey[0, 0]) > 60 for grey in ink]
        assert (drawn[0] != drawn[1]).mean() < 0.05


def test_the_picture_of_the_benchmark_is_of_its_numbers(tmp_path):
    script = ROOT / "docs" / "figures" / "benchmarks.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    caption = done.stdout.strip()
    ((*_, alt, _),) = pairs_of(ROOT / "docs" / "explanation" / "benchmarks.md")
    assert caption in alt
    for name in ("benchmarks.png", "benchmarks-dark.png"):
        for path in (script.with_name(name), tmp_path / name):
            with Image.open(path) as image:
                assert image.text["Description"] == caption
        assert_same_picture(script.with_name(name), tmp_path / name)
