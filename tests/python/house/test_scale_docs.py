"""What docs/scale.md shows runs, and every test that it names is there."""

import re
import subprocess
import sys

import numpy as np
import pytest

import rankme
from command import RANKME, environment
from helpers import ROOT
from oracles import moderate

TESTS = ROOT / "tests" / "python"
PAGE = (ROOT / "docs" / "scale.md").read_text()


@pytest.fixture(autouse=True)
def shards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shards").mkdir()
    z = moderate(1, 400, 16)
    for name, part in zip(("00", "01", "10", "11"), np.split(z, 4), strict=True):
        np.save(f"shards/part-{name}.npy", part)
    return z


def test_parts_on_several_machines(shards):
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    path = f"{RANKME.parent}:/usr/bin:/bin"
    subprocess.run(["bash", "-euc", script], env=environment(PATH=path), check=True, timeout=120)
    total = rankme.Accumulator.load("total.rankme")
    assert total.score() == pytest.approx(rankme.score(shards), rel=1e-12)
    assert len(total.shards) == 4


def test_the_python_example(shards):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    subprocess.run([sys.executable, "-c", example], check=True, timeout=120)
    acc = rankme.Accumulator.load("all.rankme")
    assert set(acc.shards.values()) == {100}
    assert acc.score() == pytest.approx(rankme.score(shards), rel=1e-12)


@pytest.mark.parametrize(("page", "count"), [("scale", 20), ("distributed", 9)])
def test_the_fault_table_names_tests_that_exist(page, count):
    text = (ROOT / "docs" / f"{page}.md").read_text()
    rows = [line for line in text.splitlines() if re.search(r"`(\w+/)?test_", line)]
    assert len(rows) >= count
    for row in rows:
        here = ""
        for file, test in re.findall(r"`(?:(\w+/test_\w+\.py)::)?(test_\w+)`", row):
            here = file or here
            assert f"def {test}(" in (TESTS / here).read_text(), test
