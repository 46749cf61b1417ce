"""Which passes over the rows there are, and whether one has settled RankMe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict

from rankme.metrics._certainty import is_certain

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.metrics._spectrum import Spectrum

__all__ = ["DEFAULT_EPS", "Choices", "Pass", "first_certain", "passes_of"]

# Whose RankMe has to be certain where a caller asks for the spectrum and names no eps.
DEFAULT_EPS = 1e-7


class Choices(TypedDict):
    """What is done to the rows before they count, as in `rankme.spectrum`."""

    center: bool
    normalize: bool
    skip_nonfinite: bool


class Pass(NamedTuple):
    """How one pass over the rows computes."""

    method: str
    precision: str


def passes_of(method: str, precision: str) -> list[Pass]:
    """List the passes to go through until one settles RankMe.

    One at least; each costs more than the one before it and knows more.
    """
    passes = [Pass("gram" if method == "auto" else method, precision)]
    if precision == "fast":
        passes.append(Pass("gram", "float64"))
    if method == "auto":
        passes.append(Pass("qr", "float64"))
    return passes


def first_certain(
    passes: list[Pass],
    compute: Callable[[Pass], Spectrum],
    *,
    eps: float,
    rtol: float,
    restart: Callable[[str], None] | None = None,
) -> Spectrum:
    """Compute one pass after the other until RankMe is certain enough, or none is left.

    Parameters
    ----------
    passes
        Of `passes_of`.
    compute
        From a pass to its spectrum.
    eps
        Of the RankMe that has to be certain.
    rtol
        The width of its interval that is accepted, in parts of the score.
    restart
        Told the name of each further pass before it begins.
    """
    result = compute(passes[0])
    for one in passes[1:]:
        if is_certain(result, eps, rtol):
            break
        # A pass may have done at once what the next one would do.
        if one == Pass(result.method, result.precision):
            continue
        if restart is not None:
            restart("qr" if one.method == "qr" else "float64")
        result = compute(one)
    return result
