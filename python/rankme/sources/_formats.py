"""Which format a file is in, told by its first bytes where the format has such."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rankme.sources import vecs
from rankme.sources._bytes import npy_header
from rankme.sources._converted import converted
from rankme.sources._database_url import database_advice
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._format_table import KNOWN_SUFFIXES, MAGICS, TEXT, ZIP
from rankme.sources._reading import PLAIN
from rankme.sources._text import COMPRESSED, path_of
from rankme.sources.npz import open_npz
from rankme.sources.pytorch import open_pytorch
from rankme.sources.safetensors import open_safetensors

if TYPE_CHECKING:
    from rankme.sources._bytes.files import DataFile
    from rankme.sources._reading import Reading
    from rankme.sources._source import RowSource

__all__ = ["is_beside", "is_text", "open_file", "require_told", "suffix_of"]

STATES = {
    b"\x93RNKM": "a saved state; `rankme merge` gives the score of one or more",
    b"\x93RNKL": "saved layers; in Python: rankme.LayerAccumulator.load(path)",
    b"\x93RNKC": "saved groups of rows; in Python: rankme.GroupedAccumulator.load(path)",
    b"\x93RNKW": "a saved monitor; in Python: rankme.Monitor.load(path)",
    b"\x93RNKV": "the state of a run of rankme watch, which goes on from it by --state",
}
SINGLE = "holds one matrix without a name, so column cannot be"


def suffix_of(name: str) -> str:
    """Return the suffix of a path or URL, in lower case; of compressed text both of them."""
    plain = path_of(name)
    suffix = plain.suffix.lower()
    inner = PurePosixPath(plain.stem).suffix.lower()
    return inner + suffix if suffix in COMPRESSED and inner in TEXT else suffix


def is_beside(name: str) -> bool:
    """Tell whether a file is about others beside it: text with ids, an index of the same rows."""
    return is_text(name) or suffix_of(name) == ".faiss"


def is_text(name: str) -> bool:
    """Tell whether a file is one of text, by its suffix."""
    return suffix_of(name).split(".")[1:2] in ([kind[1:]] for kind in TEXT)


def open_file(file: DataFile, reading: Reading = PLAIN) -> RowSource:
    """Open a file as a source.

    Parameters
    ----------
    file
        Of any format.
    reading
        What the user told, as in :func:`rankme.open_source`; a dtype of bytes is an error for what
        has another dtype.

    Raises
    ------
    BadDataError
        No format has such first bytes, or the format has others.
    """
    with parsing(file.name):
        source = _open_file(file, reading)
    require_told(source, reading.told)
    return converted(source, reading)


def require_told(source: RowSource, told: str | None) -> None:
    """Refuse a dtype for rows that have one already: nothing is converted."""
    if told is None or getattr(source, "told", None) == told or source.dtype.name == told:
        return
    raise BadDataError(
        source.name,
        f"its entries are {source.dtype} by the file itself, not {told}; dtype is for columns of "
        f"bytes and converts nothing: leave it out",
    )


def _open_file(file: DataFile, reading: Reading) -> RowSource:
    """Open a file by the format that it is in."""
    with file.open() as handle:
        head = handle.read(16)
    suffix = suffix_of(file.name)
    if is_text(file.name):
        reading.require_bytes(file.name)
        return TEXT[f".{suffix.split('.')[1]}"](file, reading)
    if head.startswith(npy_header.MAGIC) or suffix in vecs.DTYPES:
        if reading.column is not None:
            raise BadDataError(file.name, f"{SINGLE} {reading.column!r}")
        if not head.startswith(npy_header.MAGIC):
            return vecs.open_by_suffix(file, reading)
    for magic, opener in MAGICS.items():
        if head.startswith(magic):
            return opener(file, reading)
    if head.startswith(ZIP):
        return (open_pytorch if _is_pytorch(file) else open_npz)(file, reading)
    if suffix == ".safetensors" or head[8:9] == b"{":
        return open_safetensors(file, reading)
    raise _unknown(file.name, suffix, head)


def _unknown(name: str, suffix: str, head: bytes) -> BadDataError:
    """Return the error of a file that is in no known format."""
    if head.startswith(b"\x80") and suffix in {".pt", ".pth", ".bin"}:
        return BadDataError(
            name, "a pickle; torch.save writes an archive since 1.6: save the tensor again"
        )
    if head.startswith(b"\x80") and suffix in {".pkl", ".pickle"}:
        return BadDataError(
            name,
            "a pickle, which is never loaded since it may run any program; in Python, obj being "
            "what it holds: numpy.save(path, obj['embeddings'])",
        )
    for magic, what in STATES.items():
        if head.startswith(magic):
            return BadDataError(name, what)
    database = database_advice(name, head)
    if database is not None:
        return BadDataError(name, database)
    came = "an empty file" if not head else f"the first bytes {head!r}"
    return BadDataError(name, f"no known format: {came}; wanted {', '.join(KNOWN_SUFFIXES)}")


def _is_pytorch(file: DataFile) -> bool:
    """Whether a zip archive is one of PyTorch."""
    with file.open() as handle, zipfile.ZipFile(handle) as archive:
        names = archive.namelist()
    return any(name.endswith("/data.pkl") or name == "data.pkl" for name in names)
