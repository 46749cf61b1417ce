"""Nothing of a host is imported before it is asked for, and a missing one names its extra."""

import pytest

from helpers import run_python

# The module, and the library that it is for.
HOSTS = (
    "jax",
    "lightning",
    "sentence_transformers",
    "sklearn",
    "torch",
    "torchmetrics",
    "transformers",
)


@pytest.mark.parametrize("host", HOSTS)
def test_the_extra_is_named(host):
    code = f"""
import sys
sys.modules["{host}"] = None
import rankme.integrations.{host}
"""
    error = run_python(code).stderr.splitlines()[-1]
    assert f"rankme.integrations.{host} needs {host}" in error
    assert f'pip install "rankme[{host.replace("_", "-")}]"' in error


def test_nothing_is_imported_before_it_is_asked_for():
    unwanted = {*HOSTS, "pandas", "matplotlib", "scipy"}
    code = f"""
import sys, rankme.integrations
sys.exit(not {unwanted}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
