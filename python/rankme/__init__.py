"""How good is a set of embeddings, without a label: the RankMe effective rank.

>>> import numpy as np
>>> import rankme
>>> Z = np.eye(4, dtype=np.float32)
>>> round(rankme.score(Z, eps=0), 6)
4.0

`score` takes one matrix and `score_batch` many, `Accumulator` takes rows as they come and merges
with others, `LayerAccumulator` does so for all layers of a network at once, `GroupedAccumulator`
for each class of labelled rows, and `Spectrum` is what they reduce the rows to. `Monitor` watches a
stream in windows.

References
----------
.. [1] Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, "RankMe: Assessing the Downstream
   Performance of Pretrained Self-Supervised Representations by Their Rank", ICML 2023,
   arXiv:2210.02885.
.. [2] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
   EUSIPCO 2007.
"""

from rankme import cuda
from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.grouped import GroupedAccumulator
from rankme._accumulators.grouped_results import GroupSpread, WorstGroup
from rankme._accumulators.layers import LayerAccumulator
from rankme._base.errors import IntegrityError, NonFiniteError, PrecisionWarning
from rankme._base.public import name_after_face as _name_after_face
from rankme._base.threads import apply_environment as _apply_environment
from rankme._config import show_config
from rankme._core import __version__
from rankme._scoring.batch import score_batch, spectrum_batch
from rankme._scoring.curve import curve
from rankme._scoring.eigen_score import eigen_score_batch
from rankme._scoring.estimate import estimate
from rankme._scoring.score import score, spectrum
from rankme.integrations._monitor.monitor import Monitor
from rankme.metrics._curve import Curve
from rankme.metrics._estimate import Estimate
from rankme.metrics._spectrum import Spectrum
from rankme.selection._agreement import Agreement, agreement
from rankme.selection._auroc import Auroc, auroc
from rankme.selection.compare import compare
from rankme.selection.comparison import Comparison
from rankme.sources import open_source

__all__ = [
    "Accumulator",
    "Agreement",
    "Auroc",
    "Comparison",
    "Curve",
    "Estimate",
    "GroupSpread",
    "GroupedAccumulator",
    "IntegrityError",
    "LayerAccumulator",
    "Monitor",
    "NonFiniteError",
    "PrecisionWarning",
    "Spectrum",
    "WorstGroup",
    "__version__",
    "agreement",
    "auroc",
    "compare",
    "cuda",
    "curve",
    "eigen_score_batch",
    "estimate",
    "open_source",
    "score",
    "score_batch",
    "show_config",
    "spectrum",
    "spectrum_batch",
]

_name_after_face(__name__, __all__, globals())
_apply_environment()
