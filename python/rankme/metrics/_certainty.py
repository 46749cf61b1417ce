"""Is RankMe certain enough? Decided, and said, in one place for one spectrum and for many."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from rankme import _core
from rankme._base.errors import PrecisionWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rankme.metrics._spectrum import Spectrum

__all__ = [
    "SMALLER_VALUES",
    "WARNING_WIDTH",
    "flat_scores",
    "is_certain",
    "score_of",
    "scores_of",
    "uncertainty",
    "warn_uncertain",
]

# Wider than this part of the score, an interval is worth a warning.
WARNING_WIDTH = 1e-3
SMALLER_VALUES = 'method="qr" sees smaller singular values'


def flat_scores(
    values: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    offsets: NDArray[np.int64],
    eps: float,
    rtol: float = WARNING_WIDTH,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """RankMe of spectra that lie one behind the other, and which of them are not certain enough.

    The interval is computed only where a cheap bound of its width does not settle the matter.

    Parameters
    ----------
    values : tuple of numpy.ndarray
        Singular values and the two ends of their intervals; each of shape (sum of m_i,), float64.
    offsets : numpy.ndarray
        Shape (B + 1,), int64: spectrum i is at ``offsets[i]:offsets[i + 1]``.
    eps : float
        As in `rankme.Spectrum.rankme`.
    rtol : float
        The width of the interval that is accepted, in parts of the score.

    Returns
    -------
    scores : numpy.ndarray
        Shape (B,), float64.
    uncertain : numpy.ndarray
        The indices of those whose interval is wider, ascending.
    """
    return _core.rankme_batch(*values, offsets, eps, rtol)


def is_certain(spectrum: Spectrum, eps: float, rtol: float) -> bool:
    """Tell whether the interval of RankMe is at most `rtol` of the score wide."""
    return not _flat([spectrum], eps, rtol)[1].size


def score_of(spectrum: Spectrum, eps: float, *, stacklevel: int) -> float:
    """Return RankMe of a spectrum, with a PrecisionWarning where it is not certain enough.

    `stacklevel` counts the frames from this function to the caller of the public name.
    """
    scores, uncertain = _flat([spectrum], eps)
    if uncertain.size:
        text = uncertainty(float(scores[0]), spectrum.rankme_bounds(eps=eps))
        warn_uncertain(f"{text}; {_remedy(spectrum)}", stacklevel + 1)
    return float(scores[0])


def scores_of(
    spectra: Sequence[Spectrum],
    eps: float,
    *,
    stacklevel: int,
    of: str = "layer",
    numbers: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Return RankMe of each spectrum, with one PrecisionWarning for all that are uncertain.

    `stacklevel` as of `score_of`. `of` says what they are, `numbers` which; by default from 0.
    """
    scores, uncertain = _flat(spectra, eps)
    if uncertain.size:
        first, *others = uncertain.tolist()
        known = range(scores.size) if numbers is None else numbers
        bounds = spectra[first].rankme_bounds(eps=eps)
        text = uncertainty(float(scores[first]), bounds, of=f" of {of} {known[first]}")
        if others:
            names = ", ".join(str(known[other]) for other in others)
            text += f", as have {len(others)} more of {scores.size} {of}s ({names})"
        warn_uncertain(f"{text}; a rankme.Accumulator with {SMALLER_VALUES}", stacklevel + 1)
    return scores


def uncertainty(score: float, bounds: tuple[float, float], *, of: str = "") -> str:
    """Say how far a score can be trusted, in the one sentence that every warning has."""
    low, high = bounds
    if score == 0:
        return (
            f"RankMe{of} is 0, since no singular value can be told from zero: all of them are of "
            f"the size of rounding (interval {low:.6g} to {high:.6g})"
        )
    relative = (high - low) / score
    return (
        f"RankMe {score:.6g}{of} has relative uncertainty {relative:.1g} (interval {low:.6g} to "
        f"{high:.6g}), above {WARNING_WIDTH:g}"
    )


def warn_uncertain(text: str, stacklevel: int) -> None:
    """Give a PrecisionWarning; `stacklevel` counts from the caller of this function."""
    warnings.warn(text, PrecisionWarning, stacklevel=stacklevel + 1)


def _flat(
    spectra: Sequence[Spectrum], eps: float, rtol: float = WARNING_WIDTH
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Lay spectra one behind the other, score them and tell which are not certain enough."""
    columns = zip(*((s._scaled, s._low, s._high) for s in spectra), strict=True)  # noqa: SLF001
    scaled, low, high = (np.concatenate(column) for column in columns)
    sizes = [s._scaled.size for s in spectra]  # noqa: SLF001
    scores, wide = flat_scores((scaled, low, high), np.cumsum([0, *sizes]), eps, rtol)
    # By their boxes. What is known of all values together may tell more.
    widths = [np.subtract(*spectra[i].rankme_bounds(eps=eps)[::-1]) for i in wide]
    return scores, wide[np.asarray(widths, dtype=float) > rtol * scores[wide]]


def _remedy(spectrum: Spectrum) -> str:
    """Name the next step for a spectrum that is not certain enough."""
    if spectrum.precision == "fast":
        return 'precision="float64" knows it better'
    if spectrum.method == "gram":
        return SMALLER_VALUES
    return "the singular values that decide it are below the rounding of the data's norm"
