"""Pickles made before version 0.2 name this module."""

from rankme.metrics._spectrum import Spectrum

__all__ = ["Spectrum"]
