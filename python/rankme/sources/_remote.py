"""Pickles made before version 0.2 name this module."""

from rankme.sources._bytes.remote import RemoteFile

__all__ = ["RemoteFile"]
