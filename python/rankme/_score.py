"""Pickles made before version 0.2 name this module."""

from rankme._scoring.score import score, spectrum

__all__ = ["score", "spectrum"]
