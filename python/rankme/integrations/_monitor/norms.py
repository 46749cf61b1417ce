"""The norms of rows, counted in narrow bins: quantiles of any number of rows in little room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["RESOLUTION", "NormCounts", "bins_of", "norms_of"]

# Bins an octave. The middle of one is at 1, so that rows of unit length share one.
_AN_OCTAVE = 128
RESOLUTION = 2 ** (1 / _AN_OCTAVE) - 1  # how wide a bin is, as a part of the norm
_ZERO = -(2**20)  # the bin of rows that are 0


def norms_of(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Euclidean norm of each row; NaN or infinity where an entry is not finite."""
    norms: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    odd = ~(np.isfinite(norms) & (norms > 1e-140))  # noqa: PLR2004 - squares that have no float64
    if odd.any():
        some = rows[odd]
        largest = np.abs(some).max(axis=1)
        unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
        scaled = some / unit[:, np.newaxis]
        norms[odd] = unit * np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    return norms


def bins_of(norms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each norm."""
    bins = np.full(norms.shape, _ZERO, dtype=np.int64)
    positive = norms > 0
    bins[positive] = np.rint(np.log2(norms[positive]) * _AN_OCTAVE)
    return bins


class NormCounts:
    """How many norms fell into each bin: at most 2**19 bins hold any, in practice tens."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts = dict(counts or {})

    def add(self, norms: NDArray[np.float64]) -> None:
        """Count more norms."""
        bins, counts = np.unique(bins_of(norms), return_counts=True)
        self.merge(NormCounts(dict(zip(bins.tolist(), counts.tolist(), strict=True))))

    def merge(self, other: NormCounts) -> None:
        """Count those of another one."""
        for place, count in other.counts.items():
            self.counts[place] = self.counts.get(place, 0) + count

    def copy(self) -> NormCounts:
        """Return an independent one."""
        return NormCounts(self.counts)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return norms below which these shares of the rows are, each to half a bin or so."""
        places = sorted(self.counts)
        ends = np.cumsum([self.counts[place] for place in places])
        wanted = np.asarray(shares) * ends[-1]
        at = np.minimum(np.searchsorted(ends, wanted), len(places) - 1)
        found = []
        for share, i in zip(wanted, at, strict=True):
            count = self.counts[places[i]]
            within = (share - (ends[i] - count)) / count  # as if a bin's rows were spread evenly
            found.append(_norm_at(places[i], float(within) - 0.5))
        return found


def _norm_at(place: int, within: float) -> float:
    """Return the norm at a place in a bin, from -0.5 to 0.5."""
    if place == _ZERO:
        return 0.0
    # Beyond float64 the exponent alone would overflow; no row's norm is there.
    return float(2.0 ** min((place + within) / _AN_OCTAVE, 1023.999))
