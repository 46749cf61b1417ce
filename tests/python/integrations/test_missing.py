"""Nothing of a host is imported before it is asked for, and a missing one names its extra."""

import pytest

from helpers import run_python

# The module, and the library that it is for.
HOSTS = {"torch": "torch", "torchmetrics": "torchmetrics", "sklearn": "sklearn", "jax": "jax"}


@pytest.mark.parametrize(("module", "host"), HOSTS.items())
def test_the_extra_is_named(module, host):
    code = f"""
import sys
sys.modules["{host}"] = None
import rankme.integrations.{module}
"""
    error = run_python(code).stderr.splitlines()[-1]
    assert f"rankme.integrations.{module} needs {host}" in error
    assert f'pip install "rankme[{module}]"' in error


def test_nothing_is_imported_before_it_is_asked_for():
    unwanted = {*HOSTS.values(), "pandas", "matplotlib", "scipy"}
    code = f"""
import sys, rankme.integrations
sys.exit(not {unwanted}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
