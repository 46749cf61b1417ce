"""The thread budget that the environment and the process's limits ask for."""

import math
import os
import re
from typing import Any

from rankme import _core
from rankme._base.cgroups import Quota, cpu_quota

__all__ = ["MAX_THREADS", "apply_environment", "describe_budget", "require_budget"]

MAX_THREADS = 1024
_problem: str | None = None
_quota: Quota | None = None
_at_import = (0, "")  # the budget and the reason for it


def apply_environment() -> None:
    """Set the thread budget to what the environment or a quota of processors says; at import.

    The budget lives in the OpenBLAS that rankme carries, where ``threadpoolctl`` can change it
    later. ``RANKME_NUM_THREADS`` is it where that is set. Otherwise it is OpenBLAS's own choice:
    ``OPENBLAS_NUM_THREADS``, ``OMP_NUM_THREADS``, or one thread for each processor that the process
    may use, and then no more than the quota of its control groups, rounded up: threads that wait
    sleep, so one more than the quota pays for uses up what is left of it. A value that is no
    positive integer is kept for `require_budget` to report, since an import must not fail for it.
    """
    global _at_import, _problem, _quota  # noqa: PLW0603
    _quota = cpu_quota()
    text = os.environ.get("RANKME_NUM_THREADS", "").strip()
    if text.isascii() and text.isdigit() and int(text) > 0:
        _core.set_num_threads(min(int(text), MAX_THREADS))
        reason = _at_most(f"RANKME_NUM_THREADS={text}", int(text))
    else:
        if text:
            _problem = f"RANKME_NUM_THREADS must be a positive integer, got {text!r}"
        reason = _choose()
    _at_import = (_core.num_threads(), reason)


def _choose() -> str:
    """Set the budget where no variable of ours is; return why it is what it is."""
    for name, value in (
        ("OPENBLAS_NUM_THREADS", os.environ.get("OPENBLAS_NUM_THREADS", "")),
        ("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "")),
    ):
        number = re.match(r"\s*\+?(\d+)", value)  # as the C library reads numbers
        if number and int(number[1]) > 0:
            return _at_most(f"{name}={value}", int(number[1]))
    if _quota is not None and math.ceil(_quota.cpus) < _core.num_threads():
        _core.set_num_threads(math.ceil(_quota.cpus))
        return f"{_quota.path} allows {_quota.cpus:g} processors, rounded up"
    processors = len(os.sched_getaffinity(0))
    return _at_most(f"processors that this process may use: {processors}", processors)


def _at_most(reason: str, wanted: int) -> str:
    """Return the reason, and that there are no more, where OpenBLAS has less than was wanted."""
    count = _core.num_threads()
    return reason if count >= wanted else f"{reason}; OpenBLAS gives {count} at the most"


def describe_budget() -> dict[str, Any]:
    """Return what `rankme.show_config` tells about threads."""
    budget = _core.num_threads()
    at_import, reason = _at_import
    if budget != at_import:
        reason = f"set after the import, which found {at_import} ({reason})"
    return {
        "budget": budget,
        "reason": reason,
        "quota": None if _quota is None else _quota.cpus,
        "RANKME_NUM_THREADS": os.environ.get("RANKME_NUM_THREADS"),
    }


def require_budget() -> None:
    """Raise a ValueError if ``RANKME_NUM_THREADS`` was no positive integer."""
    if _problem is not None:
        raise ValueError(_problem)
