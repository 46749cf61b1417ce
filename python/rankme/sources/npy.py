"""NumPy's ``.npy`` files, streamed by rows or by columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rankme.sources._bytes.files import DataFile, LocalFile
from rankme.sources._bytes.npy_header import read_header
from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import check_dtype, check_shape
from rankme.sources._reading import PLAIN, Reading

if TYPE_CHECKING:
    import os

__all__ = ["NpySource"]


@dataclass(frozen=True)
class NpySource(RawSource):
    """A matrix in a ``.npy`` file, format version 1.0, 2.0 or 3.0, C or Fortran order.

    Make one with :meth:`open`, which checks everything that can be known before reading the rows.
    """

    @classmethod
    def open(cls, file: DataFile | str | os.PathLike[str], reading: Reading = PLAIN) -> NpySource:
        """Read and check the header of a file; the file is closed again.

        Parameters
        ----------
        file
            The file or its path.
        reading
            Whether int8 and uint8 are taken too; blocks then have these.

        Returns
        -------
        NpySource

        Raises
        ------
        BadDataError
            Not a ``.npy`` file; pickled objects; a dtype other than native float16, float32,
            float64; not two dimensions; empty; fewer or more bytes than the header announces.
        OSError
            The file cannot be opened or read.
        """
        if not isinstance(file, DataFile):
            file = LocalFile.find(file)
        with file.open() as handle:
            shape, fortran_order, dtype = read_header(file.name, handle)
            offset = handle.tell()
        check_dtype(file.name, dtype, reading)
        if 0 in shape:  # all that it has is a header, or it is damaged
            cls(file, 0, 0, dtype, offset).check_inside(exact=True)
        n_rows, n_cols = check_shape(file.name, shape)
        source = cls(file, n_rows, n_cols, dtype, offset, fortran_order)
        source.check_inside(exact=True)
        return source
