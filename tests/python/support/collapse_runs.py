"""The runs of bench/collapse.py, for tests."""

import importlib.util

from helpers import ROOT
from lightning_runs import one_thread

_SPEC = importlib.util.spec_from_file_location("collapse_bench", ROOT / "bench" / "collapse.py")
_BENCH = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BENCH)

COLLAPSED = _BENCH.COLLAPSED


def trained(kind, seed):
    """Return score and spread at each evaluation, by layer."""
    with one_thread():
        return _BENCH.trained(_BENCH.KINDS[kind], seed)
