"""A file fits a head, a function fits a screen."""

import ast
import re

import pytest

from helpers import ROOT

FOLDERS = ("python", "cpp", "cuda", "tests", "bench", "examples", "docs", ".ci")
SUFFIXES = {".py", ".pyi", ".cpp", ".hpp", ".cu", ".cuh", ".sh"}
MOST_LINES_OF_A_FILE = 350
MOST_LINES_OF_A_FUNCTION = 60

FILES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in SUFFIXES and "_build" not in path.parts
]


def python_functions(text):
    """Yield the name and the length of each function, without its docstring and its options."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begin = node.body[0].lineno
            if ast.get_docstring(node) is not None:
                begin = node.body[0].end_lineno + 1
            yield node.name, node.end_lineno - begin + 1


def cpp_functions(text):
    """Yield the first line and the length of each function in namespace scope, as formatted."""
    lines = text.splitlines()
    begin = None
    for number, line in enumerate(lines):
        if (
            begin is None
            and re.match(r"[A-Za-z].*\{$", line)
            and not re.match(r"namespace|extern", line)
        ):
            begin = number
        elif line[:1] == "}" and begin is not None:
            if line == "}":
                yield lines[begin], number - begin - 1
            begin = None


def test_files_are_found():
    assert {path.suffix for path in FILES} == SUFFIXES
    assert len(FILES) > 200


def test_no_file_is_too_long():
    long = {
        str(path.relative_to(ROOT)): length
        for path in FILES
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES_OF_A_FILE
    }
    assert long == {}


@pytest.mark.parametrize(
    ("suffixes", "functions"),
    [({".py"}, python_functions), ({".cpp", ".hpp", ".cu", ".cuh"}, cpp_functions)],
    ids=["python", "cpp"],
)
def test_no_function_is_too_long(suffixes, functions):
    found = [
        (f"{path.relative_to(ROOT)}: {name}", length)
        for path in FILES
        if path.suffix in suffixes
        for name, length in functions(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 300
    assert [one for one in found if one[1] > MOST_LINES_OF_A_FUNCTION] == []
