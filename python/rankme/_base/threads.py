"""The thread budget that the environment asks for."""

import os

from rankme import _core

__all__ = ["apply_environment", "require_budget"]

_MAX_THREADS = 1024
_problem: str | None = None


def apply_environment() -> None:
    """Set the thread budget to ``RANKME_NUM_THREADS`` where that is set; at import.

    The budget lives in the OpenBLAS that rankme carries, where ``threadpoolctl`` can change it
    later; without the variable it is OpenBLAS's own choice (``OPENBLAS_NUM_THREADS``, or one
    thread a core). A value that is no positive integer is kept for `require_budget` to report,
    since an import must not fail for it.
    """
    global _problem  # noqa: PLW0603
    text = os.environ.get("RANKME_NUM_THREADS", "").strip()
    if not text:
        return
    if text.isascii() and text.isdigit() and int(text) > 0:
        _core.set_num_threads(min(int(text), _MAX_THREADS))
    else:
        _problem = f"RANKME_NUM_THREADS must be a positive integer, got {text!r}"


def require_budget() -> None:
    """Raise a ValueError if ``RANKME_NUM_THREADS`` was no positive integer."""
    if _problem is not None:
        raise ValueError(_problem)
