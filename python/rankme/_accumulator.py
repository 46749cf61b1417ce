"""Pickles made before version 0.2 name this module."""

from rankme._accumulators.accumulator import Accumulator

__all__ = ["Accumulator"]
