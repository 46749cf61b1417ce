"""The installed ``rankme`` command, run as users run it: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from helpers import ROOT

RANKME = Path(sys.executable).with_name("rankme")
DATA = ROOT / "tests" / "data"
DOCSTRINGS = DATA / "minilm_docstrings_2000x384_f16.npy"
WORDNET = DATA / "minilm_wordnet_2000x384_f16.npy"


def environment(**extra):
    """Return the environment without what would colour, widen or fold the output."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"}
    }
    return {**kept, "TERM": "xterm-256color", **extra}


def run(*args, cwd=None, **extra):
    """Run the command with both outputs in pipes."""
    return subprocess.run(
        [RANKME, *map(str, args)],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def error_line(result):
    """Return the only line on standard error, without its head."""
    head = "rankme: error: "
    lines = result.stderr.splitlines(keepends=True)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(head)
    assert lines[0].endswith("\n")
    return lines[0].removeprefix(head).rstrip("\n")
