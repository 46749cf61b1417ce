"""The sister metrics as methods of a spectrum."""

from typing import TYPE_CHECKING, Literal, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from rankme import metrics
from rankme._base.arguments import as_eps
from rankme.metrics._certainty import score_of
from rankme.metrics._power_law import K_MAX, K_MIN
from rankme.metrics._values import OtherAnswer, Values, default_rtol, finite_or_none

if TYPE_CHECKING:
    from rankme.metrics._spectrum import Spectrum

__all__ = ["SpectrumMetrics"]


class SpectrumMetrics:
    """What `Spectrum` inherits: each metric of `rankme.metrics`, of the values at hand.

    No method changes the values. Metrics that are defined on centred rows take ``center``: None is
    the metric's own definition, True and False choose, as far as the spectrum has those values.
    Where a definition wants normalised rows, it must have been made with ``normalize=True``.
    """

    n_rows: int
    n_cols: int
    center: bool
    normalize: bool
    _scaled: NDArray[np.float64]
    _low: NDArray[np.float64]
    _high: NDArray[np.float64]
    _exponent: int
    _other: OtherAnswer | None

    @property
    def _most(self) -> int:
        """The number of directions that there can be: min(N, K), less one row once centred."""
        return min(self.n_rows - self.center, self.n_cols)

    def entropy(self, *, normalized: bool = False) -> float:
        """Shannon entropy of the singular values in nats, the logarithm of the effective rank.

        ``-sum_k p_k log p_k`` with ``p_k = sigma_k / sum(sigma)``. As defined: not centred, rows
        not normalised. See `rankme.metrics.entropy` for the reference.

        Parameters
        ----------
        normalized : bool
            Divide by ``log min(N, K)``, the largest it can be; of centred rows that is
            ``log min(N - 1, K)``. Where only one direction is possible the result is 1.

        Returns
        -------
        float
            From 0 to ``log min(N, K)``, or to 1 if `normalized`; ``-inf`` of the zero matrix.
        """
        return metrics.entropy(self._decided, normalized=normalized, rank=self._most)

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

    def participation_ratio(self, *, center: bool | None = None) -> float:
        """Participation ratio: ``(sum lambda)^2 / sum lambda^2``.

        Defined on the covariance, so on centred rows. See `rankme.metrics.participation_ratio` for
        the reference.

        Parameters
        ----------
        center : bool, optional
            Of centred rows or not; by default as it is defined, centred. Of others a large mean
            counts as a direction.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N - 1, K), or to min(N, K).

        Raises
        ------
        ValueError
            If the spectrum has only the values of the other choice.
        """
        return metrics.participation_ratio(self._values("participation_ratio", center).decided)

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

    def nesum(self, *, center: bool | None = None) -> float:
        """NESum: ``sum lambda / lambda_1`` of the covariance.

        Defined on centred rows. See `rankme.metrics.nesum` for the reference.

        Parameters
        ----------
        center : bool, optional
            Of centred rows or not; by default as it is defined, centred. Of others it is the stable
            rank.

        Returns
        -------
        float
            0.0 for the zero matrix, otherwise from 1 to min(N - 1, K), or to min(N, K).

        Raises
        ------
        ValueError
            If the spectrum has only the values of the other choice.
        """
        return metrics.nesum(self._values("nesum", center).decided)

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
        tolerance = self._floor(self._own()) if rtol is None else rtol
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

    def metrics(self, *, eps: float = 1e-7) -> dict[str, float | None]:
        """All metrics of the rows, as a flat dict for loggers.

        Parameters
        ----------
        eps : float
            As in `rankme`.

        Returns
        -------
        dict of str to float or None
            Always the same keys: ``rankme``, ``effective_rank``, ``entropy``,
            ``normalized_entropy``, ``matrix_entropy_rank``, ``participation_ratio``,
            ``stable_rank``, ``nesum``, ``numerical_rank``, ``condition_number``, ``alpha_req`` and
            ``self_clustering``, each what its method gives by default. None stands for what is
            infinite, as the condition number of a singular matrix and the entropy of zeros are; and
            for what is not defined on the values at hand, where the method raises a ValueError and
            says why. ``renyi_rank`` needs an order, so it is not among them.

        Warns
        -----
        PrecisionWarning
            As `rankme.score`, of ``rankme``.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If it is not from 0 to 1.
        """
        found = {"rankme": score_of(cast("Spectrum", self), as_eps(eps), stacklevel=2)}
        methods = {
            "effective_rank": lambda: metrics.effective_rank(self._decided),
            "entropy": self.entropy,
            "normalized_entropy": lambda: self.entropy(normalized=True),
            "matrix_entropy_rank": self.matrix_entropy_rank,
            "participation_ratio": self.participation_ratio,
            "stable_rank": self.stable_rank,
            "nesum": self.nesum,
            "numerical_rank": lambda: float(self.numerical_rank()),
            "condition_number": self.condition_number,
            "alpha_req": self.alpha_req,
            "self_clustering": self.self_clustering,
        }
        return found | {name: finite_or_none(method) for name, method in methods.items()}

    @property
    def _decided(self) -> NDArray[np.float64]:
        """The values that metrics go by: zeros where none of them can be told from zero."""
        return self._own().decided

    def _own(self) -> Values:
        """Return the values that the spectrum was made for."""
        return Values(self._scaled, self._low, self._high, self._exponent)

    def _values(self, metric: str, center: bool | None) -> Values:
        """Return the values of centred rows, or as chosen, or say how to have them."""
        wanted = True if center is None else bool(center)
        if wanted == self.center:
            return self._own()
        if self._other is not None:
            return cast("Spectrum", self)._others  # noqa: SLF001
        if self.center:
            raise ValueError(
                f"this spectrum is of centred rows only: make it with center=False for "
                f"{metric}(center=False)"
            )
        raise ValueError(
            f"{metric} is defined on centred rows, and this spectrum has none: make it with "
            f"center=True, or ask for {metric}(center=False), the formula on rows as they are"
        )

    def _floor(self, values: Values) -> float:
        """Return which part of the largest singular value may be zero for all that is known."""
        doubtful = values.scaled[values.low <= 0]
        share = doubtful[0] / values.scaled[0] if doubtful.any() else 0.0
        return max(default_rtol(self.n_rows, self.n_cols), float(share))
