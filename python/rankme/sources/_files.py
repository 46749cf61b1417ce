"""Pickles made before version 0.2 name this module."""

from rankme.sources._bytes.files import LocalFile

__all__ = ["LocalFile"]
