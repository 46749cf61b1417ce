"""A comparison as HTML that needs nothing else: no network, no script."""

from __future__ import annotations

import platform
from html import escape as escaped
from typing import TYPE_CHECKING

import numpy as np

from rankme import _core
from rankme._base.text import one_line
from rankme.selection._comparison_text import HEADS, MARKS, cells_of, mark_of, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.selection._run import Run
    from rankme.selection.comparison import Comparison

__all__ = ["fragment", "page"]

# The colours are those of `rankme._base.colours`, for light and for dark pages.
_STYLE = (
    ":root{color-scheme:light dark;--page:#fff;--ink:#22282e;--faint:#d5dade;"
    "--best:#0072b2;--tied:#d55e00;--untrained:#8f4a82;--other:#66707a}"
    "@media(prefers-color-scheme:dark){:root{--page:#14181c;--ink:#e6eaee;--faint:#3a434c;"
    "--best:#56b4e9;--tied:#e69f00;--untrained:#cc79a7;--other:#a9b3bd}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);"
    "margin:2em auto;max-width:60em;padding:0 1em}svg{max-width:100%;height:auto}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{padding:.25em .8em;text-align:right;"
    "border-bottom:1px solid var(--faint)}td:nth-child(2),th:nth-child(2){text-align:left}"
    "text{font:13px system-ui,sans-serif;fill:var(--ink)}"
)
_WIDTH, _LEFT, _RIGHT, _STEP = 720, 200, 30, 26  # pixels
_COLOURS = {"*": "var(--best)", "=": "var(--tied)", "u": "var(--untrained)", "": "var(--other)"}
_LONGEST_NAME = 26


def page(comparison: Comparison, agreement: str = "") -> str:
    """Return a whole page; with what an agreement says, if there is one."""
    more = f"<h2>Agreement with the truth</h2>\n<pre>{escaped(agreement)}</pre>"
    versions = f"rankme {_core.__version__}, NumPy {np.__version__}"
    body = [
        _picture(comparison),
        _legend(comparison),
        fragment(comparison),
        *([more] if agreement else []),
        _paths(comparison),
        f"<p>{versions}, Python {platform.python_version()}</p>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>rankme compare</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>RankMe of {len(comparison.runs)} runs</h1>\n" + "\n".join([*body, "</body></html>\n"])
    )


def fragment(comparison: Comparison) -> str:
    """Return the table and the notes."""
    heads = "".join(f"<th>{escape(head)}</th>" for head in HEADS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells_of(run, comparison)) + "</tr>"
        for run in comparison.runs
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in notes_of(comparison))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>\n<ul>{notes}</ul>"


def escape(text: str) -> str:
    """Write text for HTML: one line, and what has no place in UTF-8 as escapes."""
    return escaped(one_line(text))


def _picture(comparison: Comparison) -> str:
    """Draw a dot a run, with a bar of two standard errors."""
    runs = comparison.runs
    low = min(run.score - 2 * run.std_error for run in runs)
    high = max(run.score + 2 * run.std_error for run in runs)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return _LEFT + (value - low) / span * (_WIDTH - _LEFT - _RIGHT)

    height = _STEP * (len(runs) + 2)
    marks = [
        _mark(run, _COLOURS[mark_of(run, comparison)], _STEP * (i + 1), place)
        for i, run in enumerate(runs)
    ]
    ticks = "".join(
        f'<text x="{place(value):.1f}" y="{height - 12}" text-anchor="middle">{value:.6g}</text>'
        for value in (low, (low + high) / 2, high)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" role="img" aria-label="RankMe of each run, with two standard errors">'
        f"{''.join(marks)}{ticks}</svg>"
    )


def _mark(run: Run, colour: str, y: float, place: Callable[[float], float]) -> str:
    """Draw one run."""
    name = run.name if len(run.name) <= _LONGEST_NAME else f"{run.name[: _LONGEST_NAME - 1]}…"
    first, last = place(run.score - 2 * run.std_error), place(run.score + 2 * run.std_error)
    return (
        f'<text x="{_LEFT - 16}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
        f'<line x1="{first:.1f}" x2="{last:.1f}" y1="{y}" y2="{y}" style="stroke:{colour}" '
        f'stroke-width="2"/><circle cx="{place(run.score):.1f}" cy="{y}" r="4" '
        f'style="fill:{colour}">'
        f"<title>{escape(run.name)}: {run.score:.6g}</title></circle>"
    )


def _legend(comparison: Comparison) -> str:
    """Say what the colours and the bars are."""
    shown = {mark_of(run, comparison) for run in comparison.runs}
    colours = "".join(
        f'<span style="color:{_COLOURS[mark]}">●</span> {words}; '
        for mark, words in MARKS.items()
        if mark in shown
    )
    return f"<p>{colours}bars: two standard errors of the score</p>"


def _paths(comparison: Comparison) -> str:
    """List where runs were read from."""
    read = [
        f"<li>{escape(run.name)}: {escape(', '.join(run.paths))}</li>"
        for run in comparison.runs
        if run.paths
    ]
    return f"<h2>Paths</h2>\n<ul>{''.join(read)}</ul>" if read else ""
