"""Nothing of a host is imported before it is asked for, and a missing one names its extra."""

from helpers import run_python


def test_the_extra_is_named():
    code = """
import sys
sys.modules["torch"] = None
import rankme.integrations.torch
"""
    error = run_python(code).stderr.splitlines()[-1]
    assert "rankme.integrations.torch needs torch" in error
    assert 'pip install "rankme[torch]"' in error


def test_nothing_is_imported_before_it_is_asked_for():
    code = """
import sys, rankme.integrations
sys.exit(not {"torch", "pandas", "matplotlib", "scipy"}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
