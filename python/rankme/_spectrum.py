"""Pickles made before the first release name this module."""

from rankme.metrics._spectrum import Spectrum

__all__ = ["Spectrum"]
