"""What notebooks show of an object: a small table, and a curve of its values."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from rankme._base.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["card", "decay", "spans", "table"]

# The colour is the text's own, so that it is right on light and on dark pages.
_CELL = 'style="text-align:left;padding:.1em .8em .1em 0"'
_TABLE = 'style="margin:0"'  # pages put tables to the right, or in the middle
_WIDTH, _HEIGHT, _MARGIN = 260, 90, 6  # pixels
_MOST_POINTS = 200
_FLOOR = 1e-16  # of the largest: nothing below is seen in float64


def card(title: str, facts: Mapping[str, object], picture: str = "") -> str:
    """Return a table of names and values as HTML, with a picture below it."""
    rows = "".join(
        f"<tr><th {_CELL}>{_plain(name)}</th><td {_CELL}>{_plain(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<div><strong>{_plain(title)}</strong><table {_TABLE}>{rows}</table>{picture}</div>"


def table(
    title: str, head: Iterable[str], rows: Iterable[Iterable[object]], below: str = ""
) -> str:
    """Return rows of values under their names as HTML, with HTML of one's own below them."""
    names = "".join(f"<th {_CELL}>{_plain(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td {_CELL}>{_plain(value)}</td>" for value in row) + "</tr>"
        for row in rows
    )
    top = f"<strong>{_plain(title)}</strong>"
    return f"<div>{top}<table {_TABLE}><tr>{names}</tr>{body}</table>{below}</div>"


def spans(numbers: Iterable[int]) -> str:
    """Write whole numbers as one, or from the least to the largest."""
    found = list(numbers)
    low, high = min(found), max(found)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def decay(values: Iterable[float], label: str) -> str:
    """Draw values in descending order, relative to the largest, on a scale of logarithms."""
    found = [float(value) for value in values]
    if len(found) < 2 or not found[0] > 0:  # noqa: PLR2004 - a line has two ends
        return ""
    step = max(1, math.ceil(len(found) / _MOST_POINTS))
    kept = sorted({*range(0, len(found), step), len(found) - 1})
    heights = [math.log10(max(found[i] / found[0], _FLOOR)) for i in kept]
    depth = min(*heights, -1.0)
    points = " ".join(
        f"{_MARGIN + i / (len(found) - 1) * (_WIDTH - 2 * _MARGIN):.1f},"
        f"{_MARGIN + height / depth * (_HEIGHT - 2 * _MARGIN):.1f}"
        for i, height in zip(kept, heights, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" role="img" aria-label="{escape(label)}">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
        f"<div>{escape(label)}, from 1 down to {10**depth:.1g}</div>"
    )


def _plain(value: object) -> str:
    """Write a value for HTML, in one line."""
    return escape(one_line(value))
