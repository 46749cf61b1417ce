"""RankMe inside other people's frameworks; each module imports its host when it is imported itself.

- ``rankme.integrations.torch``: `collect` runs a model over a loader, and gives what
  `rankme.compare` reads.
- ``rankme.integrations.torchmetrics``: `RankMe`, a metric, which Lightning logs.
- ``rankme.integrations.sklearn``: `RankMeEstimator`, and `rankme_scorer` for searches.
- ``rankme.integrations.jax``: `RankMe` of what compiled functions compute.
"""
