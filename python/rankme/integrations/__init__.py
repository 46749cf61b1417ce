"""RankMe inside other people's frameworks; each module imports its host when it is imported itself.

- ``rankme.integrations.lightning``: `RankMeCallback` logs scores, and tells when a run collapses.
- ``rankme.integrations.torch``: `collect` runs a model over a loader, and gives what
  `rankme.compare` reads; `watch` takes in what modules return while a model runs as ever.
"""
