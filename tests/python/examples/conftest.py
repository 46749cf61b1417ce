"""The packages of examples/, which are no part of the installed one.

The root of the repository does not stay on the path: test modules would get other names, which the
processes that some of them start do not know.
"""

import importlib
import sys

from helpers import ROOT

sys.path.insert(0, str(ROOT))
try:
    for package in ("hallucination", "model_selection", "service", "ssl_selection"):
        importlib.import_module(f"examples.{package}")
finally:
    sys.path.remove(str(ROOT))
