"""docs/reference/environment.md has every variable that the code reads, and says what it does."""

import ast
import os
import re
from pathlib import Path

import pytest

import rankme
from helpers import ROOT, output_of, run_python
from pages import codes, tables, text_of

PAGE = "reference/environment.md"
RUN, BUILD, MEASURED = (
    {name for row in table for name in codes(row["variable"])} for table in tables(PAGE)
)
BUDGET = "import rankme; print(rankme.show_config('dicts')['threads']['budget'])"
MOST_THREADS = 64  # of the OpenBLAS in the wheel
# What the libraries read that rankme brings or loads, and no line of ours.
OF_LIBRARIES = {
    "OPENBLAS_CORETYPE",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_EMULATE_DOUBLE_PRECISION",
    "NO_COLOR",
    "FORCE_COLOR",
}


def is_environ(node):
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def read_in(path):
    """The variables that a Python file asks for, and those that it sets."""
    reads, sets = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and is_environ(node.value):
            (sets if isinstance(node.ctx, ast.Store) else reads).add(node.slice.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = node.func
            if called.attr == "getenv" or is_environ(called.value):
                reads.add(node.args[0].value)
    return reads, sets


def python_files():
    return sorted(Path(rankme.__file__).parent.rglob("*.py"))


def native_files():
    return [
        path
        for folder in ("cpp", "cuda", "python/bindings")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".cpp", ".hpp", ".cu", ".cuh"}
    ]


def test_every_variable_that_python_reads_is_there():
    found = [read_in(path) for path in python_files()]
    assert set().union(*(reads for reads, _ in found)) == (RUN - OF_LIBRARIES) | MEASURED
    for name in set().union(*(sets for _, sets in found)):
        assert f"`{name}`" in text_of(PAGE)


def test_no_compiled_code_reads_any():
    for path in native_files():
        assert "getenv" not in path.read_text(encoding="utf-8"), path


def test_every_variable_that_the_build_reads_is_there():
    read = set(re.findall(r"\{ *env *= *\"(\w+)\"", (ROOT / "pyproject.toml").read_text()))
    for path in [ROOT / "CMakeLists.txt", *(ROOT / "cmake").glob("*.cmake")]:
        read |= set(re.findall(r"ENV\{(\w+)\}", path.read_text(encoding="utf-8")))
    assert read == BUILD


@pytest.mark.parametrize(
    ("variables", "budget"),
    [
        ({"RANKME_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}, 2),
        ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}, 1),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"RANKME_NUM_THREADS": "", "OPENBLAS_NUM_THREADS": "1"}, 1),
        ({"RANKME_NUM_THREADS": "5000"}, MOST_THREADS),
        ({}, min(len(os.sched_getaffinity(0)), MOST_THREADS)),
    ],
    ids=str,
)
def test_which_variable_decides_on_threads(variables, budget, monkeypatch):
    for name in ("RANKME_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert int(output_of(BUDGET, **variables)) == budget


def test_a_wrong_number_is_an_error_of_the_call_and_not_of_the_import():
    assert run_python("import rankme", RANKME_NUM_THREADS="0").returncode == 0
    failed = run_python("import rankme; rankme.Accumulator(3)", RANKME_NUM_THREADS="0")
    assert "ValueError: RANKME_NUM_THREADS must be a positive integer" in failed.stderr


def test_the_kernels_can_be_chosen():
    code = "import rankme; print(rankme.show_config('dicts')['blas']['core'])"
    assert output_of(code, OPENBLAS_CORETYPE="Haswell").strip() == "Haswell"
