"""Where a computation takes place: the meaning of `device` and `precision`, in one place."""

import re
from typing import Any

from rankme._base.arguments import type_name
from rankme._base.cuda_loader import cuda_module

__all__ = ["as_device", "as_precision", "module_of", "place_of"]

_DEVICE = re.compile(r"cpu|cuda(?::(0|[1-9][0-9]{0,3}))?")
_PRECISIONS = ("float64", "fast")


def as_device(device: object) -> str:
    """Return the full name of a device, ``"cpu"`` or ``"cuda:0"``; ``"cuda"`` is the latter.

    Whether there is such a GPU is not asked here.
    """
    if not isinstance(device, str):
        raise TypeError(
            f"device must be a string such as 'cpu', 'cuda' or 'cuda:1', not {type_name(device)}"
        )
    match = _DEVICE.fullmatch(device)
    if match is None:
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:1' and so on, not {device!r}")
    return device if device == "cpu" else f"cuda:{match[1] or 0}"


def as_precision(precision: object, method: str) -> str:
    """Return the arithmetic that is asked for, if the method has it."""
    if precision not in _PRECISIONS:
        raise ValueError(f"precision must be 'float64' or 'fast', not {precision!r}")
    if precision == "fast" and method == "qr":
        raise ValueError("precision='fast' is for method='gram'; method='qr' is always in float64")
    return str(precision)


def module_of(device: str) -> tuple[Any, int]:
    """Return the module that computes on a GPU, and the GPU's number.

    Whether there is such a GPU the module itself tells, when it is asked to compute. An ImportError
    says what to do where the module cannot be loaded.
    """
    index = int(device.partition(":")[2])
    try:
        return cuda_module(), index
    except ImportError as error:
        raise ImportError(f"device={device!r}: {error}", name=error.name) from error


def place_of(array_device: str, device: str | None, name: str) -> str:
    """Return the device for the work on an array that lies on `array_device`.

    It is done on `device`, or where the array lies if that is None. An array in host memory is
    welcome everywhere: a GPU reads it as it comes. One on another GPU is a ValueError, which calls
    it `name`.
    """
    if device is None:
        return as_device(array_device)
    place = as_device(device)
    # "cuda" alone: the producer does not say on which, and the pointer will.
    if array_device not in ("cpu", place) and (array_device, place[:4]) != ("cuda", "cuda"):
        raise ValueError(
            f"{name} lies on {array_device}, and device is {place}; rankme moves no array off its "
            f"GPU: compute on {array_device}, or copy {name} first"
        )
    return place
