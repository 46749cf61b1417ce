"""Nothing of a host is imported before it is asked for, and a missing one names its extra."""

import pytest

from helpers import output_of, run_python

# The module, and the library that it is for.
HOSTS = (
    "jax",
    "lightning",
    "prometheus",
    "sentence_transformers",
    "sklearn",
    "torch",
    "torchmetrics",
    "transformers",
)


# Each host is hidden in turn, in one process: what three of them need besides is slow to import.
HIDING = """
import importlib, sys

for host in sys.argv[1:]:
    module, host = host, {"prometheus": "prometheus_client"}.get(host, host)
    there = sys.modules.pop(host, None)
    sys.modules[host] = None
    try:
        importlib.import_module(f"rankme.integrations.{module}")
    except ImportError as error:
        print(error)
    else:
        print("imported", host)
    del sys.modules[host]
    if there is not None:
        sys.modules[host] = there
"""


@pytest.fixture(scope="module")
def told():
    """What an import of each integration said without its host."""
    return dict(zip(HOSTS, output_of(HIDING, *HOSTS).splitlines(), strict=True))


@pytest.mark.parametrize("host", HOSTS)
def test_the_extra_is_named(told, host):
    assert f"rankme.integrations.{host} needs {host}" in told[host]
    assert f'pip install "rankme[{host.replace("_", "-")}]"' in told[host]


def test_nothing_is_imported_before_it_is_asked_for():
    unwanted = {*HOSTS, "pandas", "matplotlib", "scipy"}
    code = f"""
import sys, rankme.integrations
sys.exit(not {unwanted}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
