"""Pickles made before the first release name this module."""

from rankme._accumulators.layers import LayerAccumulator

__all__ = ["LayerAccumulator"]
