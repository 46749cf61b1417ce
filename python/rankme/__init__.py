"""How good is a set of embeddings, without a label: the RankMe effective rank.

>>> import numpy as np
>>> import rankme
>>> Z = np.eye(4, dtype=np.float32)
>>> round(rankme.score(Z, eps=0), 6)
4.0

`score` takes one matrix and `score_batch` many, `Accumulator` takes rows as they come and merges
with others, `LayerAccumulator` does so for all layers of a network at once, and `Spectrum` is what
they reduce the rows to.

References
----------
.. [1] Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, "RankMe: Assessing the Downstream
   Performance of Pretrained Self-Supervised Representations by Their Rank", ICML 2023,
   arXiv:2210.02885.
.. [2] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
   EUSIPCO 2007.
"""

from . import cuda
from ._accumulator import Accumulator
from ._batch import score_batch, spectrum_batch
from ._config import show_config
from ._core import __version__
from ._errors import IntegrityError, NonFiniteError, PrecisionWarning
from ._layers import LayerAccumulator
from ._score import score, spectrum
from ._spectrum import Spectrum
from ._threads import apply_environment as _apply_environment
from .sources import open_source

__all__ = [
    "Accumulator",
    "IntegrityError",
    "LayerAccumulator",
    "NonFiniteError",
    "PrecisionWarning",
    "Spectrum",
    "__version__",
    "cuda",
    "open_source",
    "score",
    "score_batch",
    "show_config",
    "spectrum",
    "spectrum_batch",
]

_apply_environment()
