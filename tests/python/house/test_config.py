"""show_config, the public names and the version."""

import os
import pickle
import platform
import re
from pathlib import Path

import numpy as np
import pytest

import rankme
from helpers import ROOT, output_of
from package_imports import PACKAGE, module_name
from rankme import _core


def test_dicts():
    config = rankme.show_config("dicts")
    assert list(config) == ["versions", "blas", "threads", "cpu", "cuda"]
    assert config["versions"]["rankme"] == rankme.__version__
    assert config["versions"]["python"] == platform.python_version()
    assert config["versions"]["numpy"] == np.__version__
    assert set(config["blas"]) == {"build", "core", "library", "threading"}
    assert "OpenBLAS" in config["blas"]["build"]
    assert Path(config["blas"]["library"]).is_file()
    assert config["threads"]["budget"] == _core.num_threads() >= 1
    assert config["threads"]["RANKME_NUM_THREADS"] == os.environ.get("RANKME_NUM_THREADS")
    assert config["cpu"]["cpus"] == len(os.sched_getaffinity(0))
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if flags:  # x86
        written = {name.replace(".", "_") for name in config["cpu"]["features"]}
        assert written
        assert written <= set(flags[1].split())


def test_text(capsys):
    assert rankme.show_config() is None
    text = capsys.readouterr().out
    config = rankme.show_config("dicts")
    for section, entries in config.items():
        assert f"\n{section}:\n" in "\n" + text
        for key, value in entries.items():
            shown = " ".join(value) if isinstance(value, list) else value
            assert f"  {key}: {shown}\n" in text


def test_unknown_mode():
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', not 'json'"):
        rankme.show_config("json")


def test_public_names():
    assert sorted(rankme.__all__) == [
        "Accumulator",
        "Agreement",
        "Auroc",
        "Comparison",
        "Curve",
        "Estimate",
        "GroupSpread",
        "GroupedAccumulator",
        "IntegrityError",
        "LayerAccumulator",
        "Monitor",
        "NonFiniteError",
        "PrecisionWarning",
        "Spectrum",
        "WorstGroup",
        "__version__",
        "agreement",
        "auroc",
        "compare",
        "cuda",
        "curve",
        "eigen_score_batch",
        "estimate",
        "open_source",
        "score",
        "score_batch",
        "show_config",
        "spectrum",
        "spectrum_batch",
    ]
    for name in rankme.__all__:
        assert hasattr(rankme, name)
    assert pickle.loads(pickle.dumps(rankme.score)) is rankme.score


def test_import_is_light():
    code = "import sys, rankme; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    heavy = ["torch", "scipy", "ml_dtypes", "typer", "rich", "matplotlib", "multiprocessing"]
    assert output_of(code, *heavy).split() == []


def version_in(name, pattern):
    found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name} names no version"
    return found[1]


def test_every_place_names_one_version():
    versions = {
        "rankme.__version__": rankme.__version__,
        "pyproject.toml": version_in("pyproject.toml", r'^version = "([^"]+)"$'),
        "CITATION.cff": version_in("CITATION.cff", r'^version: "?([0-9][^"\s]*)"?$'),
        "CHANGELOG.md": version_in("CHANGELOG.md", r"^## \[?v?([0-9][^\]\s]*)\]?"),
    }
    assert len(set(versions.values())) == 1, versions


def test_a_build_without_isolation_has_all_that_one_with_it_has():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = [
        re.search(rf"^{key} = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]
        for key in ("requires", "build")
    ]
    required, extra = (set(re.findall(r'"([^"]+)"', one)) for one in lists)
    assert required
    assert required <= extra


def test_the_docstring_examples_hold():
    code = """
import doctest, importlib, sys
finder, runner, seen = doctest.DocTestFinder(), doctest.DocTestRunner(), set()
for name in sys.argv[1:]:
    for test in finder.find(importlib.import_module(name)):
        if test.docstring not in seen:  # a face shows a function that its own module has too
            seen.add(test.docstring)
            runner.run(test)
print(runner.failures, runner.tries)
"""
    files = [path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py"]
    sources = (path.read_text(encoding="utf-8") for path in files)
    written = sum(len(re.findall(r"^ *>>> ", text, re.MULTILINE)) for text in sources)
    assert written > 20
    assert output_of(code, *map(module_name, files)) == f"0 {written}\n"
