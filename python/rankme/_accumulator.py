"""Pickles made before the first release name this module."""

from rankme._accumulators.accumulator import Accumulator

__all__ = ["Accumulator"]
