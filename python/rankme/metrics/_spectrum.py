"""The result object: the singular values of a set of embeddings and what they tell."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankme import _core
from rankme._base.arguments import as_eps
from rankme._base.notebook import card, decay
from rankme.metrics._spectrum_methods import SpectrumMetrics
from rankme.metrics._values import OtherAnswer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Spectrum"]


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(SpectrumMetrics):
    """The singular values of an N x K matrix of embeddings.

    Made by `rankme.spectrum` and `rankme.Accumulator.spectrum`, not by hand. It never changes,
    compares by identity and can be pickled.

    Attributes
    ----------
    n_rows, n_cols : int
        N and K.
    center : bool
        Whether the column means were subtracted.
    normalize : bool
        Whether each row was divided by its Euclidean norm.
    method : str
        How the singular values were found. ``"gram"``: as square roots of the eigenvalues of the
        Gram matrix of the columns or, where N < K, of the rows, in float64. ``"qr"``: as those of
        the triangular factor of a streaming QR factorisation.
    precision : str
        ``"float64"``; or ``"fast"`` where rows were multiplied in float32, or on the tensor cores
        of a GPU.
    n_skipped : int
        How many rows were left out, because ``skip_nonfinite=True`` was asked for and they held NaN
        or infinity. They are not among the N.
    """

    n_rows: int
    n_cols: int
    center: bool
    normalize: bool
    method: str
    # sigma = _scaled * 2**_exponent: the squares of entries such as 1e200 have no float64.
    _scaled: NDArray[np.float64]
    _low: NDArray[np.float64]
    _high: NDArray[np.float64]
    _exponent: int
    # What is known of the values together, as in `_core.spectrum_bounds`. None, as in what older
    # releases pickled: nothing.
    _uncertainty: tuple[float, float, float, float, float, bool, int] | None = None
    # The `Values` of the other choice of `center`, or what finds them, where the sum gives both.
    _other: OtherAnswer | None = None
    precision: str = field(default="float64", kw_only=True)
    n_skipped: int = field(default=0, kw_only=True)

    @property
    def singular_values(self) -> NDArray[np.float64]:
        """The singular values, in the unit of the entries.

        Returns
        -------
        numpy.ndarray
            Shape (min(N, K),), float64, descending, read-only. A value below float64's range is 0.

        Raises
        ------
        OverflowError
            If the largest one is beyond float64. `rankme` and `effective_rank` do not need it.
        """
        return self._unscaled(self._scaled)

    def singular_value_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of the intervals in which the exact singular values lie.

        With ``method="gram"`` every eigenvalue of the Gram matrix is known to within

        ``delta = 8 ||G X - Y||_F / sqrt(8) + 4 (10 + K / 4) u lambda_1``

        (Weyl's theorem): what the probes X measure of the sum's rounding, with a safety factor
        that fails with a probability below 1e-6, and the backward error of LAPACK's solver, with
        u = 2**-53. Centring and normalisation add the bounds of their own rounding. The ends are
        ``sqrt(max(lambda_k -/+ delta, 0))``. Short columns (rows, where N < K) tell more of the
        last ones: the smallest eigenvalues add up to no more than as many smallest squared norms,
        and a few columns whose squares are below delta have those of a Schur complement. With
        ``method="qr"`` every singular value is known to within
        ``(4 (10 + sqrt(K)) sqrt(blocks + 1) + rows / 4 + 2 blocks) u ||Z||_F`` for blocks
        of that many rows, an absolute bound that reaches far below the 1e-8 sigma_1 at which a
        Gram matrix ends. Columns whose squares vanish beside the
        largest entry (a ratio of 1e-120 or so) count as zeros.

        Returns
        -------
        low, high : numpy.ndarray
            Shape (min(N, K),), float64, descending, read-only, in the unit of the entries.

        Raises
        ------
        OverflowError
            If the largest value is beyond float64.
        """
        low, high = self._unscaled(self._low), self._unscaled(self._high)
        # A subnormal number may have lost digits on its way back to the scale of Z.
        tiny = np.finfo(np.float64).tiny
        low = np.where(low < tiny, np.nextafter(low, 0), low)
        high = np.where((high > 0) & (high < tiny), np.nextafter(high, 1), high)
        low.flags.writeable = high.flags.writeable = False
        return low, high

    def rankme(self, *, eps: float = 1e-7) -> float:
        """RankMe: exp of the Shannon entropy of the normalised singular values.

        ``exp(-sum_k p_k log p_k)`` with ``p_k = sigma_k / sum(sigma) + eps`` over the
        min(N, K) singular values; eq. 1-2 of [1]_.

        Parameters
        ----------
        eps : float
            Added to each ``p_k`` after the division; from 0 to 1. With 0 the result is
            the effective rank.

        Returns
        -------
        float
            From 0.0, of the zero matrix, to min(N, K). With ``eps > 0`` it may exceed min(N, K)
            a little, for the ``p_k`` then sum to ``1 + min(N, K) * eps``. A matrix that cannot be
            told from zero, since the intervals of all its singular values hold 0, counts as
            zero: what is left of it is rounding.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If `eps` is outside 0 to 1.

        References
        ----------
        .. [1] Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, "RankMe: Assessing the Downstream
           Performance of Pretrained Self-Supervised Representations by Their Rank", ICML 2023,
           arXiv:2210.02885.
        """
        return _core.rankme(self._decided, as_eps(eps))

    def rankme_bounds(self, *, eps: float = 1e-7) -> tuple[float, float]:
        """Bounds of RankMe over all that the exact singular values may be.

        The exact RankMe of the matrix lies between them, with the probability that
        `singular_value_bounds` names. The singular values lie in the box of that method, and the
        squares of their errors add up to no more than what was measured of the sum's rounding
        (Hoffman & Wielandt 1953; Mirsky 1960), which is much less than all of them at an end of
        the box. A spectrum that an older release pickled has the box only.

        Parameters
        ----------
        eps : float
            As in `rankme`.

        Returns
        -------
        low, high : float

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If `eps` is outside 0 to 1.
        """
        return self._interval(as_eps(eps))

    def effective_rank_bounds(self) -> tuple[float, float]:
        """Bounds of the effective rank: `rankme_bounds` with ``eps = 0``.

        Returns
        -------
        low, high : float
        """
        return self._interval(0.0)

    def effective_rank(self) -> float:
        """Effective rank: RankMe with ``eps = 0`` and ``0 log 0 = 0``.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N, K); definition 2 of [1]_.

        References
        ----------
        .. [1] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
           EUSIPCO 2007.
        """
        return _core.rankme(self._decided, 0.0)

    def plot(self, ax: "Axes | None" = None, *, eps: float = 1e-7) -> "Axes | NDArray[Any]":
        """Draw the singular values and, without `ax`, what they add up to.

        On the left the singular values on log-log axes; their intervals and the level below which
        a value may be zero are shaded, and zeros are left out. The line of `alpha_req` through the
        values that are drawn, centred or not, has its exponent and R2 in the legend. On the right
        the shares of the entropy and of the variance that the first k values make up.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw the left picture alone. By default pyplot makes a figure for both.
        eps : float
            As in `rankme`.

        Returns
        -------
        matplotlib.axes.Axes or numpy.ndarray of two of them
            What was drawn on.

        Raises
        ------
        ImportError
            If there is no Matplotlib: ``pip install "rankme[plot]"``.
        OverflowError
            If the largest singular value is beyond float64.
        TypeError, ValueError
            As `rankme`, if `eps` is no number from 0 to 1.
        """
        from rankme.metrics._plot import draw  # noqa: PLC0415

        return draw(self, ax, eps)

    def _interval(self, eps: float) -> tuple[float, float]:
        """Find the interval of RankMe over the box and, where it is known, the ball."""
        if self._uncertainty is None:
            return _core.rankme_bounds(self._low, self._high, eps)
        return _core.spectrum_bounds(self._scaled, self._low, self._high, self._uncertainty, eps)

    def _unscaled(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values in the unit of the entries, read-only."""
        with np.errstate(over="ignore", under="ignore"):
            values = np.ldexp(scaled, self._exponent)
        if not np.isfinite(values[0]):
            raise OverflowError(
                f"the largest singular value, {scaled[0]:.6g} * 2**{self._exponent}, is "
                f"beyond float64; rankme() and effective_rank() are still defined"
            )
        values.flags.writeable = False
        return values

    def _repr_html_(self) -> str:
        """Show it in notebooks: the score with its interval, and the singular values."""
        low, high = self.rankme_bounds()
        return card(
            "Spectrum",
            {
                "RankMe": f"{self.rankme():.6g} of {min(self.n_rows, self.n_cols)}",
                "exact within": f"{low:.9g} to {high:.9g}",
                "rows, columns": f"{self.n_rows}, {self.n_cols}",
                "centred": "yes" if self.center else "no",
                "normalised": "yes" if self.normalize else "no",
                "method": self.method if self.precision == "float64" else "gram, in float32",
                **({"rows left out": self.n_skipped} if self.n_skipped else {}),
            },
            decay(self._scaled, "singular values"),
        )

    def __repr__(self) -> str:
        arithmetic = "" if self.precision == "float64" else f", precision={self.precision!r}"
        return (
            f"Spectrum(n_rows={self.n_rows}, n_cols={self.n_cols}, center={self.center}, "
            f"normalize={self.normalize}, method={self.method!r}{arithmetic}, "
            f"rankme={self.rankme():.6g})"
        )
