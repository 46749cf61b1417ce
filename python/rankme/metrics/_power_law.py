"""The decay of the spectrum as a power law."""

from typing import Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme._base.arguments import as_count, as_real
from rankme.metrics._values import as_singular_values

__all__ = ["FEWEST", "K_MAX", "K_MIN", "PowerLaw", "alpha_req", "alpha_req_r2", "fit_of"]

K_MIN, K_MAX = 11, 100
FEWEST = 3  # through two points a line always goes
# Of logarithms whose own rounding is some 1e-15: what lies closer together is flat.
_FLAT = 1e-12


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
    return fit_of(singular_values, fit, k_min, k_max, rtol=rtol, metric="alpha_req").alpha


def alpha_req_r2(
    singular_values: ArrayLike,
    *,
    fit: Literal["weighted", "plain"] = "weighted",
    k_min: SupportsIndex = K_MIN,
    k_max: SupportsIndex | None = K_MAX,
    rtol: float = 0.0,
) -> float:
    """R2 of the line behind `alpha_req`: how well a power law describes the spectrum [1]_.

    ``1 - sum (y - f)^2 / sum (y - mean(y))^2`` over the fitted points, with ``y = log lambda_k``
    and the line f: scikit-learn's ``r2_score``. Every point counts the same in it, for both fits.
    An exponent with a low R2 describes no spectrum: look at the plot.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    fit, k_min, k_max, rtol
        As in `alpha_req`.

    Returns
    -------
    float
        1 of an exact power law. The weighted fit can have an R2 below 0: its line is then worse,
        over all points, than their mean.

    Raises
    ------
    TypeError
        As `alpha_req`.
    ValueError
        As `alpha_req`; or if all values in the range are equal, so that nothing varies.

    Notes
    -----
    ``reptrix`` 0.1.0 and the other code that took over the fit of Stringer et al. leave the first
    of the fitted points, k = 11, out of their R2, and give a second one that ends elsewhere.

    References
    ----------
    .. [1] K. K. Agrawal, A. K. Mondal, A. Ghosh, B. Richards, "alpha-ReQ: Assessing
       Representation Quality in Self-Supervised Learning by measuring eigenspectrum decay",
       NeurIPS 2022.
    """
    found = fit_of(singular_values, fit, k_min, k_max, rtol=rtol, metric="alpha_req_r2")
    if found.r2 is None:
        raise ValueError(
            f"alpha_req_r2 has nothing to explain: the singular values with k from {found.first} "
            f"to {found.last} are all equal; alpha_req is 0 there"
        )
    return found.r2


class PowerLaw(NamedTuple):
    """A line through log lambda over log k, from the first k to the last."""

    slope: float
    level: float  # of log lambda at k = 1
    r2: float | None  # None where nothing varies
    first: int
    last: int

    @property
    def alpha(self) -> float:
        """The exponent; values in descending order have none below 0, but for rounding."""
        return max(-self.slope, 0.0)


def fit_of(
    singular_values: ArrayLike,
    fit: str,
    k_min: SupportsIndex,
    k_max: SupportsIndex | None,
    *,
    rtol: float,
    metric: str,
) -> PowerLaw:
    """Fit a power law to the squares of singular values, as `alpha_req` says."""
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
            f"{metric} needs at least {FEWEST} positive singular values with k from {first} to "
            f"{'the end' if last is None else last}; there are {window.size}, "
            f"for {positive.size} of {values.size} count as positive"
        )
    k = np.arange(first, first + window.size, dtype=np.float64)
    weights = 1 / k if fit == "weighted" else np.ones_like(k)
    # log lambda is twice log sigma, and the square might overflow or underflow.
    return PowerLaw(*_line(np.log(k), 2 * np.log(window), weights), first, first + window.size - 1)


def _line(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float, float | None]:
    """Return slope, height at 0 and R2 of a weighted least-squares line."""
    shares = weights / weights.sum()
    deviations = x - shares @ x
    slope = float((shares * deviations) @ y / ((shares * deviations) @ deviations))
    level = float(shares @ (y - slope * x))
    spread = y - y.mean()
    if np.abs(spread).max() < _FLAT:
        return slope, level, None
    missed = y - (level + slope * x)
    return slope, level, float(1 - missed @ missed / (spread @ spread))
