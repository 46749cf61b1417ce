"""How many standard errors a difference must have, where the errors themselves are estimates."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["upper_quantile"]

_NEARLY_NORMAL = 400  # degrees of freedom from which on the two quantiles agree to 1%
_HALVINGS = 80


def upper_quantile(tail: float, dof: float) -> float:
    """Return what Student's t exceeds with a probability of `tail`, at most 1/2.

    Parameters
    ----------
    tail
        Above 0.
    dof
        Degrees of freedom, 1 or more; a fraction is dropped, which errs to the safe side.
    """
    if dof >= _NEARLY_NORMAL:
        return -NormalDist().inv_cdf(tail)
    whole = max(1, int(dof))
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if (1 - _within(middle, whole)) / 2 > tail:
            low = middle
        else:
            high = middle
    return math.sqrt(whole) * math.tan(low)


def _within(angle: float, dof: int) -> float:
    """Return P(|t| < sqrt(dof) tan(angle)): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    cosine = math.cos(angle)
    odd = dof % 2
    term = cosine if odd else 1.0
    total = 0.0 if dof == 1 else term
    for i in range(2 + odd, dof - 1, 2):
        term *= cosine**2 * (i - 1) / i
        total += term
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
