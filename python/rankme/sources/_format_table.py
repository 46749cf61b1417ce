"""Every format that is read: how it is told, and what the manual's table says of it.

Opening a file, the suffixes that count in a folder and the page of formats all go by this table.
Folders are told in :mod:`rankme.sources._folders`, by the names that are listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rankme.sources import huggingface, lakehouse, vecs, zarr
from rankme.sources._bytes import npy_header
from rankme.sources.arrow import ArrowSource
from rankme.sources.delimited import DelimitedSource
from rankme.sources.faiss import FLAT, FOURCCS, open_faiss
from rankme.sources.hdf5 import open_hdf5
from rankme.sources.jsonl import JsonlSource
from rankme.sources.npy import NpySource
from rankme.sources.npz import open_npz
from rankme.sources.parquet import ParquetSource
from rankme.sources.pytorch import open_pytorch
from rankme.sources.safetensors import open_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._reading import Reading
    from rankme.sources._source import RowSource

    Opener = Callable[[DataFile, Reading], RowSource]

__all__ = ["FORMATS", "KNOWN_SUFFIXES", "MAGICS", "TEXT", "ZIP", "Format"]

NAME = "the column's name"
# With more than PK: a safetensors file may begin so with the length of its header.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Format:
    """One format of files, or of folders.

    The texts are those of the manual, in Markdown.
    """

    name: str
    """As its makers call it."""
    holds: str
    """What is read."""
    column: str | None
    """What ``column`` chooses; None where there is nothing to choose."""
    open: Opener | None = None
    """Opens a file; a folder is opened by :mod:`rankme.sources._open`."""
    suffixes: tuple[str, ...] = ()
    magics: tuple[bytes, ...] = ()
    """The first bytes of a file: one of these."""
    inside: tuple[str, ...] = ()
    """The names that tell a folder: one of these."""
    also: str = ""
    """What tells it beside first bytes."""
    extra: str | None = None
    """The extra that brings the library."""
    needs: str = ""
    """What it is needed for, where that is not everything."""


FORMATS = (
    Format(
        "NumPy array",
        "a 2-D array in C or Fortran order; versions 1.0 to 3.0",
        None,
        NpySource.open,
        suffixes=(".npy",),
        magics=(npy_header.MAGIC,),
    ),
    Format(
        "NumPy archive",
        "one 2-D array, stored or compressed; compressed in C order only",
        "the array's name",
        open_npz,
        suffixes=(".npz",),
        magics=ZIP,
    ),
    Format(
        "big-ann-benchmarks",
        "N and K as uint32, then float32, float16, [int8 or uint8](#bytes) rows",
        None,
        vecs.open_by_suffix,
        suffixes=(".fbin", ".f16bin", ".i8bin", ".u8bin"),
    ),
    Format(
        "TEXMEX",
        "each row with its length as int32 before it; float32, or [uint8](#bytes)",
        None,
        vecs.open_by_suffix,
        suffixes=(".fvecs", ".bvecs"),
    ),
    Format(
        "safetensors",
        "one 2-D tensor",
        "the tensor's name",
        open_safetensors,
        suffixes=(".safetensors",),
        also="suffix, or `{` as the ninth byte",
        extra="bfloat16",
        needs="bfloat16",
    ),
    Format(
        "PyTorch",
        "one contiguous 2-D tensor, found by `torch.load(weights_only=True)`",
        "its keys, joined by dots",
        open_pytorch,
        suffixes=(".pt", ".pth", ".bin"),
        magics=(ZIP[0],),
        also="a `data.pkl` in the archive",
        extra="torch",
    ),
    Format(
        "Arrow IPC file, Feather 2",
        "one [column of vectors](#columns-of-vectors), compressed or not",
        NAME,
        ArrowSource.open,
        suffixes=(".arrow", ".feather", ".ipc"),
        magics=(b"ARROW1",),
        extra="arrow",
    ),
    Format(
        "Arrow IPC stream",
        "the same",
        NAME,
        ArrowSource.open,
        suffixes=(".arrows",),
        magics=(b"\xff\xff\xff\xff",),
        extra="arrow",
    ),
    Format(
        "Parquet",
        "one [column of vectors](#columns-of-vectors)",
        NAME,
        ParquetSource.open,
        suffixes=(".parquet",),
        magics=(b"PAR1",),
        extra="parquet",
    ),
    Format(
        "HDF5",
        "one 2-D dataset, contiguous or chunked, compressed or not",
        "the dataset's path",
        open_hdf5,
        suffixes=(".h5", ".hdf5"),
        magics=(b"\x89HDF\r\n\x1a\n",),
        extra="hdf5",
    ),
    Format(
        "FAISS index",
        "the vectors that the [index gives back](#faiss-indexes)",
        None,
        open_faiss,
        suffixes=(".faiss",),
        magics=(*FLAT, *(one for one in FOURCCS if one not in FLAT)),
        extra="faiss",
        needs="other kinds than flat",
    ),
    Format(
        "JSON lines",
        "one [key of each line](#text), or the answers of an embedding service",
        "the key, with dots for keys within",
        JsonlSource.open,
        suffixes=(
            ".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.zst", ".ndjson.gz", ".ndjson.zst",
        ),
        extra="jsonl",
    ),
    Format(
        "CSV, TSV",
        "one [column of text](#text), or a column for each dimension",
        "the column's name, or a pattern of the dimensions",
        DelimitedSource.open,
        suffixes=(".csv", ".tsv", ".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst"),
        extra="csv",
    ),
    Format(
        "Lance, LanceDB",
        "one [column of vectors](#columns-of-vectors) of the newest version",
        NAME,
        inside=(lakehouse.VERSIONS,),
        extra="lance",
    ),
    Format(
        "Delta table",
        "one [column of vectors](#columns-of-vectors) of the [live files](#tables-with-a-log)",
        NAME,
        inside=(lakehouse.LOG,),
        extra="lakehouse",
    ),
    Format(
        "Zarr 2 and 3",
        "one 2-D array",
        "the array's path",
        inside=zarr.METADATA,
        extra="zarr",
    ),
    Format(
        "Hugging Face dataset",
        "what `save_to_disk` wrote, of one split",
        NAME,
        inside=(huggingface.STATE_FILE, huggingface.DICT_FILE),
        extra="arrow",
    ),
)  # fmt: skip

KNOWN_SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)
# Of text, which no first bytes tell.
TEXT: dict[str, Opener] = {
    suffix: each.open
    for each in FORMATS
    if each.open in {DelimitedSource.open, JsonlSource.open}
    for suffix in each.suffixes
    if suffix.count(".") == 1
}
# An archive is one of NumPy or of PyTorch, which only its list of names tells.
MAGICS: dict[bytes, Opener] = {
    magic: each.open
    for each in FORMATS
    if each.open is not None
    for magic in each.magics
    if magic not in ZIP
}
