"""Arguments that are numbers or names, checked in one place."""

import math
import numbers
import operator
from typing import SupportsIndex

import numpy as np

__all__ = [
    "MAX_DIM",
    "MAX_SEED",
    "as_count",
    "as_eps",
    "as_flag",
    "as_index",
    "as_method",
    "as_real",
    "as_rtol",
    "as_share",
    "type_name",
]

MAX_DIM = 2**31 - 1  # LAPACK's integers
MAX_SEED = 2**64 - 1


def as_eps(eps: object) -> float:
    """Return `eps` of RankMe as a float: a real number from 0 to 1."""
    if not isinstance(eps, numbers.Real):
        raise TypeError(f"eps must be a real number, not {type_name(eps)}")
    try:
        value = float(eps)
    except OverflowError:  # an integer beyond float64
        value = math.inf
    if not 0 <= value <= 1:
        raise ValueError(f"eps must be from 0 to 1, not {value}")
    return value


def as_flag(value: object, name: str) -> bool:
    """Return an argument that is True or False, Python's or NumPy's: any text would be true."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def as_index(value: SupportsIndex, name: str, low: int, high: int | None = None) -> int:
    """Return an integer, or what has ``__index__``, from `low` to `high`; errors call it `name`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type_name(value)}") from None
    if high is None and number < low:
        raise ValueError(f"{name} must be {low} or more, not {number}")
    if high is not None and not low <= number <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {number}")
    return number


def as_method(method: object, known: tuple[str, ...]) -> None:
    """Raise a ValueError unless a method is one of those known."""
    if method not in known:
        names = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
        raise ValueError(f"method must be {names}, not {method!r}")


def as_rtol(rtol: float) -> float:
    """Return `rtol` of ``method="auto"``: a finite number, 0 or more."""
    if not 0 <= rtol < math.inf:
        raise ValueError(f"rtol must be finite and 0 or more, not {rtol!r}")
    return rtol


def as_real(value: object, name: str) -> float:
    """Return an option as a float: a real number, 0 or more; infinity is one."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, not {type_name(value)}")
    number = float(value)
    if math.isnan(number) or number < 0:
        raise ValueError(f"{name} must be 0 or more, not {number}")
    return number


def as_share(value: object, name: str) -> float:
    """Return a share of a whole as a float: a real number between 0 and 1, both excluded."""
    share = as_real(value, name)
    if not 0 < share < 1:
        raise ValueError(f"{name} must be between 0 and 1, both excluded, not {share}")
    return share


def as_count(value: SupportsIndex, name: str, *, least: int = 1) -> int:
    """Return an option as an integer, `least` or more."""
    return as_index(value, name, least)


def type_name(value: object) -> str:
    """Name the type of a value, with its module unless that is Python's own."""
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
