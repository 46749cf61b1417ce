"""The examples run as their text says, on the real model."""

import os
import re
import subprocess
import sys

from helpers import ROOT

EXAMPLES = ROOT / "examples"


def test_layer_selection(tmp_path):
    """Few sentences, all layers: the table is complete, plausible, and drawn."""
    command = [sys.executable, EXAMPLES / "layer_selection.py", "--sentences", "40"]
    done = subprocess.run(
        [*command, "--batch", "16", "--plot", tmp_path / "plot.png"],
        env={**os.environ, "RANKME_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    heading = re.search(r"RankMe of (\d+) tokens, 40 sentences, K = 384", done.stdout)
    assert heading, done.stdout
    n_tokens = int(heading[1])
    assert n_tokens > 4 * 40
    rows = re.findall(r"^ +(\d) +([\d.]+) +([\d.]+)$", done.stdout, re.MULTILINE)
    assert [int(layer) for layer, *_ in rows] == list(range(7))
    for _, tokens, sentences in rows:
        # Real states fill no space evenly, and none of these layers has collapsed.
        assert 20 < float(tokens) < min(n_tokens, 384)
        assert 10 < float(sentences) < 40
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
