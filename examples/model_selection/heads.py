"""Fine-tuning: a linear head on frozen features, and its error with a standard error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .windows import Windows

__all__ = ["Head", "block_means", "fit_head"]

# Of the mean square of a feature: from nearly none to a head that is nearly constant.
PENALTIES = tuple(10.0**power for power in range(-5, 4))


@dataclass(frozen=True)
class Head:
    """A fitted head: for each horizon the weights with the penalty that validation prefers.

    Attributes
    ----------
    mean, deviation : numpy.ndarray
        Shape (K,): of the features in training.
    weights : dict
        From horizons h to arrays (K + 1, h); the last row is the constant.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    weights: dict[int, NDArray[np.float64]]

    def errors(
        self, features: NDArray[np.float32], windows: Windows
    ) -> dict[int, NDArray[np.float64]]:
        """Return the mean squared error of each window, (N,), for each horizon."""
        design = _design(features, self.mean, self.deviation)
        return {h: squared(design @ w, windows, h) for h, w in self.weights.items()}


def squared(forecast: NDArray[np.floating], windows: Windows, horizon: int) -> NDArray[np.float64]:
    """Return the mean squared error of each window over its first steps, on the series' scale."""
    gap = forecast[:, :horizon] - windows.future[:, :horizon].astype(np.float64)
    return windows.scale**2 * (gap**2).mean(axis=1)


def fit_head(
    features: Sequence[NDArray[np.float32]], windows: Sequence[Windows], horizons: Sequence[int]
) -> Head:
    """Fit a head by ridge regression.

    Minimises the squared error on the series' scale, in closed form:
    ``sum_i scale_i^2 ||future_i - head(feature_i)||^2 + penalty * N * ||W||^2``, with features that
    are standardised by the first set, and a constant that is not penalised.

    Parameters
    ----------
    features : pair of numpy.ndarray
        Shapes (N, K) and (M, K): to fit, and to choose the penalty by.
    windows : pair of Windows
        The same windows.
    horizons : sequence of int
        A penalty is chosen for each.

    Returns
    -------
    Head
    """
    mean = features[0].mean(axis=0, dtype=np.float64)
    deviation = features[0].std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)
    fit, validation = (_design(one, mean, deviation) for one in features)
    weighted = fit * windows[0].scale[:, None]
    gram = weighted.T @ weighted
    product = weighted.T @ (windows[0].future[:, : max(horizons)] * windows[0].scale[:, None])
    found = []
    for penalty in PENALTIES:
        ridge = np.full(len(gram), penalty * len(fit))
        ridge[-1] = 0.0
        found.append(np.linalg.solve(gram + np.diag(ridge), product))
    chosen = {}
    for h in horizons:
        losses = [squared(validation @ w, windows[1], h).mean() for w in found]
        chosen[h] = found[int(np.argmin(losses))][:, :h]
    return Head(mean, deviation, chosen)


def block_means(errors: NDArray[np.float64], blocks: int) -> NDArray[np.float64]:
    """Return the means over contiguous blocks of windows, (..., N) to (..., blocks).

    Windows that lie close in time err alike, so single ones are no sample: blocks nearly are.
    """
    parts = np.array_split(errors, blocks, axis=-1)
    return np.stack([part.mean(axis=-1) for part in parts], axis=-1)


def _design(
    features: NDArray[np.float32], mean: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standardise features, and put a constant behind them."""
    return np.column_stack([(features - mean) / deviation, np.ones(len(features))])
