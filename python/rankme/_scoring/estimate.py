"""How sure a score is: RankMe of a sample, with its sampling error."""

from __future__ import annotations

import numpy as np

from rankme._scoring.score import spectrum
from rankme.metrics._estimate import Estimate

__all__ = ["estimate"]


def estimate(
    Z: object,  # noqa: N803
    *,
    groups: int = 16,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
) -> Estimate:
    """RankMe of a sample of rows, with its sampling error by the delete-a-group jackknife.

    Parameters
    ----------
    Z : array
        Shape (N, K), a row per embedding.
    groups : int
        B: the rows are dealt to B equal runs.
    eps, center, normalize
        As in `rankme.score`.

    Returns
    -------
    Estimate
    """
    rows = np.asarray(Z)
    whole = spectrum(rows, center=center, normalize=normalize)
    ends = np.arange(1, groups) * rows.shape[0] // groups
    runs = np.split(rows, ends)
    left_out = [
        spectrum(
            np.concatenate([run for i, run in enumerate(runs) if i != b]),
            center=center,
            normalize=normalize,
        ).rankme(eps=eps)
        for b in range(groups)
    ]
    low, high = whole.rankme_bounds(eps=eps)
    return Estimate(
        whole.rankme(eps=eps),
        low,
        high,
        *rows.shape,
        eps,
        center,
        normalize,
        np.array(left_out),
        np.array([len(run) for run in runs]),
    )
