"""What labels say of runs, as the command reads it: a table of names and values."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["read_truth", "require_truths", "truth_of_others"]

_SHOWN = 60  # characters of a line that is none


def read_truth(path: Path) -> dict[str, float]:
    """Read a table of names and values."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, fields) for fields in reader if fields]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: no CSV in UTF-8: {error}") from None
    heads = [head.strip() for head in lines[0][1]] if lines else []
    if heads.count("name") != 1 or heads.count("value") != 1:
        first = ",".join(lines[0][1]) if lines else ""
        raise ValueError(
            f"{path}: wanted are the columns name and value, with a comma between, in the first "
            f"line, which is {first[:_SHOWN]!r}"
        )
    truth: dict[str, float] = {}
    for number, fields in lines[1:]:
        # A decimal comma makes two fields of one number.
        if len(fields) != len(heads):
            raise ValueError(
                f"{path}: line {number} has {len(fields)} fields, and the first line {len(heads)}; "
                f"wanted as many, and a point before decimals"
            )
        name, value = (fields[heads.index(head)].strip() for head in ("name", "value"))
        if name in truth:
            raise ValueError(f"{path}: line {number} has {name!r} a second time")
        try:
            truth[name] = math.nan if "_" in value else float(value)  # Python takes 1_0 for 10
        except ValueError:
            truth[name] = math.nan
        if not math.isfinite(truth[name]):
            raise ValueError(f"{path}: line {number} has {value!r} for {name!r}; wanted a number")
    return truth


def require_truths(truth: dict[str, float], names: Collection[str]) -> None:
    """Refuse runs without a truth before the first of them is read."""
    missing = [name for name in names if name not in truth]
    if missing:
        raise ValueError(
            f"the truth has no value of run {missing[0]!r}: wanted is a line for each of "
            f"{', '.join(names)}; it has {', '.join(truth) or 'none'}"
        )


def truth_of_others(truth: dict[str, float], names: Collection[str]) -> str | None:
    """Say which truths belong to none of the runs; None if all do."""
    others = [name for name in truth if name not in names]
    if not others:
        return None
    return (
        f"its {', '.join(map(repr, others))} is no run here, and was not used; the runs are "
        f"{', '.join(map(repr, names))}"
    )
