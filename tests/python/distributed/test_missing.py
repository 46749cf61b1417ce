"""Without the library of an engine, its module says which extra brings it."""

import pytest

from helpers import run_python


@pytest.mark.parametrize(
    ("engine", "library"),
    [("torch", "torch"), ("ray", "ray"), ("dask", "dask"), ("spark", "pyspark")],
)
def test_the_extra_is_named(engine, library):
    code = f"""
import sys
sys.modules[{library!r}] = None
import rankme.distributed
import rankme.distributed.{engine}
"""
    error = run_python(code).stderr.splitlines()[-1]
    assert f"rankme.distributed.{engine} needs {library}" in error
    assert f'pip install "rankme[{engine}]"' in error


def test_nothing_is_imported_before_it_is_asked_for():
    code = """
import sys, rankme.distributed
sys.exit(not {"torch", "ray", "dask", "pyspark"}.isdisjoint(sys.modules))
"""
    assert run_python(code).returncode == 0
