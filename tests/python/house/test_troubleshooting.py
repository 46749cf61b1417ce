"""The cures of docs/troubleshooting.md cure where their own data are too sound to show it."""

import re
import struct
from hashlib import sha256

import numpy as np
import pytest

import rankme
from helpers import ROOT
from pages import programs, text_of

PAGE = "troubleshooting.md"


def sections():
    return re.split(r"^## ", text_of(PAGE), flags=re.MULTILINE)[1:]


def test_each_section_has_symptom_cause_and_cure():
    for section in sections():
        places = [section.index(word) for word in ("**You see**", "**Why.**", "**Cure.**")]
        assert places == sorted(places)
        assert "```python" in section


def namespace_of(*beginnings):
    """What the programs with these beginnings define, after the page's first one."""
    names = {}
    for program in programs(PAGE):
        if program.startswith(("import tempfile", *beginnings)):
            exec(program, names)  # noqa: S102
    return names


def test_a_faulty_part_is_found(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = namespace_of("for number, block")
    path = names["parts"][2]
    data = path.read_bytes()
    # The last entry of the triangle as a flipped bit may leave it, before the file was written.
    body = data[:-40] + struct.pack("<d", 1e9)
    path.write_bytes(body + sha256(body).digest())
    assert [path for path in names["parts"] if not names["is_sound"](path)] == [path]


def test_half_precision_that_overflowed_does_not_come_back():
    with np.errstate(over="ignore"):
        half = np.full((3, 2), 7e4).astype("f2")
    with pytest.raises(rankme.NonFiniteError):
        rankme.score(half.astype("f8"))
