"""The metrics that count directions, as methods of a spectrum."""

from rankme import metrics
from rankme.metrics._shares import SRANK_DELTA
from rankme.metrics._spectrum_values import SpectrumValues

__all__ = ["SpectrumRanks"]


class SpectrumRanks(SpectrumValues):
    """What `Spectrum` inherits: how many directions the rows fill, by each definition."""

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

    def pca_components(self, share: float = 0.95, *, center: bool | None = None) -> int:
        """Count the principal components that hold a share of the variance.

        The smallest k with ``lambda_1 + ... + lambda_k >= share * sum(lambda)``. Defined on the
        covariance, so on centred rows. See `rankme.metrics.pca_components` for the reference.

        Parameters
        ----------
        share : float
            Of the variance; between 0 and 1, both excluded.
        center : bool, optional
            Of centred rows or not; by default as it is defined, centred. Of others a large mean is
            a component.

        Returns
        -------
        int
            0 for the zero matrix, otherwise from 1 to min(N - 1, K), or to min(N, K).

        Raises
        ------
        TypeError
            If `share` is no real number.
        ValueError
            If `share` is not between 0 and 1, or if the spectrum has only the values of the other
            choice of `center`.
        """
        values = self._values("pca_components", center)
        return metrics.pca_components(values.decided, share=share)

    def srank(self, delta: float = SRANK_DELTA) -> int:
        """srank: the smallest k with ``sigma_1 + ... + sigma_k >= (1 - delta) sum(sigma)``.

        As defined: not centred, rows not normalised. See `rankme.metrics.srank` for the reference.

        Parameters
        ----------
        delta : float
            Which share may be missing; between 0 and 1, both excluded.

        Returns
        -------
        int
            0 for the zero matrix, otherwise from 1 to min(N, K).

        Raises
        ------
        TypeError
            If `delta` is no real number.
        ValueError
            If `delta` is not between 0 and 1.
        """
        return metrics.srank(self._decided, delta=delta)
