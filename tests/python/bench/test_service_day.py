"""The day of a service, in small: no row is lost or counted twice over kills."""

import re
import subprocess
import sys

import rankme
from helpers import ROOT


def test_a_small_day(tmp_path):
    command = [sys.executable, ROOT / "bench" / "service.py", "--state", tmp_path / "run"]
    done = subprocess.run(
        [*command, "--updates", "1500", "--kills", "2", "--window", "5000", "--every", "0.1"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(re.findall(r"^\| (.*) \| (.*) \|$", done.stdout, re.MULTILINE))
    assert told["rows that came, and that were counted"] == "96000, 96000"
    assert told["windows of 5000 rows, each told"] == "19"
    assert float(told["relative error of the last window"]) < 1e-12
    state = (tmp_path / "run").read_bytes()
    assert b'"position": {"done": 1500}' in state
    assert rankme.__version__ in (tmp_path / "run.prom").read_text()
