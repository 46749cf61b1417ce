"""Which pre-trained forecaster? RankMe of features against the error of fine-tuned models.

Run it from the root of the repository: ``python -m examples.model_selection``. README.md has the
protocol.
"""
