"""What notebooks show of a monitor: its state, and its last windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._base.notebook import card, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rankme.integrations._monitor.held import Held

__all__ = ["html_of"]

_LAST = 5  # windows


def html_of(held: Held) -> str:
    """Return two small tables; nothing is computed for them."""
    settings, counts, reference = held.settings, held.counts, held.reference
    bands = reference is not None and reference.bands is not None
    facts = {
        "alarm": "ON" if held.alarm.on else "off",
        "window": f"{settings.window:g} {settings.unit}, every {settings.step:g}",
        "columns": settings.dim,
        "rows": f"{counts.rows:,}",
        **({"rows left out": f"{counts.skipped:,}"} if counts.skipped else {}),
        "windows": counts.windows,
        "reference": "none" if reference is None else f"{reference.acc.n_rows:,} rows",
        "bands": "yes" if bands else "no",
    }
    last = held.records[-_LAST:]
    if not last:
        return card("Monitor", facts)
    names = ("window", "rows", "RankMe", "outside the bands")
    return card("Monitor", facts, table("Last windows", names, map(_row, last)))


def _row(window: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what is shown of a window."""
    score, error = window["rankme"], window["std_error"]
    text = "" if score is None else f"{score:.4g}"
    if error is not None:
        text += f" ± {error:.2g}"
    outside = ", ".join(window["outside"]) if window["judged"] else "not judged"
    return window["index"], window["n_rows"], text, outside
