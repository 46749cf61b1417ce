"""An agreement as a table in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme._base.text import one_line
from rankme.selection._coefficients import COEFFICIENTS
from rankme.selection._doubts import span_of

if TYPE_CHECKING:
    from rankme.selection._agreement import Agreement
    from rankme.selection._choices import Choice

__all__ = ["as_text", "named"]

_MOST_NAMES = 3


def as_text(agreement: Agreement) -> str:
    """Write the coefficients, what the choice was worth, and what stands against both."""
    n_cells, n_runs = agreement.truth.shape
    mean = f", mean of {n_cells} cells" if n_cells > 1 else ""
    lines = [f"{f'{n_runs} runs{mean}':<30}{'95% interval':>12}{'p':>10}"]
    for name in COEFFICIENTS:
        one = getattr(agreement, name)
        interval = f"[{one.low:.3f}, {one.high:.3f}]"
        lines.append(f"{name:<14}{one.value:>8.3f}{interval:>20}{one.p_value:>10.2g}")
    rank = f"rank {agreement.rank:.3g} of {n_runs}"
    lines += [
        f"best by truth {agreement.oracle.truth:>8.4g}  {named(agreement.oracle)}",
        f"chosen        {agreement.chosen.truth:>8.4g}  {named(agreement.chosen)}, {rank}",
        f"by lot        {agreement.random:>8.4g}",
        f"regret        {agreement.regret:>8.4g}  the truth spans {span_of(agreement.truth)}",
        *(f"warning: {text}" for text in agreement.warnings),
    ]
    return "\n".join(lines)


def named(choice: Choice) -> str:
    """Write the names of a choice, not too many."""
    shown = ", ".join(map(one_line, choice.names[:_MOST_NAMES]))
    more = len(choice.names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
