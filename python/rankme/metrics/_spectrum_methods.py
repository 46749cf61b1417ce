"""The sister metrics as methods of a spectrum."""

from functools import partial
from typing import TYPE_CHECKING, cast

from rankme import metrics
from rankme._base.arguments import as_eps
from rankme.metrics._certainty import score_of
from rankme.metrics._spectrum_ranks import SpectrumRanks
from rankme.metrics._spectrum_shape import SpectrumShape
from rankme.metrics._values import finite_or_none

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.metrics._spectrum import Spectrum

__all__ = ["SpectrumMetrics"]


class SpectrumMetrics(SpectrumRanks, SpectrumShape):
    """What `Spectrum` inherits: each metric of `rankme.metrics`, of the values at hand.

    No method changes the values. Metrics that are defined on centred rows take ``center``: None is
    the metric's own definition, True and False choose, as far as the spectrum has those values.
    Where a definition wants normalised rows, it must have been made with ``normalize=True``.
    """

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
            ``stable_rank``, ``nesum``, ``numerical_rank``, ``srank``, ``pca_components_90``,
            ``pca_components_95``, ``pca_components_99``, ``condition_number``, ``pl_score``,
            ``alpha_req``, ``alpha_req_r2``, ``isoscore``, ``mean_share``, ``anisotropy`` and
            ``self_clustering``, each what its method gives by default, and `pca_components` of 90,
            95 and 99% of the variance. None stands for what is
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
        methods: dict[str, Callable[[], float]] = {
            "effective_rank": lambda: metrics.effective_rank(self._decided),
            "entropy": self.entropy,
            "normalized_entropy": lambda: self.entropy(normalized=True),
            "matrix_entropy_rank": self.matrix_entropy_rank,
            "participation_ratio": self.participation_ratio,
            "stable_rank": self.stable_rank,
            "nesum": self.nesum,
            "numerical_rank": self.numerical_rank,
            "srank": self.srank,
            **{
                f"pca_components_{percent}": partial(self.pca_components, percent / 100)
                for percent in (90, 95, 99)
            },
            "condition_number": self.condition_number,
            "pl_score": self.pl_score,
            "alpha_req": self.alpha_req,
            "alpha_req_r2": self.alpha_req_r2,
            "isoscore": self.isoscore,
            "mean_share": self.mean_share,
            "anisotropy": self.anisotropy,
            "self_clustering": self.self_clustering,
        }
        return found | {name: finite_or_none(method) for name, method in methods.items()}
