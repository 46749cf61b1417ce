"""How the user wants the rows of a path to be read: which column, and what its entries mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from rankme.sources._source import RowSource

__all__ = ["BITS", "BYTES", "PLAIN", "SIGNS", "WORDS", "Reading", "StreamReading", "stored_as"]

# The types of integers that embeddings are quantised to; wider ones are ids.
BYTES = ("int8", "uint8")
# What the bits of packed rows are read as.
BITS, SIGNS = "bits", "signs"
WORDS = {None: "as numbers", BITS: "bits as 0 and 1", SIGNS: "bits as -1 and +1"}


@dataclass(frozen=True)
class Reading:
    """What the user told of the rows of a path.

    Attributes
    ----------
    column : str or None
        Which of several things in a file holds them.
    told : str or None
        What the bytes of a binary column, or of base64, are.
    integers : bool
        Whether int8 and uint8 are read as the numbers that they are.
    bits : str or None
        ``"bits"`` or ``"signs"``, where bytes are read as eight columns each.
    rows_are : str or None
        ``"files"`` or ``"keys"``, where each holds one vector.
    query : str or None
        What selects the rows, of a database.
    format : str or None
        The suffix of standard input, which has no name.
    storage : mapping
        Options of fsspec for the store that a URL names.
    """

    column: str | None = None
    told: str | None = None
    integers: bool = False
    bits: str | None = None
    rows_are: str | None = None
    query: str | None = None
    format: str | None = None
    # They may hold secrets: nothing shows or saves them.
    storage: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def takes_bytes(self) -> bool:
        """Whether rows of int8 and uint8 may be meant."""
        return self.integers or self.bits is not None

    def require_bytes(self, name: str) -> None:
        """Refuse bits of bytes of which nobody tells the type: int8 packs them less 128."""
        if self.bits is not None and self.told is None:
            raise BadDataError(
                name,
                "its bytes may be uint8, or int8, which is uint8 less 128, and their bits are "
                "others then: say which: dtype='uint8', --dtype uint8",
            )

    def takes(self, dtype: str) -> bool:
        """Whether entries of a type of integers may be meant, by its name."""
        return self.takes_bytes and dtype in BYTES

    def kind_of(self, dtype: np.dtype[Any]) -> str:
        """Return the kind of a type in NumPy's letters, ``f`` of integers that are read too."""
        return "f" if self.takes(dtype.name) else dtype.kind


@dataclass(frozen=True)
class StreamReading(Reading):
    """What the user told of rows that come one after the other.

    Attributes
    ----------
    time_column : str or None
        Which column or key tells when rows came.
    nulls : bool
        Whether rows that are null are to come as NaN, to be left out.
    """

    time_column: str | None = None
    nulls: bool = False


# Nothing was told: floating-point numbers, of whatever can be meant.
PLAIN = Reading()


def stored_as(source: RowSource) -> str:
    """Say of which type the entries of a source are, and what they were read as if that differs."""
    if source.stored is not None:
        return source.stored
    told = getattr(source, "told", None)
    return f"{told} {WORDS[None]}" if told in BYTES else source.dtype.name
