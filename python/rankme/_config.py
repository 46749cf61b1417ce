"""What this installation is: versions, BLAS, threads, CPU, GPUs."""

import os
import platform
import sys
from typing import Any, Literal, overload

import numpy as np

from rankme import _core, cuda
from rankme._base.threads import describe_budget

__all__ = ["show_config"]


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, dict[str, Any]]: ...
def show_config(
    mode: Literal["stdout", "dicts"] = "stdout",
) -> dict[str, dict[str, Any]] | None:
    """Tell what rankme runs on: the text that a bug report needs.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Print the text, or return it as nested dictionaries of strings, numbers and lists.

    Returns
    -------
    dict or None
        With ``"dicts"``: ``versions`` (rankme, python, numpy, platform), ``blas`` (build, core,
        library, threading), ``threads`` (budget: the threads that a call would use now; reason:
        where that number comes from; quota: how many processors the control groups of this
        process allow, or None; RANKME_NUM_THREADS: the environment variable, or None), ``cpu``
        (machine, cpus: those that this process may use, features: the instruction sets found)
        and ``cuda`` (available; reason: why not; the versions of driver, runtime, cuBLAS and
        cuSOLVER; and each GPU).

    Raises
    ------
    ValueError
        If `mode` is another one.
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', not {mode!r}")
    config = _collect()
    if mode == "dicts":
        return config
    for section, entries in config.items():
        sys.stdout.write(f"{section}:\n")
        for key, value in entries.items():
            text = " ".join(value) if isinstance(value, list) else value
            sys.stdout.write(f"  {key}: {text}\n")
    return None


def _collect() -> dict[str, dict[str, Any]]:
    """Return the sections of `show_config`."""
    return {
        "versions": {
            "rankme": _core.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        },
        "blas": dict(_core.blas_config()),
        "threads": describe_budget(),
        "cpu": {
            "machine": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "features": _core.cpu_features(),
        },
        "cuda": cuda.describe(),
    }
