"""What notebooks show of an agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme._base.notebook import card, table
from rankme.selection._agreement_text import named
from rankme.selection._coefficients import COEFFICIENTS
from rankme.selection._doubts import span_of

if TYPE_CHECKING:
    from rankme.selection._agreement import Agreement

__all__ = ["html_of"]


def html_of(agreement: Agreement) -> str:
    """Return the coefficients, what the choice was worth, and what stands against both."""
    n_cells, n_runs = agreement.truth.shape
    mean = f", mean of {n_cells} cells" if n_cells > 1 else ""
    found = ((name, getattr(agreement, name)) for name in COEFFICIENTS)
    coefficients = table(
        "Correlations",
        ("of score and truth", "value", "95% interval", "p"),
        (
            (name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", f"{one.p_value:.2g}")
            for name, one in found
        ),
    )
    oracle, chosen = agreement.oracle, agreement.chosen
    worth = {
        "best by truth": f"{oracle.truth:.4g}, {named(oracle)}",
        "chosen": f"{chosen.truth:.4g}, {named(chosen)}, rank {agreement.rank:.3g}",
        "by lot": f"{agreement.random:.4g}",
        "regret": f"{agreement.regret:.4g}; the truth spans {span_of(agreement.truth)}",
    }
    cautions = {f"warning {i + 1}": text for i, text in enumerate(agreement.warnings)}
    return card(f"Agreement of {n_runs} runs{mean}", {**worth, **cautions}, coefficients)
