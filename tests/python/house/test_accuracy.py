"""The figure of the accuracy: its numbers come out again, and each interval holds."""

import importlib.util
import re

import numpy as np
import pytest

from helpers import ROOT
from oracles import rankme_of

SCRIPT = ROOT / "docs" / "figures" / "accuracy.py"
TABLE = (ROOT / "bench" / "results" / "accuracy.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"(\de[-+]\d+)(?: \(± (\de[-+]\d+)\))?")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("accuracy_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tabled(dtype, decades):
    """The error and the half-width of each way, by its title."""
    part = TABLE.partition(f"<!-- {dtype} -->")[2].partition("<!--")[0]
    heads, *rows = [line for line in part.splitlines() if line.startswith("| ")]
    (row,) = (line for line in rows if line.startswith(f"| 1e{decades} |"))
    titles = [head.strip(" `") for head in heads.split("|")[2:-1]]
    cells = [NUMBER.search(cell) for cell in row.split("|")[2:-1]]
    return {
        title: (float(cell[1]), float(cell[2]) if cell[2] else None)
        for title, cell in zip(titles, cells, strict=True)
        if cell
    }


def test_the_exact_score_is_exact(script):
    # Of whole numbers whose singular values are known: an orthogonal basis of Hadamard's.
    one = np.array([[1, 1], [1, -1]])
    basis = np.kron(np.kron(one, one), one).astype(float)
    z = basis * [8, 4, 4, 2, 1, 1, 1, 0.5]
    assert float(script.exact_score(z)) == pytest.approx(
        rankme_of([8, 4, 4, 2, 1, 1, 1, 0.5]), rel=1e-14
    )


@pytest.mark.parametrize(("dtype", "decades"), [("float32", 2), ("float32", 6), ("float64", 12)])
@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")
def test_errors_are_below_the_half_widths(script, dtype, decades):
    found = script.measure(script.matrix(decades, dtype, 0))
    table = tabled(dtype, decades)
    ways = {**script.OURS, **script.OTHERS}
    assert {ways[way].title for way in found} == set(table)
    for way, one in found.items():
        error, half_width = table[ways[way].title]
        assert one.holds
        # The digits of rounding are those of the processor, their size is not.
        assert one.error <= 30 * error + 1e-14
        if way in script.OURS:
            assert one.error <= one.half_width
            assert one.half_width == pytest.approx(half_width, rel=2)
    gram = found["numpy-gram"].error
    if decades == 6:  # what the figure is for
        assert gram > 1e-4 > 1e5 * found["score"].error


def test_all_intervals_of_the_table_hold():
    rows = [line for line in TABLE.splitlines() if line.startswith("| 1e")]
    assert len(rows) == 16
    for row in rows:
        cells = [NUMBER.search(cell) for cell in row.split("|")[2:-1]]
        for cell in cells:
            assert cell is None or cell[2] is None or float(cell[1]) <= float(cell[2])
