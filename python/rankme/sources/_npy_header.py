"""The header of a ``.npy`` file: what the array is, or in words why it is no set of embeddings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy.lib import format as npy_format

from rankme.sources._checks import check_dtype, check_shape
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


def read_header(name: str, file: BinaryIO) -> tuple[int, int, bool, np.dtype[Any]]:
    """Read and check the header; the file then stands where the data begin.

    Parameters
    ----------
    name
        What the errors name.
    file
        At its first byte.

    Returns
    -------
    n_rows, n_cols : int
        Both at least 1.
    fortran_order : bool
    dtype : numpy.dtype
        float16, float32 or float64, in native byte order.

    Raises
    ------
    BadDataError
        The file is no ``.npy`` file or holds something else than such a matrix.
    """
    shape, fortran_order, dtype = _parse(name, file)
    check_dtype(name, dtype)
    n_rows, n_cols = check_shape(name, shape)
    return n_rows, n_cols, fortran_order, dtype


def _parse(name: str, file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
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
