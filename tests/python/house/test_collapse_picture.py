"""The picture of a collapse tells what its script tells, and the script still sees a collapse."""

import re
import subprocess
import sys

from PIL import Image

from command import environment
from helpers import ROOT

SCRIPT = ROOT / "docs" / "figures" / "collapse.py"
SAID = re.compile(
    r"RankMe (\d+\.\d) of 64 after 300 steps, and (\d+\.\d) without stop-gradient from step 150 "
    r"on; the alarm came at step (\d+)"
)


def described(path):
    with Image.open(path) as image:
        return SAID.fullmatch(image.text["Description"])


def test_the_script_sees_a_collapse(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path],
        env=environment(RANKME_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The digits of float32 training are the machine's own; what happens is not.
    for said in (described(tmp_path / "collapse.png"), described(SCRIPT.with_suffix(".png"))):
        healthy, collapsed = float(said[1]), float(said[2])
        assert collapsed < 3
        assert healthy > 5
        assert 150 < int(said[3]) <= 210


def test_the_front_page_says_what_the_picture_says():
    (alt,) = re.findall(
        r'<img src="docs/figures/collapse\.png" alt="(.*)">',
        (ROOT / "README.md").read_text("utf-8"),
    )
    said = described(SCRIPT.with_suffix(".png"))
    assert all(said[i] in alt for i in (1, 2, 3))
