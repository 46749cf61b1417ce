"""Where in a line of JSON the vectors are: under a key, or in the answer of a service."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import pick
from rankme.sources._errors import BadDataError
from rankme.sources._reading import PLAIN, Reading
from rankme.sources._text import kind_of_text, shortened
from rankme.sources._vector_types import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["CUT", "Layout", "is_cut", "is_null", "layout_of", "nested"]

# Where an answer has its items: in a line of a batch file, and alone.
ANSWERS = (("response", "body", "data"), ("body", "data"), ("data",))
VECTOR = "embedding"
FAILED = 400  # and above: a status of HTTP
# Which kinds of vectors are taken, where no key is named: the first that is there. Whole numbers
# may be ids of tokens, and base64 a hash, where something else is there.
KINDS = ({"list", "json"}, {"integers", "base64"})
KINDS_OF_BYTES = ({"integers", "base64"}, {"list", "json"})
CUT = "it is cut, for brackets or quotes in it are not closed"
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def is_cut(line: bytes) -> bool:
    """Tell whether a line of JSON ends before what it opens is closed."""
    bare = _STRING.sub(b"", line)
    opened, closed = (sum(map(bare.count, some)) for some in ((b"[", b"{"), (b"]", b"}")))
    return b'"' in bare or opened > closed


@dataclass(frozen=True)
class Layout:
    """Where the vectors of a line are.

    Attributes
    ----------
    path : tuple of str
        The keys that lead to them, or to the items of an answer.
    kind : str
        As of `rankme.sources._text.TextColumn`.
    is_answers : bool
        Whether a line holds the items of an answer, each with an index and a vector.
    has_error : bool
        Whether a line tells of an error beside the answer.
    is_whole : bool
        Whether all numbers of the first lines are whole.
    """

    path: tuple[str, ...]
    kind: str
    is_answers: bool = False
    has_error: bool = False
    is_whole: bool = False

    @property
    def label(self) -> str:
        """The keys, joined by dots."""
        return ".".join((*self.path, VECTOR) if self.is_answers else self.path)

    def schema(self, pa: Any) -> Any:
        """Return what PyArrow is to read of a line."""
        leaf = pa.list_(pa.float64()) if self.kind == "list" else pa.string()
        if self.is_answers:
            leaf = pa.list_(pa.struct([("index", pa.int64()), (VECTOR, leaf)]))
        if not self.has_error:
            return pa.schema([(self.path[0], nested(pa, self.path[1:], leaf))])
        error = pa.struct([("message", pa.string())])
        body = pa.struct([("data", leaf), ("error", error)])
        response = pa.struct([("status_code", pa.int64()), ("body", body)])
        return pa.schema([("response", response), ("error", error)])

    def vectors(self, table: Any) -> Any:
        """Return what lies at the end of the keys, an array with a row for each line."""
        pa = pyarrow("JSON", "jsonl")
        compute = pyarrow("JSON", "jsonl", "pyarrow.compute")
        found = table.column(self.path[0])
        found = found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
        for key in self.path[1:]:
            found = compute.struct_field(found, key)
        return found

    def answers(
        self, name: str, table: Any, lines: NDArray[np.int64]
    ) -> tuple[Any, NDArray[np.int64]]:
        """Return the vectors of all items in the order of their index, and the line of each.

        Parameters
        ----------
        name
            The file, for errors.
        table
            Of the schema.
        lines
            The numbers of the lines.

        Raises
        ------
        BadDataError
            A line that failed, or lacks an item.
        """
        compute = pyarrow(name, "jsonl", "pyarrow.compute")
        self._refuse_failed(name, table, lines)
        items = self.vectors(table)
        counts = compute.list_value_length(items).to_numpy(zero_copy_only=False)
        flat = items.flatten()
        parents = np.repeat(np.arange(len(items)), counts.astype(np.int64))
        inside = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
        index = compute.struct_field(flat, "index")
        values = compute.fill_null(index, -1).to_numpy(zero_copy_only=False)
        order = np.lexsort((values, parents))
        wrong = values[order] != inside
        # An answer of a single item may tell no index.
        wrong &= ~((values[order] == -1) & (counts[parents] == 1))
        if wrong.any():
            line = lines[parents[int(wrong.argmax())]]
            raise BadDataError(
                name,
                f"line {line} has not one item for each index from 0 on, so that rows are missing "
                f"or there twice",
            )
        vectors = compute.struct_field(flat, VECTOR)
        if (np.diff(order) != 1).any():
            pa = pyarrow(name, "jsonl")
            vectors = vectors.take(pa.array(order))
        return vectors, lines[parents]

    def _refuse_failed(self, name: str, table: Any, lines: NDArray[np.int64]) -> None:
        """Raise a BadDataError for the first line without an answer."""
        compute = pyarrow(name, "jsonl", "pyarrow.compute")
        counts = compute.fill_null(compute.list_value_length(self.vectors(table)), 0)
        failed = counts.to_numpy(zero_copy_only=False) == 0
        messages = []
        if self.has_error:
            response, error = table.column("response").chunk(0), table.column("error").chunk(0)
            failed |= error.is_valid().to_numpy(zero_copy_only=False)
            codes = compute.fill_null(compute.struct_field(response, "status_code"), 0)
            failed |= codes.to_numpy(zero_copy_only=False) >= FAILED
            body = compute.struct_field(response, "body")
            messages = [
                compute.struct_field(error, "message"),
                compute.struct_field(compute.struct_field(body, "error"), "message"),
            ]
        if not failed.any():
            return
        row = int(failed.argmax())
        told = next(filter(None, (message[row].as_py() for message in messages)), None)
        more = int(failed.sum()) - 1
        others = f" (and {more} more in the lines near it)" if more else ""
        raise BadDataError(
            name,
            f"line {lines[row]} failed: it has no embeddings"
            f"{'' if told is None else f', and the error {shortened(told)}'}{others}; ask for it "
            f"again, or leave such lines out of the file",
        )


def nested(pa: Any, keys: Sequence[str], leaf: Any) -> Any:
    """Return the type of objects within objects."""
    return pa.struct([(keys[0], nested(pa, keys[1:], leaf))]) if keys else leaf


def layout_of(
    name: str, lines: Sequence[bytes], numbers: NDArray[np.int64], reading: Reading = PLAIN
) -> Layout:
    """Find the vectors in the first lines of a file.

    Parameters
    ----------
    name
        The file, for errors.
    lines
        Those that are not blank.
    numbers
        Of these lines; more of them may follow.
    reading
        With the key that the user asked for, with dots for keys within, and whether lists of whole
        numbers are meant.

    Raises
    ------
    BadDataError
        A line is no JSON object; no key has vectors, or several do, or whole numbers that nobody
        says to be embeddings; the first lines of a batch all failed.
    """
    column = reading.column
    rows = [
        _object(name, line, int(number))
        for line, number in zip(lines, numbers, strict=False)
        if line.strip()
    ]
    if column is None:
        answer = _answer_in(name, rows, int(numbers[0]))
        if answer is not None:
            return _meant(name, answer, reading)
    kinds: dict[str, str] = {}
    paths: dict[str, tuple[str, ...]] = {}
    for row in rows:
        for path, value in _leaves(row):
            if value is not None:
                key = ".".join(path)
                paths.setdefault(key, path)
                kind = _kind_of(value, is_named=key == column) or ""
                # A vector may be of zeros.
                if kinds.setdefault(key, kind) == "integers" and kind == "list":
                    kinds[key] = kind
    ranks = KINDS_OF_BYTES if reading.takes_bytes else KINDS
    by_kind = [{key for key in kinds if kinds[key] in some} for some in ranks]
    fitting: set[str] = next(filter(None, by_kind), set())
    found = pick(name, column, {key: key in fitting for key in kinds}, "key")
    if not kinds[found]:
        raise BadDataError(
            name, f"the key {found!r} holds neither lists of numbers nor their text or base64"
        )
    return _meant(name, _layout(paths[found], kinds[found]), reading)


def _layout(path: tuple[str, ...], kind: str, **answers: bool) -> Layout:
    """Return the layout of a kind of vectors: whole numbers are read as lists of numbers are."""
    is_whole = kind == "integers"
    return Layout(path, "list" if is_whole else kind, is_whole=is_whole, **answers)


def _meant(name: str, layout: Layout, reading: Reading) -> Layout:
    """Refuse whole numbers that nobody says to be embeddings, and bytes of no known type."""
    if layout.is_whole and not reading.takes_bytes:
        raise BadDataError(
            name,
            f"the key {layout.label!r} holds whole numbers in the first lines, which may be ids, "
            f"bytes or packed bits; if they are embeddings: integers=True, --integers; packed "
            f"bits: unpack_bits=True, --unpack-bits, with their dtype; or name another key: "
            f"column, --column",
        )
    if layout.kind == "base64" and reading.takes_bytes and reading.told is None:
        raise BadDataError(
            name, "which bytes base64 holds is not told: dtype='int8' or 'uint8', --dtype"
        )
    return layout


def _object(name: str, line: bytes, number: int) -> Mapping[str, Any]:
    """Parse a line that has to be an object."""
    try:
        found = json.loads(line)
    except ValueError as error:
        reason = CUT if is_cut(line) else str(error)
        raise BadDataError(name, f"line {number} is no JSON: {reason}") from error
    if not isinstance(found, dict):
        raise BadDataError(
            name, f"line {number} is JSON of another kind than an object: {shortened(str(found))}"
        )
    return found


def _answer_in(name: str, rows: Sequence[Mapping[str, Any]], number: int) -> Layout | None:
    """Find the answers of an embedding service; None where these are none."""
    is_batch = any("custom_id" in row and "response" in row for row in rows)
    for row in rows:
        for path in ANSWERS:
            items: Any = row
            for key in path:
                items = items.get(key) if isinstance(items, dict) else None
            if isinstance(items, list) and items and isinstance(items[0], dict):
                found = [_kind_of(item.get(VECTOR)) for item in items if isinstance(item, dict)]
                kind = "list" if "list" in found else found[0]
                if kind is not None:
                    has_error = path[0] == "response"
                    return _layout(path, kind, is_answers=True, has_error=has_error)
    if is_batch:
        raise BadDataError(
            name,
            f"line {number} failed: it has no embeddings, nor have {len(rows) - 1} that follow; "
            f"it begins {shortened(str(dict(rows[0])), 200)}",
        )
    return None


def is_null(line: bytes, column: str | None) -> bool:
    """Whether a line has null in the place of its vector, so that it does not tell how these are.

    What lacks the key, or cannot be read, is another matter.
    """
    try:
        leaves = list(_leaves(json.loads(line)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False
    nulls = [".".join(path) for path, value in leaves if value is None]
    if column is not None:
        return any(f"{column}.".startswith(f"{path}.") for path in nulls)
    return bool(nulls) and not any(isinstance(value, (list, str)) for _, value in leaves)


def _leaves(
    row: Mapping[str, Any], before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what is no object, under the keys that lead to it."""
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*before, key))
        else:
            yield (*before, key), value


def _kind_of(value: Any, *, is_named: bool = False) -> str | None:
    """Tell how a vector is written; None of what is none. Base64 may be short if it is named."""
    if isinstance(value, str):
        return kind_of_text(value, is_named=is_named)
    if not isinstance(value, list) or not value:
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float | None) for one in value):
        return None
    return "list" if any(isinstance(one, float) for one in value) else "integers"
