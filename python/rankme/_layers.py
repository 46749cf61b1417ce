"""Pickles made before version 0.2 name this module."""

from rankme._accumulators.layers import LayerAccumulator

__all__ = ["LayerAccumulator"]
