"""How far rows are from a reference, by their moments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rankme import _core
from rankme.metrics._moments import axes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rankme.metrics._moments import Axes, Moments

__all__ = ["Drift", "Standard", "components_of"]


_NO_SPREAD = 1e-10  # of the largest variance


class Drift(NamedTuple):
    """How far rows are from a reference.

    Attributes
    ----------
    frechet : float
        Frechet distance of the two normal distributions with the means and covariances of the rows,
        ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))``, in the unit of the entries squared.
    subspace : float
        Which share of the rows' variance lies in the span of the reference's first principal axes.
    mean_angle : float
        Between the two means, in degrees.
    mean_shift : float
        How many standard deviations of the reference the mean has moved, each axis by its own:
        ``sqrt((m - m')^T C^-1 (m - m'))`` (Mahalanobis), over the axes along which the reference
        varies.
    """

    frechet: float
    subspace: float
    mean_angle: float
    mean_shift: float


def components_of(axes: Axes, share: float) -> int:
    """Count the axes that hold a share of the variance; one at least."""
    total = float(axes.values.sum())
    if total <= 0:
        return 1
    reached = np.cumsum(axes.values) / total >= share * (1 - 1e-12)
    return int(np.argmax(reached)) + 1


class Standard:
    """What rows are held against: moments, their axes, and the root of the covariance.

    Parameters
    ----------
    moments
        Of two rows or more.
    k
        How many principal axes count as its subspace.

    Notes
    -----
    ``tr (C C')^(1/2)`` is the sum of the roots of the eigenvalues of ``A^T C' A`` with ``C = A
    A^T``, which is symmetric: no root of a matrix that is not. Each root is known to 1e-8 of the
    largest eigenvalue, and so the distance to K times as much.
    """

    def __init__(self, moments: Moments, k: int, axes: Axes | None = None) -> None:
        self.moments = moments
        self.axes = axes_of(moments.scatter) if axes is None else axes
        self.k = k
        scale = np.sqrt(self.axes.values / (moments.n_rows - 1))
        self._root = np.ascontiguousarray(self.axes.vectors.T * scale)
        # Along the others the reference has no spread that can be told from rounding.
        varied = self.axes.values > _NO_SPREAD * self.axes.values[0]
        self._whitening = self.axes.vectors[varied] / scale[varied, np.newaxis]
        self._trace = float(self.axes.values.sum()) / (moments.n_rows - 1)

    @property
    def variance(self) -> float:
        """The trace of the covariance, in the unit of the entries squared."""
        return float(np.ldexp(self._trace, 2 * self.moments.exponent))

    def drift(self, rows: Moments) -> Drift:
        """Tell how far rows are from it, two or more of them."""
        there = rows.at(self.moments.exponent)
        covariance = there.scatter / (there.n_rows - 1)
        trace = float(np.trace(covariance))
        between = _core.matrix_product(
            np.ascontiguousarray(self._root.T), _core.matrix_product(covariance, self._root)
        )
        shift = int(np.frexp(np.abs(between).max())[1])
        values = _core.symmetric_eigenvalues(np.ldexp(between, -shift))
        common = math.ldexp(1.0, shift // 2) * (2.0 ** (shift % 2 / 2))
        overlap = float(np.sqrt(np.maximum(values, 0.0)).sum()) * common
        apart = there.mean - self.moments.mean
        distance = float(apart @ apart) + max(trace + self._trace - 2 * overlap, 0.0)
        with np.errstate(over="ignore"):
            frechet = float(np.ldexp(distance, 2 * self.moments.exponent))
        return Drift(
            frechet,
            self._share(covariance, trace),
            _angle(there.mean, self.moments.mean),
            float(np.linalg.norm(self._whitening @ apart)),
        )

    def _share(self, covariance: NDArray[np.float64], trace: float) -> float:
        """Return the share of a variance along the first axes; all of it where nothing varies."""
        if trace <= 0:
            return 1.0
        first = np.ascontiguousarray(self.axes.vectors[: self.k])
        along = (_core.matrix_product(first, covariance) * first).sum()
        return min(1.0, max(0.0, float(along) / trace))


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the angle of two vectors in degrees; 0 where one of them has no direction."""
    lengths = [float(np.abs(one).max()) for one in (a, b)]
    if min(lengths) == 0:
        return 0.0
    u, v = (one / length for one, length in zip((a, b), lengths, strict=True))
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    # By the half angle, which is as exact for small ones as for large (W. Kahan).
    return math.degrees(2 * math.atan2(float(np.linalg.norm(u - v)), float(np.linalg.norm(u + v))))
