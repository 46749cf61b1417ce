"""The sister metrics of RankMe, as functions.

Most take singular values, so they also serve spectra that come from elsewhere; `rankme.Spectrum`
has them as methods. `lidar`, `coherence`, `unit_std` and `participation_ratio_corrected` need more
than the spectrum: they take the rows, and stream.

In the docstrings ``sigma_1 >= ... >= sigma_m >= 0`` are the singular values of an N x K matrix,
``m = min(N, K)``, ``lambda_k = sigma_k**2`` and ``p_k = sigma_k / sum(sigma)``. "Centred" means
that the column means were subtracted before the singular values were taken, so that ``lambda`` is
the spectrum of the covariance but for a factor which no metric here depends on.

>>> from rankme import metrics
>>> metrics.stable_rank([2.0, 1.0, 1.0])
1.5
"""

from rankme._base.public import name_after_face as _name_after_face
from rankme.metrics._coherence import coherence
from rankme.metrics._columns import unit_std
from rankme.metrics._entropies import (
    effective_rank,
    entropy,
    matrix_entropy_rank,
    rankme,
    renyi_rank,
)
from rankme.metrics._lidar import lidar
from rankme.metrics._mean import anisotropy, mean_share
from rankme.metrics._participation import participation_ratio_corrected
from rankme.metrics._power_law import alpha_req, alpha_req_r2
from rankme.metrics._ratios import (
    condition_number,
    isoscore,
    nesum,
    numerical_rank,
    participation_ratio,
    stable_rank,
)
from rankme.metrics._self_clustering import self_clustering
from rankme.metrics._shares import pca_components, pl_score, srank

__all__ = [
    "alpha_req",
    "alpha_req_r2",
    "anisotropy",
    "coherence",
    "condition_number",
    "effective_rank",
    "entropy",
    "isoscore",
    "lidar",
    "matrix_entropy_rank",
    "mean_share",
    "nesum",
    "numerical_rank",
    "participation_ratio",
    "participation_ratio_corrected",
    "pca_components",
    "pl_score",
    "rankme",
    "renyi_rank",
    "self_clustering",
    "srank",
    "stable_rank",
    "unit_std",
]

_name_after_face(__name__, __all__, globals())
