"""Pickles made before the first release name this module."""

from rankme.sources._bytes.raw import RawSource

__all__ = ["RawSource"]
