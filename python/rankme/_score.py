"""Pickles made before the first release name this module."""

from rankme._scoring.score import score, spectrum

__all__ = ["score", "spectrum"]
