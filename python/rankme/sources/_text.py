"""Vectors that are written as text: files that may be compressed, JSON lists, and base64."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._bytes.urls import is_web, links_of
from rankme.sources._errors import BadDataError, parsing
from rankme.sources._told import check_told, stored_dtype
from rankme.sources._vector_types import pyarrow
from rankme.sources._vectors import VectorColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rankme.sources._bytes.files import DataFile

__all__ = [
    "COMPRESSED",
    "DEFAULT_TOLD",
    "TextColumn",
    "first_bad",
    "is_compressed",
    "kind_of_text",
    "lists_of_json",
    "opened_text",
    "path_of",
    "read_json",
    "shortened",
]

# Behind the suffix of a format of text, and what PyArrow calls it.
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
# What the interfaces of embedding services send as base64.
DEFAULT_TOLD = "float32"
# Numbers in brackets, two at least: a note such as "[1]" is text.
NUMBERS = re.compile(r"\s*\[[-+.\deE\sNaInfity]+(,[-+.\deE\sNaInfity]+)+\]\s*")
BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
SHORT_BASE64 = re.compile(r"[A-Za-z0-9+/]{2,}={0,2}")
_CODES = np.full(256, 255, np.uint8)
_CODES[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "u1")] = (
    np.arange(64)
)


@contextmanager
def opened_text(file: DataFile, extra: str) -> Iterator[Any]:
    """Open a file of text as a PyArrow stream of bytes, decompressed by its suffix.

    Parameters
    ----------
    file
        Compressed if its name ends in one of `COMPRESSED`.
    extra
        Which brings PyArrow.

    Raises
    ------
    BadDataError
        It cannot be decompressed, also where the caller reads from it.
    """
    pa = pyarrow(f"{file.name}: text", extra)
    codec = COMPRESSED.get(path_of(file.name).suffix.lower())
    with parsing(file.name), file.open() as handle:
        stream = pa.PythonFile(handle, mode="r")
        yield stream if codec is None else pa.CompressedInputStream(stream, codec)


def is_compressed(name: str) -> bool:
    """Tell whether a name ends in one of `COMPRESSED`."""
    return path_of(name).suffix.lower() in COMPRESSED


def path_of(name: str) -> PurePosixPath:
    """Return the path of a file or URL, without a query."""
    path = links_of(name)[0]
    return PurePosixPath(path.partition("?")[0] if is_web(path) else path)


def kind_of_text(text: str, *, is_named: bool = False) -> str | None:
    """Tell what a string holds: ``"json"``, ``"base64"`` of bytes, or neither.

    Short words could be base64 too: only where the user has named them are they taken for it.
    """
    if NUMBERS.fullmatch(text):
        return "json"
    if len(text) % 4 == 0 and (SHORT_BASE64 if is_named else BASE64).fullmatch(text):
        return "base64"
    return None


def read_json(name: str, lines: Any, schema: Any) -> Any:
    """Parse lines of JSON as a table of some of their entries; a ``pyarrow.ArrowInvalid`` fails.

    Parameters
    ----------
    name
        The file, for errors.
    lines
        Bytes of whole lines.
    schema
        What is read of each; entries that are not there are null.
    """
    pa, json = pyarrow(name, "jsonl"), pyarrow(name, "jsonl", "pyarrow.json")
    return json.read_json(
        pa.BufferReader(lines),
        read_options=json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=json.ParseOptions(
            explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior="ignore"
        ),
    ).combine_chunks()


def lists_of_json(name: str, texts: Any) -> Any:
    """Return the lists of numbers that strings hold as JSON; null strings give null lists.

    Parameters
    ----------
    name
        The file, for errors.
    texts
        A ``pyarrow.StringArray``, of at least one row.

    Raises
    ------
    pyarrow.ArrowInvalid
        One is no list of numbers.
    """
    pa, compute = pyarrow(name, "jsonl"), pyarrow(name, "jsonl", "pyarrow.compute")
    filled = compute.fill_null(texts.cast(pa.large_string()), "null")
    parts = [pa.scalar(part, pa.large_string()) for part in ('{"v":', "}\n", "")]
    lines = compute.binary_join_element_wise(parts[0], filled, *parts[1:])
    ends = np.frombuffer(lines.buffers()[1], np.int64)[lines.offset :][: len(lines) + 1]
    first, last = int(ends[0]), int(ends[-1])
    schema = pa.schema([("v", pa.list_(pa.float64()))])
    found = read_json(name, lines.buffers()[2].slice(first, last - first), schema).column("v")
    if len(found) != len(texts):
        raise pa.ArrowInvalid(f"{len(texts)} texts hold {len(found)} lists")
    return found.chunk(0)


class TextColumn:
    """A column of a file of text: lists, JSON of lists, or base64 of the bytes of rows.

    Parameters
    ----------
    name, label
        The file and the column, for errors.
    kind
        ``"list"``, ``"json"`` or ``"base64"``.
    n_cols
        The length of a row, or None to take that of the first row.
    told
        What bytes are, for base64.
    """

    def __init__(
        self, name: str, label: str, kind: str, n_cols: int | None = None, told: str | None = None
    ) -> None:
        pa = pyarrow(name, "jsonl")
        self._name = name
        self._label = label
        self.kind = kind
        self.told = (told or DEFAULT_TOLD) if kind == "base64" else None
        self._lists = VectorColumn(name, pa.field(label, pa.list_(pa.float64())), n_cols)
        self._bytes = None if self.told is None else stored_dtype(name, self.told)
        self.n_cols = n_cols
        self.dtype: np.dtype[Any] = self._lists.dtype
        if self._bytes is not None:
            integers = self._bytes.kind in "iu"
            self.dtype = np.dtype(np.float16) if integers else self._bytes.newbyteorder("=")

    def look(self, array: Any, where: Callable[[int], str]) -> None:
        """Learn the length of the rows, and see whether base64 holds such numbers."""
        rows = self.matrix(array, where, nulls=True)
        self.n_cols = rows.shape[1]
        if self.told is not None:
            there = rows[np.isfinite(rows).all(axis=1)]
            if len(there):
                check_told(self._name, self._label, there, self.told)

    def matrix(
        self, array: Any, where: Callable[[int], str], *, nulls: bool = False
    ) -> NDArray[Any]:
        """Return the rows of a chunk of the column.

        Parameters
        ----------
        array
            Lists or strings, of at least one row.
        where
            Says where a row of the chunk stands.
        nulls
            Whether what is null is to come as NaN.

        Raises
        ------
        BadDataError
            A row that is null, has another length, or is no such text.
        """
        if self.kind == "base64":
            return self._of_base64(array, where, nulls=nulls)
        lists = array if self.kind == "list" else self._of_json(array, where)
        read = self._lists.matrix_with_nan if nulls else self._lists.matrix
        return read(lists, where)

    def _of_json(self, texts: Any, where: Callable[[int], str]) -> Any:
        """Parse texts; of one that cannot be parsed its place is found by halving."""
        pa = pyarrow(self._name, "jsonl")
        try:
            return lists_of_json(self._name, texts)
        except pa.ArrowInvalid as error:
            row = first_bad(
                len(texts), lambda some: lists_of_json(self._name, texts.slice(*some)), pa
            )
            text = texts[row].as_py()
            raise BadDataError(
                self._name,
                f"{where(row)} is no JSON list of numbers in column {self._label!r}: "
                f"{shortened(text)}",
            ) from error

    def _of_base64(self, texts: Any, where: Callable[[int], str], *, nulls: bool) -> NDArray[Any]:
        """Decode texts of one length side by side."""
        assert self._bytes is not None  # noqa: S101
        there = texts.is_valid().to_numpy(zero_copy_only=False)
        if not nulls and not there.all():
            raise BadDataError(
                self._name, f"{where(int(there.argmin()))} is null in column {self._label!r}"
            )
        rows = np.flatnonzero(there)
        width = self.n_cols or (
            self._width_of(texts[int(rows[0])].as_py(), where) if len(rows) else 1
        )
        decoded = np.full((len(texts), width), np.nan, self.dtype)
        if len(rows):
            some = texts.drop_null()
            wanted = _encoded(width * self._bytes.itemsize)
            self._check_lengths(some, wanted, lambda row: where(int(rows[row])))
            raw = np.frombuffer(some.buffers()[2], np.uint8)
            ends = np.frombuffer(some.buffers()[1], np.int32)[some.offset :]
            codes = raw[int(ends[0]) :][: len(some) * wanted].reshape(len(some), wanted)
            entries = self._entries(codes, width, lambda row: where(int(rows[row])))
            decoded[rows] = entries
        return decoded

    def _entries(
        self, codes: NDArray[np.uint8], width: int, where: Callable[[int], str]
    ) -> NDArray[Any]:
        """Return the numbers of rows of base64 letters."""
        assert self._bytes is not None  # noqa: S101
        size = width * self._bytes.itemsize
        letters = -(-size * 8 // 6)  # the rest is padding
        values = _CODES[codes]
        wrong = (values[:, :letters] == 255).any(axis=1)  # noqa: PLR2004
        wrong |= (codes[:, letters:] != ord("=")).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            raise BadDataError(
                self._name,
                f"{where(row)} is no base64 in column {self._label!r}: "
                f"{shortened(codes[row].tobytes().decode('utf-8', 'replace'))}",
            )
        values[:, letters:] = 0
        four = values.reshape(len(codes), -1, 4)
        three = np.empty((*four.shape[:2], 3), np.uint8)
        three[..., 0] = four[..., 0] << 2 | four[..., 1] >> 4
        three[..., 1] = four[..., 1] << 4 | four[..., 2] >> 2
        three[..., 2] = four[..., 2] << 6 | four[..., 3]
        found = three.reshape(len(codes), -1)[:, :size]
        return np.ascontiguousarray(found).view(self._bytes)

    def _width_of(self, text: str, where: Callable[[int], str]) -> int:
        """Return how many numbers the first row has."""
        assert self._bytes is not None  # noqa: S101
        try:
            size = len(b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            raise BadDataError(
                self._name,
                f"{where(0)} is no base64 in column {self._label!r}: {shortened(text)}",
            ) from error
        width, rest = divmod(size, self._bytes.itemsize)
        if rest or not width:
            raise BadDataError(
                self._name,
                f"{where(0)} has {size} bytes of base64 in column {self._label!r}, which are no "
                f"row of {self.told}; dtype tells what they are",
            )
        return width

    def _check_lengths(self, texts: Any, wanted: int, where: Callable[[int], str]) -> None:
        """Refuse a text of another length."""
        lengths = np.diff(
            np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
        )
        wrong = np.flatnonzero(lengths != wanted)
        if wrong.size:
            row = int(wrong[0])
            raise BadDataError(
                self._name,
                f"{where(row)} has {lengths[row]} letters of base64 in column {self._label!r}; "
                f"wanted {wanted}, as of the rows before",
            )


def _encoded(size: int) -> int:
    """Count the letters of some bytes in base64."""
    return 4 * -(-size // 3)


def first_bad(count: int, parse: Callable[[tuple[int, int]], Any], pa: Any) -> int:
    """Find the first of some rows that cannot be parsed, where one of them cannot.

    Parameters
    ----------
    count
        How many there are.
    parse
        Parses some of them, told by the first and how many.
    pa
        PyArrow.
    """
    good = 0  # so many can be
    while count > 1:
        half = count // 2
        try:
            parse((good, half))
        except pa.ArrowInvalid:
            count = half
        else:
            good, count = good + half, count - half
    return good


def shortened(text: str, most: int = 60) -> str:
    """Show the beginning of a text."""
    return repr(text if len(text) <= most else f"{text[:most]}...")
