"""Which format a file is in, told by its first bytes where the format has such."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rankme.sources._errors import BadDataError
from rankme.sources._npy_header import MAGIC as NPY_MAGIC
from rankme.sources.npy import NpySource

if TYPE_CHECKING:
    from rankme.sources._files import DataFile
    from rankme.sources._source import RowSource

__all__ = ["KNOWN_SUFFIXES", "open_file", "suffix_of"]

KNOWN_SUFFIXES = (".npy",)


def suffix_of(name: str) -> str:
    """Return the suffix of a path or URL, in lower case."""
    return PurePosixPath(name.partition("?")[0]).suffix.lower()


def open_file(file: DataFile, column: str | None = None) -> RowSource:
    """Open a file as a source."""
    with file.open() as handle:
        head = handle.read(16)
    if head.startswith(NPY_MAGIC):
        if column is not None:
            raise BadDataError(file.name, f"a .npy file has no columns to name, not {column!r}")
        return NpySource.open(file)
    came = "an empty file" if not head else f"the first bytes {head!r}"
    raise BadDataError(file.name, f"no known format: {came}; wanted {', '.join(KNOWN_SUFFIXES)}")
