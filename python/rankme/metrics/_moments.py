"""Number, mean and scatter of rows, from the state of a sum, and the axes along which they vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rankme import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rankme.metrics._spectrum import Spectrum

__all__ = ["Axes", "Moments", "axes_of", "davis_kahan", "principal_axes", "sines_of"]


class Moments(NamedTuple):
    """First and second moments of rows, to be multiplied by ``2**exponent`` or its square.

    Attributes
    ----------
    n_rows : int
    exponent : int
    mean : numpy.ndarray
        Shape (K,), float64.
    scatter : numpy.ndarray
        Shape (K, K), float64, symmetric: ``sum_i (z_i - mean)(z_i - mean)^T``.
    """

    n_rows: int
    exponent: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def from_state(
        cls, n_rows: int, numbers: Sequence[int], arrays: Sequence[NDArray[np.float64]]
    ) -> Moments:
        """Unpack the state of a scatter, of the kinds ``scatter`` and ``fast``."""
        origin, offset, offset_low = arrays[:3]
        dim = len(origin)
        scatter = np.zeros((dim, dim))
        scatter[np.tril_indices(dim)] = arrays[-1]
        lower = np.tril(scatter, -1)
        return cls(n_rows, numbers[0], origin + (offset + offset_low), scatter + lower.T)

    def at(self, exponent: int) -> Moments:
        """Return the same at another exponent; what vanishes there is 0."""
        by = self.exponent - exponent
        if by == 0:
            return self
        with np.errstate(under="ignore"):
            mean, scatter = np.ldexp(self.mean, by), np.ldexp(self.scatter, 2 * by)
        return Moments(self.n_rows, exponent, mean, scatter)

    def without(self, part: Moments) -> Moments:
        """Return the moments of the other rows, given those of a part of them.

        ``S - S_part - n_part n_rest / n d d^T``, d the difference of the two means (T. F. Chan,
        G. H. Golub, R. J. LeVeque 1983). It cancels: what is left must not be much smaller than
        the whole.
        """
        part = part.at(self.exponent)
        rest = self.n_rows - part.n_rows
        mean = (self.n_rows * self.mean - part.n_rows * part.mean) / rest
        apart = part.mean - mean
        between = part.n_rows * rest / self.n_rows * np.outer(apart, apart)
        return Moments(rest, self.exponent, mean, self.scatter - part.scatter - between)


class Axes(NamedTuple):
    """The eigenvectors of a scatter, the largest eigenvalue first.

    Attributes
    ----------
    values : numpy.ndarray
        Shape (K,), float64, 0 or more, descending.
    vectors : numpy.ndarray
        Shape (K, K), float64: one a row.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]


def axes_of(scatter: NDArray[np.float64]) -> Axes:
    """Return the eigenvectors of a scatter, each with its entry of largest magnitude positive."""
    # LAPACK neither overflows nor loses small entries where the largest is near 1.
    shift = int(np.frexp(np.abs(scatter).max())[1])
    values, vectors = _core.symmetric_eigenvectors(np.ldexp(scatter, -shift))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, np.newaxis], axis=1)
    return Axes(np.ldexp(values, shift), np.where(largest < 0, -vectors, vectors))


def sines_of(spectrum: Spectrum, k: int) -> NDArray[np.float64]:
    """Bound the angles of the first k axes of rows, given the spectrum of the centred rows."""
    values, high = spectrum._scaled, spectrum._high  # noqa: SLF001
    largest = float(values[0])
    if largest == 0:
        return np.ones(k)
    # The intervals are those of Weyl's theorem: the widest one is as wide as the whole error of the
    # matrix and of the solver of the values; that of the vectors adds as much as the latter.
    error = 2 * float((((high - values) / largest) * ((high + values) / largest)).max())
    squares = np.zeros(spectrum.n_cols)
    squares[: len(values)] = (values / largest) ** 2
    return davis_kahan(squares, error, k)


def davis_kahan(values: NDArray[np.float64], error: float, k: int) -> NDArray[np.float64]:
    """Bound the sine of the largest angle between the span of the first j axes and the exact one.

    ``min(1, error / (lambda_j - lambda_(j + 1) - error))`` for j = 1 to k: the theorem of Davis and
    Kahan (1970), with the exact ``lambda_j`` as small as Weyl's theorem allows. All axes together
    span the space, which has no error.

    values: shape (K,), descending; error: of the matrix in the spectral norm, in their unit.
    """
    following = np.append(values[1:], 0.0)[:k]
    room = values[:k] - following - error
    sines: NDArray[np.float64] = np.ones(k)
    np.divide(error, room, out=sines, where=room > error)
    if k == len(values):
        sines[-1] = 0.0
    return sines


def principal_axes(moments: Moments, k: int) -> NDArray[np.float64]:
    """Return the first k axes of rows, (k, K), read-only."""
    axes: NDArray[np.float64] = axes_of(moments.scatter).vectors[:k].copy()
    axes.flags.writeable = False
    return axes
