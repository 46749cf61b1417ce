"""RankMe in a Transformers Trainer, and of the hidden states of a model that is asked.

A callback watches layers of the model while the Trainer evaluates it::

    from rankme.integrations.transformers import RankMeCallback

    Trainer(model, args, ..., callbacks=[RankMeCallback("encoder.layer.11", pool="token_mean")])

`ComputeRankMe` is the same as a `compute_metrics`, without hooks, of states that the model returns.
`token_rows` makes rows of hidden states for `rankme.LayerAccumulator`, and `answer_states` samples
answers to questions and keeps the states at the last token of each.
"""

from __future__ import annotations

from rankme._base.public import name_after_face
from rankme.integrations._answer_states import AnswerStates
from rankme.integrations._answers import answer_states
from rankme.integrations._token_rows import token_rows
from rankme.integrations._trainer_callback import RankMeCallback
from rankme.integrations._trainer_metric import ComputeRankMe

__all__ = ["AnswerStates", "ComputeRankMe", "RankMeCallback", "answer_states", "token_rows"]

name_after_face(__name__, __all__, globals())
