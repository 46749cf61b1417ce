"""Pickles made before version 0.2 name this module."""

from rankme._base.errors import IntegrityError, NonFiniteError, PrecisionWarning

__all__ = ["IntegrityError", "NonFiniteError", "PrecisionWarning"]
