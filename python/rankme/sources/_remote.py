"""Pickles made before the first release name this module."""

from rankme.sources._bytes.remote import RemoteFile

__all__ = ["RemoteFile"]
