"""Pickles made before version 0.2 name this module."""

from rankme.sources._bytes.raw import RawSource

__all__ = ["RawSource"]
