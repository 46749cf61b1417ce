"""Pickles made before the first release name this module."""

from rankme._scoring.batch import score_batch, spectrum_batch

__all__ = ["score_batch", "spectrum_batch"]
