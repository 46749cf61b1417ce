"""How sure a score is: RankMe of a sample, with its sampling error."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from rankme._scoring.opened import open_rows
from rankme._scoring.score import spectrum
from rankme.metrics._estimate import Estimate
from rankme.sources import RowSource

if TYPE_CHECKING:
    from rankme._scoring.opened import Select

__all__ = ["estimate"]


def estimate(
    Z: object,  # noqa: N803
    *,
    groups: SupportsIndex = 16,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    column: str | None = None,
    select: Select = None,
    skip_nonfinite: bool = False,
    rows: SupportsIndex | None = None,
    seed: SupportsIndex | None = 0,
) -> Estimate:
    """RankMe of a sample of rows, with its sampling error by the delete-a-group jackknife.

    Parameters
    ----------
    Z : array
        Shape (N, K), a row per embedding.
    groups : int
        B: the rows are dealt to B equal runs.
    eps, center, normalize, column, select, skip_nonfinite, rows, seed
        As in `rankme.score`; the groups are runs of the rows that are chosen.

    Returns
    -------
    Estimate
    """
    found = open_rows(
        Z, rows=rows, seed=seed, column=column, select=select, nulls=skip_nonfinite
    ).rows
    matrix = found.matrix() if isinstance(found, RowSource) else np.asarray(found)
    groups = int(groups)
    whole = spectrum(matrix, center=center, normalize=normalize)
    ends = np.arange(1, groups) * matrix.shape[0] // groups
    runs = np.split(matrix, ends)
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
        *matrix.shape,
        eps,
        center,
        normalize,
        np.array(left_out),
        np.array([len(run) for run in runs]),
    )
