"""The metrics that tell how the variance is spread, as methods of a spectrum."""

from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from rankme import metrics
from rankme.metrics._power_law import K_MAX, K_MIN
from rankme.metrics._spectrum_values import SpectrumValues
from rankme.metrics._values import Values

__all__ = ["SpectrumShape"]


class SpectrumShape(SpectrumValues):
    """What `Spectrum` inherits: how even or steep the spectrum is, and what the mean has of it."""

    def condition_number(self) -> float:
        """Condition number: ``sigma_1 / sigma_m``, large over small, ``m = min(N, K)``.

        As defined: not centred, rows not normalised. With ``method="gram"`` it means little above
        some 1e7, where the smallest value is rounding. See `rankme.metrics.condition_number` for
        the other direction.

        Returns
        -------
        float
            From 1 to ``inf``, which it is where ``sigma_m = 0``, that of the zero matrix too.
        """
        return metrics.condition_number(self._decided)

    def alpha_req(
        self,
        *,
        fit: Literal["weighted", "plain"] = "weighted",
        k_min: SupportsIndex = K_MIN,
        k_max: SupportsIndex | None = K_MAX,
        center: bool | None = None,
    ) -> float:
        """alpha-ReQ: minus the slope of ``log lambda_k`` on ``log k``.

        Defined on the covariance, so on centred rows. Values that may be nothing but rounding,
        which the default of `numerical_rank` does not count, are left out. See
        `rankme.metrics.alpha_req` for the references and for what other code fits.

        Parameters
        ----------
        fit : {"weighted", "plain"}
            Least squares with weights 1/k or with equal ones.
        k_min, k_max : int
            The range of k, counted from 1, both ends included; a shorter spectrum is fitted to
            its end, and None is always the end.
        center : bool, optional
            Of centred rows or not; by default as it is defined, centred.

        Returns
        -------
        float
            0 of a flat range, larger the faster it decays.

        Raises
        ------
        TypeError
            If `k_min` or `k_max` are no integers.
        ValueError
            If fewer than 3 positive values lie in the range, if `fit` is unknown, if `k_min` is
            less than 1, or if the spectrum has only the values of the other choice of `center`.
        """
        values = self._values("alpha_req", center)
        rtol = self._floor(values)
        return metrics.alpha_req(values.decided, fit=fit, k_min=k_min, k_max=k_max, rtol=rtol)

    def alpha_req_r2(
        self,
        *,
        fit: Literal["weighted", "plain"] = "weighted",
        k_min: SupportsIndex = K_MIN,
        k_max: SupportsIndex | None = K_MAX,
        center: bool | None = None,
    ) -> float:
        """R2 of the line behind `alpha_req`: how well a power law describes the spectrum.

        Over the fitted points, each with the same weight. See `rankme.metrics.alpha_req_r2`.

        Parameters
        ----------
        fit, k_min, k_max, center
            As in `alpha_req`.

        Returns
        -------
        float
            1 of an exact power law; below 0 where the mean of the points would do better.

        Raises
        ------
        TypeError
            As `alpha_req`.
        ValueError
            As `alpha_req`, or if all values in the range are equal.
        """
        values = self._values("alpha_req_r2", center)
        rtol = self._floor(values)
        return metrics.alpha_req_r2(values.decided, fit=fit, k_min=k_min, k_max=k_max, rtol=rtol)

    def pl_score(self) -> float:
        """PL, the pattern learning score: ``sigma_1 / sum(sigma)``.

        As defined: not centred, rows not normalised. See `rankme.metrics.pl_score` for the
        reference.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 / min(N, K) to 1.
        """
        return metrics.pl_score(self._decided)

    def isoscore(self, *, center: bool | None = None) -> float:
        """IsoScore: how evenly the variance fills all K directions, ``(PR - 1) / (K - 1)``.

        PR is the participation ratio. Defined on the covariance, so on centred rows. See
        `rankme.metrics.isoscore` for the reference.

        Parameters
        ----------
        center : bool, optional
            Of centred rows or not; by default as it is defined, centred.

        Returns
        -------
        float
            From 0 to 1, and no more than ``(min(N - 1, K) - 1) / (K - 1)``.

        Raises
        ------
        ValueError
            If K is 1, or if the spectrum has only the values of the other choice of `center`.
        """
        values = self._values("isoscore", center)
        return metrics.isoscore(values.decided, n_cols=self.n_cols)

    def explained_variance(self, *, ratio: bool = False) -> NDArray[np.float64]:
        """Variance along each principal axis: the eigenvalues of the covariance.

        ``sigma_k^2 / (N - 1)`` of the centred rows, as ``explained_variance_`` of scikit-learn's
        ``PCA``. The axes themselves are not known here, only to an accumulator:
        `rankme.Accumulator.principal_axes`.

        Parameters
        ----------
        ratio : bool
            Divide by the sum of all of them: the shares of the variance.

        Returns
        -------
        numpy.ndarray
            Shape (min(N, K),), float64, descending, in the unit of the entries squared; or shares,
            zeros where nothing varies.

        Raises
        ------
        ValueError
            If there is a single row, or if the spectrum has no values of centred rows.
        OverflowError
            If the largest is beyond float64. The shares are still defined.
        """
        values = self._centred_values("explained_variance")
        return self._variances(values, (values.decided, values.decided), ratio=ratio)

    def explained_variance_bounds(
        self, *, ratio: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of the intervals in which the exact variances lie.

        Those of the singular values, squared: every eigenvalue lies within the error of the matrix
        (Weyl's theorem), see `singular_value_bounds`. A share is least where its own variance is
        least and all others are largest.

        Parameters
        ----------
        ratio : bool
            Of the shares.

        Returns
        -------
        low, high : numpy.ndarray
            Shape (min(N, K),), float64.

        Raises
        ------
        ValueError, OverflowError
            As `explained_variance`.
        """
        values = self._centred_values("explained_variance_bounds")
        low = self._variances(values, (values.low, values.high), ratio=ratio)
        return low, self._variances(values, (values.high, values.low), ratio=ratio)

    def _centred_values(self, metric: str) -> Values:
        """Return the values of centred rows, of which there are two or more."""
        if self.n_rows < 2:  # noqa: PLR2004
            raise ValueError(f"a variance needs 2 or more rows; there is {self.n_rows}")
        return self._values(metric, None)

    def _variances(
        self, values: Values, of: tuple[NDArray[np.float64], NDArray[np.float64]], *, ratio: bool
    ) -> NDArray[np.float64]:
        """Return variances, or their shares given what the others may be: of = (own, others)."""
        unit = values.scaled[0] or 1.0
        own, others = ((one / unit) ** 2 for one in of)
        if ratio:
            total = own + (others.sum() - others)
            shares: NDArray[np.float64] = np.zeros_like(own)
            np.divide(own, total, out=shares, where=total > 0)
            return shares
        with np.errstate(over="ignore", under="ignore"):
            shift = 2 * (values.exponent + int(np.frexp(unit)[1]))
            mantissa = float(np.frexp(unit)[0])
            found: NDArray[np.float64] = np.ldexp(own * (mantissa**2 / (self.n_rows - 1)), shift)
        if not np.isfinite(found[0]):
            raise OverflowError("the largest variance is beyond float64; ratio=True is defined")
        return found

    def mean_share(self) -> float:
        """Share of the mean: ``N ||mean||^2 / ||Z||_F^2``, which part of the rows they all share.

        It needs the values with and without the mean. See `rankme.metrics.mean_share` for the
        reference.

        Returns
        -------
        float
            From 0 to 1, of rows that are all alike; 0.0 for the zero matrix.

        Raises
        ------
        ValueError
            If the spectrum has the values of one choice of `center` only. That of an accumulator
            with ``method="gram"`` on the CPU has both.
        """
        return metrics.mean_share(*self._with_and_without_mean("mean_share"))

    def anisotropy(self) -> float:
        """Anisotropy: the mean cosine of two different rows, over all pairs.

        Defined on rows of unit length, with and without their mean. See
        `rankme.metrics.anisotropy` for the reference.

        Returns
        -------
        float
            From ``-1 / (N - 1)`` to 1, of rows that point all one way; about 0 of random
            directions.

        Raises
        ------
        ValueError
            If the spectrum was not made with ``normalize=True``; if there is a single row; or if
            it has the values of one choice of `center` only, as for `mean_share`.
        """
        if not self.normalize:
            raise ValueError(
                "anisotropy needs rows of unit length: make the spectrum with normalize=True"
            )
        both = self._with_and_without_mean("anisotropy")
        return metrics.anisotropy(*both, n_rows=self.n_rows)

    def self_clustering(self) -> float:
        """Self-clustering of rows on the sphere: ``(sum sigma^4 - E) / (N^2 - E)``.

        ``E = N + N (N - 1) / K``. Defined on rows of unit length that are not centred. On other
        rows the number has no meaning, it would even depend on their unit, so it is an error. See
        `rankme.metrics.self_clustering` for the reference.

        Returns
        -------
        float
            1 if all rows are parallel, about 0 if they are uniform on the sphere, at the least
            ``-1 / (max(N, K) - 1)`` if no row is zero.

        Raises
        ------
        ValueError
            If the spectrum was not made with ``normalize=True`` and ``center=False``, or if N or
            K is 1.
        """
        if not self.normalize or self.center:
            raise ValueError(
                f"self_clustering needs a spectrum made with normalize=True and center=False; this "
                f"one has normalize={self.normalize}, center={self.center}"
            )
        # Rows of unit length have no scale to lose: sigma_1 is at most sqrt(N).
        values = np.ldexp(self._decided, self._exponent)
        return metrics.self_clustering(values, n_rows=self.n_rows, n_cols=self.n_cols)
