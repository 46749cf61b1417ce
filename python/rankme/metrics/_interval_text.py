"""A score and the interval that holds the exact one, as people read them."""

import math
from decimal import ROUND_CEILING, Context, Decimal

__all__ = ["with_interval"]

_FEWEST_DECIMALS = 6
_MOST_DECIMALS = 15
_ONE_DIGIT_UP = Context(prec=1, rounding=ROUND_CEILING)


def with_interval(score: float, low: float, high: float) -> str:
    """Write a score and how far the exact one can be from what is written.

    Parameters
    ----------
    score, low, high : float
        The score and the two ends of its interval.

    Returns
    -------
    str
        Such as ``293.168660 (rounding: within 5e-06)``: how far rounding can have moved the score,
        and not how far other rows would. The half-width counts from the digits that are written,
        and is rounded up to one significant digit; there are 6 decimals, or as many as reach the
        half-width's own digit.
    """
    width = max(high - score, score - low)
    decimals = _FEWEST_DECIMALS
    if width > 0:
        decimals = min(max(decimals, -math.floor(math.log10(width))), _MOST_DECIMALS)
    written = f"{score:.{decimals}f}"
    half = max(
        _ONE_DIGIT_UP.subtract(Decimal(high), Decimal(written)),
        _ONE_DIGIT_UP.subtract(Decimal(written), Decimal(low)),
    )
    return f"{written} (rounding: within {float(half):g})"
