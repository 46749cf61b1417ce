"""RankMe in a Transformers Trainer: at every evaluation, for the best checkpoint and the reports.

A callback watches layers of the model while the Trainer evaluates it::

    from rankme.integrations.transformers import RankMeCallback

    Trainer(model, args, ..., callbacks=[RankMeCallback("encoder.layer.11", pool="token_mean")])

`ComputeRankMe` is the same as a `compute_metrics`, without hooks, of states that the model returns.
"""

from __future__ import annotations

from rankme._base.public import name_after_face
from rankme.integrations._trainer_callback import RankMeCallback
from rankme.integrations._trainer_metric import ComputeRankMe

__all__ = ["ComputeRankMe", "RankMeCallback"]

name_after_face(__name__, __all__, globals())
