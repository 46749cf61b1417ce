"""The decay of the spectrum as a power law."""

from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme._base.arguments import as_count, as_real
from rankme.metrics._values import as_singular_values

__all__ = ["FEWEST", "K_MAX", "K_MIN", "alpha_req"]

K_MIN, K_MAX = 11, 100
FEWEST = 3  # through two points a line always goes


def alpha_req(
    singular_values: ArrayLike,
    *,
    fit: Literal["weighted", "plain"] = "weighted",
    k_min: SupportsIndex = K_MIN,
    k_max: SupportsIndex | None = K_MAX,
    rtol: float = 0.0,
) -> float:
    """alpha-ReQ: minus the slope of ``log lambda_k`` on ``log k``, from the centred spectrum.

    A spectrum ``lambda_k = c * k**-alpha`` gives alpha [1]_. It is defined on the eigenvalues of
    the covariance, so the singular values should be those of centred rows; from others the
    formula is computed all the same, and with ``k_min > 1`` a large mean, which fills the first
    direction, matters little.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    fit : {"weighted", "plain"}
        Least squares with the weight 1/k on each point, as in the code of [2]_, or with equal
        weights.
    k_min, k_max : int
        The range of k that is fitted, counted from 1, both ends included. Beyond the last
        positive value there is nothing to fit, so a spectrum of m < `k_max` is fitted to its
        end; None is always the end. Compare only numbers of one range.
    rtol : float
        Values up to ``rtol * sigma_1`` count as 0. Use it where the end of the spectrum is
        rounding: a logarithm sees that as well as anything.

    Returns
    -------
    float
        0 of a flat range, larger the faster it decays; never negative.

    Raises
    ------
    TypeError
        If the values or `rtol` are no real numbers, or if `k_min` or `k_max` are no integers.
    ValueError
        If fewer than 3 positive values lie in the range; if `fit` is unknown; if the values are
        not 1-D, are empty, negative or not finite; if `k_min` is less than 1 or `rtol` is
        negative or NaN.

    Notes
    -----
    Public implementations differ more here than anywhere else:

    - ``reptrix`` 0.1.0: weights 1/k, k = 11..100, covariance. Ours by default.
    - Stringer et al. [2]_, whose fit all others took over: weights 1/k, k = 11..500, on
      cross-validated eigenvalues; ``k_max=500``.
    - The code of Tsitsulin et al. (arXiv:2305.16562) fits ``log sigma_k``, uncentred, on
      ``1 - (k - 1) / (m - 1)``: no power law. In NumPy,
      ``polyfit(linspace(1, 0, m), log(sigma), 1)[0]``.
    - Plain regressions over a range of one's own: ``fit="plain"`` with `k_min` and `k_max`.

    References
    ----------
    .. [1] K. K. Agrawal, A. K. Mondal, A. Ghosh, B. Richards, "alpha-ReQ: Assessing
       Representation Quality in Self-Supervised Learning by measuring eigenspectrum decay",
       NeurIPS 2022.
    .. [2] C. Stringer, M. Pachitariu, N. Steinmetz, M. Carandini, K. D. Harris, "High-dimensional
       geometry of population responses in visual cortex", Nature 571, 2019.
    """
    if fit not in ("weighted", "plain"):
        raise ValueError(f'fit must be "weighted" or "plain", not {fit!r}')
    first = as_count(k_min, "k_min")
    last = None if k_max is None else as_count(k_max, "k_max")
    tolerance = as_real(rtol, "rtol")
    values = as_singular_values(singular_values)
    positive = values[values > tolerance * float(values[0])]
    window = positive[first - 1 : last]
    if window.size < FEWEST:
        raise ValueError(
            f"alpha_req needs at least {FEWEST} positive singular values with k from {first} to "
            f"{'the end' if last is None else last}; there are {window.size}, "
            f"for {positive.size} of {values.size} count as positive"
        )
    k = np.arange(first, first + window.size, dtype=np.float64)
    weights = 1 / k if fit == "weighted" else np.ones_like(k)
    # log lambda is twice log sigma, and the square might overflow or underflow.
    return max(-2 * _slope(np.log(k), np.log(window), weights), 0.0)


def _slope(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the slope of a weighted least-squares line."""
    shares = weights / weights.sum()
    deviations = x - shares @ x
    return float((shares * deviations) @ y / ((shares * deviations) @ deviations))
