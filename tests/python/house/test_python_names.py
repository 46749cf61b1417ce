"""What C++ takes from Python by name is there: a wrong string would show only when it is used."""

import importlib
import re

from helpers import ROOT

HEADER = ROOT / "python" / "bindings" / "python_names.hpp"


def test_every_name_resolves():
    text = HEADER.read_text(encoding="utf-8").replace("core_module,", '"rankme._core",')
    names = re.findall(r'PythonName \w+\{"([\w.]+)", "(\w+)"\}', text)
    assert len(names) == text.count("inline constexpr PythonName ") >= 5
    for module, attribute in names:
        assert hasattr(importlib.import_module(module), attribute), (module, attribute)


def test_no_other_file_of_the_bindings_names_a_module():
    for path in HEADER.parent.rglob("*.[ch]pp"):
        if path != HEADER:
            assert '"rankme._' not in path.read_text(encoding="utf-8"), path
