"""Tags: what is told of the rows of a set, such as the model, the step and the layer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.text import one_line

__all__ = ["DIMENSIONS", "Tags", "as_tags", "tag_of_dimensions"]

# The tag that tells which columns of a table the dimensions are; nobody else gives one this name.
DIMENSIONS = "rankme.dimensions"
Tags: TypeAlias = Mapping[str, str | int | float | bool]


def as_tags(tags: object) -> Tags:
    """Return tags that were checked: texts as keys, and texts, numbers or booleans as values.

    Scalars of NumPy become those of Python, which JSON has.
    """
    if not isinstance(tags, Mapping):
        raise TypeError(f"tags must be a mapping such as {{'step': 1000}}, not {type_name(tags)}")
    plain = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in tags.items()
    }
    for key, value in plain.items():
        if not isinstance(key, str):
            raise TypeError(f"the keys of tags must be texts, and {key!r} is {type_name(key)}")
        if not isinstance(value, str | int | float):
            raise TypeError(
                f"tag {key!r} must be a text, a number or a boolean, not {type_name(value)}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"tag {key!r} must be finite, not {value}")
    return plain


def tag_of_dimensions(names: tuple[str, ...]) -> str:
    """Return what tells the columns that the dimensions are from others, and from another order."""
    digest = hashlib.sha256(repr(names).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    few = one_line(", ".join(names[:3]))[:60]
    return f"{few}{', ...' if names[3:] else ''} ({digest})"
