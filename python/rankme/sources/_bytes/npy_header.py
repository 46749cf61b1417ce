"""The header of a ``.npy`` file: what the array is, or in words why it is no set of embeddings."""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING, Any

from numpy.lib import format as npy_format

from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MAGIC", "read_header"]

MAGIC = b"\x93NUMPY"
# Version 3.0 differs from 2.0 only in the encoding of field names, and a dtype with fields is
# rejected anyway; NumPy has no public reader for 3.0.
HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    (3, 0): npy_format.read_array_header_2_0,
}


def read_header(name: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, Fortran order and dtype, unchecked; the file then stands at the data."""
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        came = "an empty file" if not magic else f"the first bytes {magic!r}"
        raise BadDataError(name, f"not a .npy file: {came}, wanted {MAGIC!r}")
    version = (*file.read(2), 0, 0)[:2]
    if version not in HEADER_READERS:
        raise BadDataError(
            name, f".npy format version {version[0]}.{version[1]}; wanted 1.0, 2.0 or 3.0"
        )
    try:
        with warnings.catch_warnings():
            # NumPy warns of headers that Python 2 wrote; they are read right all the same.
            warnings.simplefilter("ignore")
            return HEADER_READERS[version](file)
    except Exception as error:  # the header is Python text: SyntaxError, TypeError, ...
        reason = " ".join(str(error).split())
        raise BadDataError(name, f"the .npy header cannot be read: {reason}") from error
