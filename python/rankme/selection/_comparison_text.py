"""A comparison as a table of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme._base.text import one_line
from rankme.metrics._jackknife import can_extrapolate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.selection._run import Run
    from rankme.selection.comparison import Comparison

__all__ = ["HEADS", "MARKS", "cells_of", "mark_of", "notes_of", "text_of"]

HEADS = ("", "run", "RankMe", "error", "below best", "extrapolated", "normalised", "N", "K")
MARKS = {"*": "the highest", "=": "not told from it", "u": "untrained", "": "told from it"}
_LEFT = 2  # columns that hold words
_MOST_DECIMALS = 9


def text_of(comparison: Comparison) -> str:
    """Write the table, and below it what is to be known about it."""
    rows = (map(one_line, cells_of(run, comparison)) for run in comparison.runs)
    lines = [HEADS, *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(_padded(line, widths)).rstrip() for line in lines]
    return "\n".join([*table, "", *map(one_line, notes_of(comparison))])


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Fill the cells of a line: words at the left, numbers at the right."""
    return [
        cell.ljust(width) if i < _LEFT else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def cells_of(run: Run, comparison: Comparison) -> tuple[str, ...]:
    """Write the cells of a run, under `HEADS`."""
    error = max(run.std_error, (run.high - run.low) / 2)
    decimals = _decimals(error)
    can_be_told = can_extrapolate(run.score, run.bias_corrected, run.n_rows, run.n_cols)
    behind = (
        f"{run.gap:.{_decimals(run.gap_error)}f} ± {run.gap_error:.{_decimals(run.gap_error)}f}"
    )
    return (
        mark_of(run, comparison),
        run.name,
        f"{run.score:.{decimals}f}",
        f"{error:.{decimals}f}",
        "" if run.name == comparison.best else behind,
        f"{run.bias_corrected:.{decimals}f}" if can_be_told else "",
        f"{run.normalized:.4f}",
        str(run.n_rows),
        str(run.n_cols),
    )


def mark_of(run: Run, comparison: Comparison) -> str:
    """Return the sign of the best run, of one that is tied with it, and of the untrained one."""
    if run.name == comparison.best:
        return "*"
    if run.name == comparison.baseline:
        return "u"
    return "=" if run.name in comparison.tied else ""


def _decimals(error: float) -> int:
    """Return how many decimals show two digits of an error."""
    if not error > 0:
        return 2
    return min(max(1 - int(f"{error:e}".partition("e")[2]), 0), _MOST_DECIMALS)


def notes_of(comparison: Comparison) -> list[str]:
    """Write what is to be known about the table, one sentence a line."""
    beside = any(run.name == comparison.baseline for run in comparison.runs)
    notes = [f"* the highest{' of the trained' if beside else ''}: {comparison.best}"]
    if comparison.tied:
        notes.append(f"= not told from it: {', '.join(comparison.tied)}")
    if beside:
        notes.append(f"u untrained, and no candidate: {comparison.baseline}")
    needed = sorted(run.needed_errors for run in comparison.runs if run.name != comparison.best)
    ends = " to ".join(dict.fromkeys(f"{one:.2g}" for one in (needed[0], needed[-1])))
    notes.append(f"told from it: below by more than {ends} standard errors of the difference")
    if comparison.choice != comparison.best or comparison.local_maxima:
        peaks = ", ".join(comparison.local_maxima) or "none"
        notes.append(f"chosen by the rule: {comparison.choice}; local maxima: {peaks}")
    kind = "paired" if comparison.paired else "not paired"
    notes.append(f"{comparison.rows} rows of each; {kind}: {comparison.pairing}")
    repeated = [run.name for run in comparison.runs if len(run.scores) > 1]
    if not repeated:
        notes.append("no repeats: no error holds the spread among seeds")
    elif len(repeated) < len(comparison.runs):
        notes.append(
            f"all errors hold the spread among the seeds of {', '.join(repeated)}; the other runs "
            f"have one seed each, and may spread otherwise"
        )
    definitions = sorted({run.definition for run in comparison.runs})
    notes.append("; ".join(definitions))
    notes += [f"warning: {text}" for text in comparison.warnings]
    notes += [f"error: {path}: {text}" for path, text in comparison.errors]
    return notes
