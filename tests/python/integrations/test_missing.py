"""Nothing of a host is imported before it is asked for, and a missing one names its extra."""

import pytest

from helpers import run_python


@pytest.mark.parametrize(
    ("host", "library"), [("torch", "torch"), ("lightning", "lightning.pytorch")]
)
def test_the_extra_is_named(host, library):
    code = f"""
import sys
sys.modules["{library}"] = None
import rankme.integrations.{host}
"""
    error = run_python(code).stderr.splitlines()[-1]
    assert f"rankme.integrations.{host} needs {library}" in error
    assert f'pip install "rankme[{host}]"' in error


def test_nothing_is_imported_before_it_is_asked_for():
    code = """
import sys, rankme.integrations
sys.exit(not {"torch", "lightning", "pandas", "matplotlib", "scipy"}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
