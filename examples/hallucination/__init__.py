"""Does a language model make its answer up? RankMe of layers and the rank of sampled answers.

Run it from the repository's root: ``python -m examples.hallucination``. README.md has the protocol.
"""
