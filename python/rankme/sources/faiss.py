"""The vectors of FAISS indexes, as far as an index can give them back.

A flat index is its header and the rows, which are read where they lie, without the library. Any
other is loaded by FAISS, which then gives rows back block by block. Only kinds that are known to do
so are asked: for some others FAISS ends the process, or returns memory that nobody has written.

The layouts are those of ``faiss/impl/index_write.cpp``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rankme._base.optional import require
from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import check_dtype, check_table_shape
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._file_source import FileSource
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._source import BLOCK_BYTES, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile
    from rankme.sources._source import RowSource

__all__ = ["FOURCCS", "FaissSource", "open_faiss"]

FLAT = (b"IxF2", b"IxFI", b"IxFl")
BINARY_FLAT = b"IBxF"
MAPPED = (b"IxMp", b"IxM2")
# What the files of all kinds of indexes begin with.
FOURCCS = (
    *FLAT, BINARY_FLAT, *MAPPED,
    b"IxHE", b"IxHe", b"IxPq", b"IxPQ", b"IxPo", b"IxSQ", b"IxRq", b"IxLS", b"IxPT", b"IxRF",
    b"Ixrq", b"IPfs", b"IwFl", b"IwFL", b"IwSQ", b"IwSq", b"IwPQ", b"IwPq", b"IwQR", b"IwPf",
    b"Iwrq", b"IwRQ", b"IwLS", b"IHNf", b"IHNp", b"IHNs", b"IHN2", b"INSf", b"INSp", b"INSs",
    b"IBwF", b"IBHf", b"IBMp", b"IBM2",
)  # fmt: skip
# d, the number of rows, two numbers that mean nothing, whether it is trained, the metric.
HEADER = struct.Struct("<iqqq?i")
BINARY_HEADER = struct.Struct("<iiq?i")
COUNT = struct.Struct("<Q")
PLAIN_METRICS = (0, 1)  # inner product and L2; others have an argument
# Which kinds give rows back, exactly or decoded of what they keep.
EXACT = {"IndexFlat", "IndexFlatL2", "IndexFlatIP", "IndexHNSWFlat", "IndexNSGFlat"}
EXACT |= {"IndexRefineFlat", "IndexIVFFlat"}
DECODED = {
    "IndexScalarQuantizer", "IndexHNSWSQ", "IndexIVFScalarQuantizer", "IndexPQ", "IndexHNSWPQ",
    "IndexIVFPQ", "IndexPQFastScan", "IndexResidualQuantizer",
}  # fmt: skip
WRAPPERS = {"IndexIDMap", "IndexIDMap2"}


def open_faiss(file: DataFile, reading: Reading = PLAIN) -> RowSource:
    """Open the vectors of an index.

    Parameters
    ----------
    file
        As ``faiss.write_index`` or ``write_index_binary`` wrote it.
    reading
        Of binary indexes: that bytes are read, and how.

    Raises
    ------
    BadDataError
        The index does not give its vectors back, or is damaged.
    MissingLibraryError
        It is not flat, and FAISS is not installed.
    """
    if reading.column is not None:
        raise BadDataError(
            file.name,
            f"holds one matrix without a name, so column cannot be {reading.column!r}",
        )
    with file.open() as handle:
        fourcc = handle.read(4)
        if fourcc == BINARY_FLAT:
            return _open_binary(file, handle, reading)
        offset = HEADER.size + 4 if fourcc in MAPPED else 0
        handle.seek(offset)
        if handle.read(4) in FLAT:
            return _open_flat(file, handle, is_mapped=offset > 0)
    if fourcc.startswith(b"IB"):
        raise BadDataError(
            file.name,
            "a binary index that is not flat, of which the rows cannot be read; in Python: "
            "rankme.score(numpy.load(path_of_the_codes), unpack_bits=True)",
        )
    return _open_loaded(file)


def _open_flat(file: DataFile, handle: BinaryIO, *, is_mapped: bool) -> RawSource:
    """Open the rows of a flat index where they lie."""
    n_cols, n_rows, _, _, _, metric = _unpacked(file, handle, HEADER)
    if metric not in PLAIN_METRICS:
        handle.read(4)
    source = _rows(file, handle, n_rows, n_cols, np.dtype("<f4"))
    # Behind the vectors of a mapped index are their numbers, with how many these are.
    _check_end(source, COUNT.size + n_rows * COUNT.size if is_mapped else 0)
    return source


def _open_binary(file: DataFile, handle: BinaryIO, reading: Reading) -> RawSource:
    """Open the bytes of a flat binary index."""
    check_dtype(file.name, np.dtype(np.uint8), reading)
    _, n_bytes, n_rows, _, _ = _unpacked(file, handle, BINARY_HEADER)
    source = _rows(file, handle, n_rows, n_bytes, np.dtype(np.uint8))
    _check_end(source, 0)
    return source


def _check_end(source: RawSource, wanted: int) -> None:
    """Refuse an index behind whose vectors not as many bytes follow as should."""
    rest = source.file.size - source.end
    if rest != wanted:
        raise BadDataError(
            source.name, f"damaged: {rest} bytes follow the vectors; wanted {wanted}"
        )


def _unpacked(file: DataFile, handle: BinaryIO, header: struct.Struct) -> tuple[Any, ...]:
    """Read a header."""
    raw = handle.read(header.size)
    if len(raw) < header.size:
        raise BadDataError(file.name, "truncated within the header of the index")
    return header.unpack(raw)


def _rows(
    file: DataFile, handle: BinaryIO, n_rows: int, n_cols: int, dtype: np.dtype[Any]
) -> RawSource:
    """Return the rows that lie behind their number of entries."""
    (count,) = _unpacked(file, handle, COUNT)
    # Old versions count entries, and newer ones bytes over the size of an entry: the same number.
    if min(n_rows, n_cols) < 0 or count != n_rows * n_cols:
        raise BadDataError(
            file.name, f"damaged: {count} entries stand in an index of {n_rows} x {n_cols}"
        )
    check_table_shape(file.name, n_rows, n_cols)
    source = RawSource(file, n_rows, n_cols, dtype, handle.tell())
    source.check_inside()
    return source


def _open_loaded(file: DataFile) -> FaissSource:
    """Open an index by FAISS, and see whether it gives its vectors back."""
    index = _Index(file)
    check_table_shape(file.name, index.n_rows, index.n_cols)
    return FaissSource(
        file, index.n_rows, index.n_cols, index.kind, index.is_exact, index.transforms
    )


class _Index:
    """An index in memory, which gives rows back by their places: `kind` is what keeps them."""

    def __init__(self, file: DataFile) -> None:
        self._name = file.name
        self._faiss = require("faiss", extra="faiss", what=f"{file.name}: a FAISS index")
        # What is downcast or lies within refers to this one, and does not keep it alive.
        self._owner = _loaded(self._faiss, file)
        self.n_rows, self.n_cols = int(self._owner.ntotal), int(self._owner.d)
        self.transforms: tuple[str, ...] = ()
        self._decoders: list[str] = []
        self._inner = self._without_ids(self._faiss.downcast_index(self._owner))
        self._ids: NDArray[np.int64] | None = None
        leaf = self._inner
        while type(leaf).__name__ == "IndexPreTransform":
            self._check_transforms(leaf)
            leaf = self._without_ids(self._faiss.downcast_index(leaf.index))
        self.kind = type(leaf).__name__
        if self.kind not in EXACT | DECODED:
            raise BadDataError(
                file.name,
                f"an index of the kind {self.kind}, which does not give its vectors back; score "
                f"the vectors that it was made of",
            )
        self.is_exact = self.kind in EXACT and not self._decoders
        if self.kind in EXACT and self._decoders:
            self.kind = self._decoders[0]
        if isinstance(leaf, self._faiss.IndexIVF):
            self._map(leaf, nested=leaf is not self._inner)

    def _without_ids(self, index: Any) -> Any:
        """Return what is within wrappers that only number the rows anew."""
        while type(index).__name__ in WRAPPERS:
            index = self._faiss.downcast_index(index.index)
        return index

    def _check_transforms(self, index: Any) -> None:
        """Refuse a transformation that cannot be undone."""
        for number in range(index.chain.size()):
            step = self._faiss.downcast_VectorTransform(index.chain.at(number))
            name = type(step).__name__
            is_plain = name in ("NormalizationTransform", "CenteringTransform")
            if not (is_plain or getattr(step, "is_orthonormal", False)):
                raise BadDataError(
                    self._name,
                    f"an index of vectors that were changed by {name}, which cannot be undone; "
                    f"score the vectors that it was made of",
                )
            if name == "NormalizationTransform":
                self.transforms += (name,)
            elif name != "CenteringTransform":
                self._decoders.append(f"{name} of IndexPreTransform")

    def _map(self, lists: Any, *, nested: bool) -> None:
        """Find the rows in inverted lists, which may have any numbers."""
        inverted = lists.invlists
        parts = [
            self._faiss.rev_swig_ptr(inverted.get_ids(number), inverted.list_size(number)).copy()
            for number in range(inverted.nlist)
            if inverted.list_size(number)
        ]
        ids = np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)
        if len(ids) != self.n_rows:  # FAISS counts rows with NaN, and keeps them in no list
            raise BadDataError(
                self._name,
                f"counts {self.n_rows} rows and has {len(ids)} in its lists: the others were not "
                f"finite; score the vectors that it was made of",
            )
        if (ids[1:] == ids[:-1]).any():
            raise BadDataError(
                self._name,
                f"{self.n_rows} rows whose inverted lists have {len(np.unique(ids))} numbers: rows "
                f"of one number cannot be told apart; score the vectors that it was made of",
            )
        in_order = bool(ids.size == 0 or (ids[0] == 0 and ids[-1] == len(ids) - 1))
        if nested and not in_order:
            raise BadDataError(
                self._name,
                "an index of changed vectors under numbers of the user's, which FAISS does not "
                "give back; score the vectors that it was made of",
            )
        if in_order:
            lists.make_direct_map()
        else:
            lists.set_direct_map_type(self._faiss.DirectMap.Hashtable)
            self._ids = ids

    def rows(self, first: int, last: int) -> NDArray[np.float32]:
        """Return some rows, decoded if need be."""
        with parsing(self._name, f"rows {first} to {last - 1} cannot"):
            if self._ids is not None:
                found = self._inner.reconstruct_batch(self._ids[first:last])
            else:
                found = self._inner.reconstruct_n(first, last - first)
        return np.asarray(found, np.float32)


def _loaded(faiss: Any, file: DataFile) -> Any:
    """Load an index: one that is mapped would end the process where the file shrinks."""
    with parsing(file.name), file.open() as handle:
        # By its bytes: FAISS takes only UTF-8 for a name.
        found = faiss.read_index(faiss.PyCallbackIOReader(handle.read))
        file.check_unchanged(handle)
    return found


@dataclass(frozen=True)
class FaissSource(FileSource):
    """The vectors of an index that FAISS has to load.

    Attributes
    ----------
    kind : str
        The class of what keeps the vectors.
    is_exact : bool
        Whether these come back as they went in.
    transforms : tuple of str
        What changed them before and is not undone, as a norm.
    """

    file: DataFile
    n_rows: int
    n_cols: int
    kind: str
    is_exact: bool
    transforms: tuple[str, ...] = ()
    column: str | None = None

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """float32, as which FAISS gives all vectors back."""
        return np.dtype(np.float32)

    @property
    def stored(self) -> str | None:  # type: ignore[override]
        """What the vectors were decoded of, if they are not those that went in."""
        ways = [] if self.is_exact else [f"decoded by {self.kind}"]
        if self.transforms:
            ways.append(f"as transformed by {', '.join(self.transforms)} of IndexPreTransform")
        return f"float32 {', '.join(ways)}" if ways else None

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:  # noqa: ARG002 - blocks are fresh
        """Yield the rows from ``start`` on in blocks of up to 16 MiB."""
        check_start(start, self.n_rows)
        return self._blocks(start)

    def _blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from one on."""
        index = _Index(self.file)
        if (index.n_rows, index.n_cols) != (self.n_rows, self.n_cols):
            raise BadDataError(self.name, "changed since it was opened")
        step = max(1, BLOCK_BYTES // (4 * self.n_cols))
        for first in range(start, self.n_rows, step):
            yield index.rows(first, min(first + step, self.n_rows))
        self.check_unchanged()
