"""RankMe inside other people's frameworks; each module imports its host when it is imported itself.

- ``rankme.integrations.jax``: `RankMe` of what compiled functions compute.
- ``rankme.integrations.lightning``: `RankMeCallback` logs scores, and tells when a run collapses.
- ``rankme.integrations.sentence_transformers``: `RankMeEvaluator`, for the library's trainer.
- ``rankme.integrations.sklearn``: `RankMeEstimator`, and `rankme_scorer` for searches.
- ``rankme.integrations.torch``: `collect` runs a model over a loader, and gives what
  `rankme.compare` reads; `watch` takes in what modules return while a model runs as ever.
- ``rankme.integrations.torchmetrics``: `RankMe`, a metric, which Lightning logs.
- ``rankme.integrations.transformers``: `RankMeCallback` and `ComputeRankMe` for a ``Trainer``.
"""
