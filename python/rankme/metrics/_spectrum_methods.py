"""The sister metrics as methods of a spectrum."""

from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from rankme import metrics
from rankme.metrics._power_law import FEWEST, K_MAX, K_MIN
from rankme.metrics._values import default_rtol

__all__ = ["SpectrumMetrics"]


class SpectrumMetrics:
    """What `Spectrum` inherits: each metric of `rankme.metrics`, of the values at hand.

    No method changes the values. Where a definition wants centred or normalised rows, the spectrum
    must have been made so, by ``center=True`` or ``normalize=True``.
    """

    n_rows: int
    n_cols: int
    center: bool
    normalize: bool
    _scaled: NDArray[np.float64]
    _low: NDArray[np.float64]
    _exponent: int

    def entropy(self, *, normalized: bool = False) -> float:
        """Shannon entropy of the singular values in nats, the logarithm of the effective rank.

        ``-sum_k p_k log p_k`` with ``p_k = sigma_k / sum(sigma)``. As defined: not centred, rows
        not normalised. See `rankme.metrics.entropy` for the reference.

        Parameters
        ----------
        normalized : bool
            Divide by ``log min(N, K)``, the largest it can be.

        Returns
        -------
        float
            From 0 to ``log min(N, K)``, or to 1 if `normalized`; ``-inf`` of the zero matrix.
        """
        return metrics.entropy(self._decided, normalized=normalized)

    def matrix_entropy_rank(self) -> float:
        """Exponential of the von Neumann entropy: ``exp H(lambda / sum(lambda))``.

        Over squared singular values. It is the Vendi score of the cosine kernel if the spectrum
        was made with ``normalize=True`` and without `center`; otherwise the formula is applied to
        what is at hand. See `rankme.metrics.matrix_entropy_rank` for the references.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N, K).
        """
        return metrics.matrix_entropy_rank(self._decided)

    def renyi_rank(self, order: float) -> float:
        """Exponential of the Renyi entropy of ``p_k = sigma_k / sum(sigma)``.

        ``(sum_k p_k^order)^(1 / (1 - order))``; order 1 is the effective rank, order 0 counts
        the positive values, order ``inf`` is ``sum(sigma) / sigma_1``. As defined: not centred,
        rows not normalised. See `rankme.metrics.renyi_rank` for the reference.

        Parameters
        ----------
        order : float
            0 or more; ``math.inf`` is one.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N, K).

        Raises
        ------
        TypeError
            If `order` is no real number.
        ValueError
            If `order` is negative or NaN.
        """
        return metrics.renyi_rank(self._decided, order=order)

    def participation_ratio(self) -> float:
        """Participation ratio: ``(sum lambda)^2 / sum lambda^2``.

        Defined on the covariance, so on a spectrum made with ``center=True``. On another the
        formula is applied to what is at hand, and a large mean counts as a direction. See
        `rankme.metrics.participation_ratio` for the reference.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N, K).
        """
        return metrics.participation_ratio(self._decided)

    def stable_rank(self) -> float:
        """Stable rank: ``sum lambda / lambda_1 = ||Z||_F^2 / ||Z||_2^2``.

        As defined: not centred, rows not normalised. See `rankme.metrics.stable_rank` for the
        references.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N, K).
        """
        return metrics.stable_rank(self._decided)

    def nesum(self) -> float:
        """NESum: ``sum lambda / lambda_1`` of the covariance.

        Defined on a spectrum made with ``center=True``. On another the formula is applied to what
        is at hand, and that is the stable rank. See `rankme.metrics.nesum` for the reference.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N, K).
        """
        return metrics.nesum(self._decided)

    def numerical_rank(self, *, rtol: float | None = None) -> int:
        """Numerical rank: the number of ``sigma_k > rtol * sigma_1``.

        See `rankme.metrics.numerical_rank`. Not centred by itself.

        Parameters
        ----------
        rtol : float, optional
            By default that of ``numpy.linalg.matrix_rank``, ``max(N, K) * 2**-52``, and besides
            only values that are positive beyond doubt count: those whose lower end in
            `singular_value_bounds` is. A Gram matrix leaves rounding of some 1e-8 of the largest
            in place of zeros, which NumPy's tolerance alone would count.

        Returns
        -------
        int
            From 0, only of the zero matrix, to min(N, K).

        Raises
        ------
        TypeError
            If `rtol` is no real number.
        ValueError
            If `rtol` is negative or NaN.
        """
        tolerance = self._floor() if rtol is None else rtol
        return metrics.numerical_rank(self._decided, rtol=tolerance)

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
    ) -> float:
        """alpha-ReQ: minus the slope of ``log lambda_k`` on ``log k``.

        Defined on the covariance, so on a spectrum made with ``center=True``. On another the
        formula is applied to what is at hand. Values that may be nothing but rounding, which the
        default of `numerical_rank` does not count, are left out. See `rankme.metrics.alpha_req`
        for the references and for what other code fits.

        Parameters
        ----------
        fit : {"weighted", "plain"}
            Least squares with weights 1/k or with equal ones.
        k_min, k_max : int
            The range of k, counted from 1, both ends included; a shorter spectrum is fitted to
            its end, and None is always the end.

        Returns
        -------
        float
            0 of a flat range, larger the faster it decays.

        Raises
        ------
        TypeError
            If `k_min` or `k_max` are no integers.
        ValueError
            If fewer than 3 positive values lie in the range, if `fit` is unknown or if `k_min`
            is less than 1.
        """
        return metrics.alpha_req(
            self._decided, fit=fit, k_min=k_min, k_max=k_max, rtol=self._floor()
        )

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

    def metrics(self, *, eps: float = 1e-7) -> dict[str, float]:
        """All metrics that the spectrum defines, as a flat dict for loggers.

        Parameters
        ----------
        eps : float
            As in `rankme`.

        Returns
        -------
        dict of str to float
            Always: ``rankme``, ``effective_rank``, ``entropy``, ``normalized_entropy``,
            ``matrix_entropy_rank``, ``participation_ratio``, ``stable_rank``, ``numerical_rank``
            and ``condition_number``, of the values at hand; ``participation_ratio`` is defined on
            centred rows and ``matrix_entropy_rank``, as a Vendi score, on normalised ones.
            ``nesum`` only with ``center=True``, for otherwise it is the stable rank.
            ``alpha_req``, with its default fit and defined on centred rows, only where at least 3
            positive values lie in its range. ``self_clustering`` only with ``normalize=True`` and
            ``center=False`` and where N and K are 2 or more. ``renyi_rank`` needs an order, so it
            is not among them. ``condition_number`` may be ``inf``; ``entropy`` and
            ``normalized_entropy`` of the zero matrix are ``-inf``.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If `eps` is not from 0 to 1.
        """
        found: dict[str, float] = {
            "rankme": metrics.rankme(self._decided, eps=eps),
            "effective_rank": metrics.effective_rank(self._decided),
            "entropy": self.entropy(),
            "normalized_entropy": self.entropy(normalized=True),
            "matrix_entropy_rank": self.matrix_entropy_rank(),
            "participation_ratio": self.participation_ratio(),
            "stable_rank": self.stable_rank(),
            "numerical_rank": float(self.numerical_rank()),
            "condition_number": self.condition_number(),
        }
        if self.center:
            found["nesum"] = self.nesum()
        if self.numerical_rank() >= K_MIN + FEWEST - 1:
            found["alpha_req"] = self.alpha_req()
        if self.normalize and not self.center and min(self.n_rows, self.n_cols) > 1:
            found["self_clustering"] = self.self_clustering()
        return found

    @property
    def _decided(self) -> NDArray[np.float64]:
        """The values that metrics go by: zeros where none of them can be told from zero."""
        return self._scaled if self._low[0] > 0 else np.zeros_like(self._scaled)

    def _floor(self) -> float:
        """Return which part of the largest singular value may be zero for all that is known."""
        rtol = default_rtol(self.n_rows, self.n_cols)
        doubtful = self._scaled[self._low <= 0]
        if doubtful.size == 0 or doubtful[0] == 0:
            return rtol
        return max(rtol, float(doubtful[0] / self._scaled[0]))
