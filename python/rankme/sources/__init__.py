"""Row sources: embeddings read as a stream of blocks of rows, where they lie, in constant memory.

A source knows its shape before a row is read, and yields each row exactly once, from any row on.
One module a format; :mod:`rankme.sources._formats` tells which one a file is in.
"""

from rankme._base.optional import MissingLibraryError
from rankme._base.public import name_after_face as _name_after_face
from rankme.sources._bytes.read_ahead import Block, row_blocks
from rankme.sources._choice import choose_rows
from rankme.sources._each import open_each
from rankme.sources._errors import BadDataError
from rankme.sources._open import open_source
from rankme.sources._sharded import ShardedSource
from rankme.sources._source import Identity, RowSource
from rankme.sources._subset import subset
from rankme.sources.npy import NpySource

__all__ = [
    "BadDataError",
    "Block",
    "Identity",
    "MissingLibraryError",
    "NpySource",
    "RowSource",
    "ShardedSource",
    "choose_rows",
    "open_each",
    "open_source",
    "row_blocks",
    "subset",
]

_name_after_face(__name__, __all__, globals())
