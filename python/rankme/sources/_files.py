"""Pickles made before the first release name this module."""

from rankme.sources._bytes.files import LocalFile

__all__ = ["LocalFile"]
