"""Nothing of a host is imported before it is asked for, and a missing one names its extra."""

import pytest

from helpers import run_python


@pytest.mark.parametrize("host", ["torch", "transformers"])
def test_the_extra_is_named(host):
    code = f"""
import sys
sys.modules["{host}"] = None
import rankme.integrations.{host}
"""
    error = run_python(code).stderr.splitlines()[-1]
    assert f"rankme.integrations.{host} needs {host}" in error
    assert f'pip install "rankme[{host}]"' in error


def test_nothing_is_imported_before_it_is_asked_for():
    code = """
import sys, rankme.integrations
sys.exit(not {"torch", "transformers", "pandas", "matplotlib", "scipy"}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
