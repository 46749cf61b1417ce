"""The pages of the documentation, as tests read them: their tables and their programs."""

import doctest
import re

from helpers import ROOT

DOCS = ROOT / "docs"

_MATCHES = doctest.OutputChecker().check_output
_PROGRAM = re.compile(r"^```python\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")  # a bar within a cell is written \|


def text_of(page):
    return (DOCS / page).read_text(encoding="utf-8")


def tables(page):
    """All tables of a page, each a list of rows, each row a dict of its cells by heading."""
    found, lines = [], iter(text_of(page).splitlines())
    for line in lines:
        if not line.startswith("|"):
            continue
        heads = _cells(line)
        next(lines)  # the rule below the heads
        rows = []
        for row in lines:
            if not row.startswith("|"):
                break
            rows.append(dict(zip(heads, _cells(row), strict=True)))
        found.append(rows)
    return found


def _cells(line):
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip())[1:-1]]


def codes(cell):
    """What a cell has between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def is_like(told, pattern):
    """Whether a text is the pattern, in which `...` stands for anything."""
    return _MATCHES(pattern + "\n", told + "\n", doctest.ELLIPSIS)


def programs(page):
    return _PROGRAM.findall(text_of(page))
