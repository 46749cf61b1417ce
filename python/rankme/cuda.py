"""Which NVIDIA GPUs there are for rankme to compute on.

Importing this module touches no GPU; neither does anything else in rankme until an array lies on
one or `device` names one.
"""

from typing import Any

from rankme._base.cuda_loader import cuda_module

__all__ = ["describe", "device_count", "devices", "is_available"]


def is_available() -> bool:
    """Tell whether rankme can compute on a GPU here.

    Returns
    -------
    bool
        False, and never an error, where there is no GPU, no driver, or no CUDA module of rankme;
        `rankme.show_config` tells which. False too in a process that was forked after CUDA had
        been used: a GPU cannot be taken along.
    """
    return device_count() > 0


def device_count() -> int:
    """Count the GPUs that rankme can compute on.

    Returns
    -------
    int
        0 where `is_available` is False. ``CUDA_VISIBLE_DEVICES`` applies.
    """
    try:
        module = cuda_module()
    except ImportError:
        return 0
    return int(module.device_count())


def devices() -> list[dict[str, Any]]:
    """Describe the GPUs.

    Returns
    -------
    list of dict
        One a GPU, in the order of the numbers in ``device="cuda:1"``: ``name``,
        ``compute_capability`` (such as ``"9.0"``), ``total_bytes`` and ``free_bytes`` of its
        memory, ``multiprocessors``. Empty where `is_available` is False. What is free only a
        running context knows, so each GPU gets one of this process.
    """
    if not is_available():
        return []
    found: list[dict[str, Any]] = cuda_module().devices()
    return found


def describe() -> dict[str, Any]:
    """Tell what the computation on GPUs stands on, or why there is none.

    Returns
    -------
    dict
        The part ``cuda`` of `rankme.show_config`.
    """
    try:
        module = cuda_module()
    except ImportError as error:
        return {"available": False, "reason": str(error)}
    versions: dict[str, str] = module.library_versions()
    found = devices()
    if not found:
        reason = "no GPU is visible" if "driver" in versions else "no NVIDIA driver"
        return {"available": False, "reason": reason, **versions}
    names = {
        f"cuda:{index}": (
            f"{device['name']}, compute capability {device['compute_capability']}, "
            f"{device['free_bytes'] / 2**30:.1f} of {device['total_bytes'] / 2**30:.1f} GiB free"
        )
        for index, device in enumerate(found)
    }
    return {"available": True, **versions, **names}
