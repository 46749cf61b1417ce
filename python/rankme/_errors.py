"""Pickles made before the first release name this module."""

from rankme._base.errors import IntegrityError, NonFiniteError, PrecisionWarning

__all__ = ["IntegrityError", "NonFiniteError", "PrecisionWarning"]
