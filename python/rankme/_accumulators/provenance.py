"""Where the rows of an accumulator come from: tags, and a fingerprint of ids in their places."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.arrays import is_tensor
from rankme._base.tags import DIMENSIONS, Tags, as_tags, tag_of_dimensions
from rankme.sources._column_order import ColumnOrder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "NOWHERE",
    "Origin",
    "Provenance",
    "encoded_ids",
    "fingerprint_of",
    "parse_origin",
]

_MAX_COUNT = 2**63 - 1
_DIGEST_BYTES = 16
_DIGESTS = 2 ** (8 * _DIGEST_BYTES)


class Origin(NamedTuple):
    """What is kept of the provenance in a saved state.

    Attributes
    ----------
    tags : mapping
    n_ids : int
        How many rows came with an id.
    digest : str
        Of these ids in their places, hexadecimal; empty where there are none.
    """

    tags: Tags
    n_ids: int
    digest: str

    def notes(self) -> dict[str, Any]:
        """Return the keys that the header of a saved state has for it."""
        found: dict[str, Any] = {"tags": dict(self.tags)} if self.tags else {}
        if self.n_ids:
            found["ids"] = {"rows": self.n_ids, "blake2b": self.digest}
        return found


NOWHERE = Origin({}, 0, "")


def parse_origin(fields: Mapping[str, Any]) -> Origin:
    """Return what the header of a saved state says, or raise a ValueError where that cannot be."""
    ids = fields.get("ids", {"rows": 0, "blake2b": ""})
    try:
        tags = as_tags(fields.get("tags", {}))
        rows, digest = ids["rows"], ids["blake2b"]
        bytes.fromhex(digest)
    except (TypeError, ValueError, KeyError):
        raise ValueError("the header has tags or ids of another form") from None
    if type(rows) is not int or not 0 <= rows <= _MAX_COUNT:
        raise ValueError(f"the header has {rows!r} rows with an id")
    return Origin(tags, rows, digest)


class Provenance:
    """The tags of one accumulator, and a sum of the hashes of its rows' ids.

    Each id is hashed with the place of its row, which is its group, or its number in the stream
    where there are no groups. A sum goes on after a save and adds up in a merge: it is that of all
    rows in their places, whatever the calls, the parts and their order were.
    """

    __slots__ = ("_lock", "_n_ids", "_order", "_sum", "tags")

    def __init__(self, origin: Origin = NOWHERE) -> None:
        self.tags = origin.tags
        self._order = ColumnOrder()
        self._lock = threading.Lock()
        self._n_ids = origin.n_ids
        self._sum = _number_of(origin.digest)

    @property
    def origin(self) -> Origin:
        """What it is now."""
        with self._lock:
            digest = self._sum.to_bytes(_DIGEST_BYTES, "little").hex() if self._n_ids else ""
            return Origin(self.tags, self._n_ids, digest)

    def add(self, ids: Sequence[bytes], groups: NDArray[np.int64] | None) -> None:
        """Take in ids of rows in these groups; None numbers the rows on."""
        with self._lock:
            first = self._n_ids
            places = range(first, first + len(ids)) if groups is None else groups.tolist()
            self._sum = (self._sum + sum(map(_hash_of, places, ids))) % _DIGESTS
            self._n_ids += len(ids)

    def take_columns(self, table: Any, width: int) -> tuple[str, ...]:
        """Return the columns of a table that are the dimensions, or refuse others than before."""
        names = self._order.of(table, width)
        known = self.tags.get(DIMENSIONS)
        if names and not self._order.names and known not in (None, tag_of_dimensions(names)):
            raise ValueError(
                f"Z has the columns {tag_of_dimensions(names)} for its dimensions, where those of "
                f"the rows before are {known}: rows would be put together by the place of their "
                f"columns, not by name; Z[names] puts columns in one order"
            )
        return names

    def keep_columns(self, names: tuple[str, ...]) -> None:
        """Remember the columns of what was taken in, by a tag too: parts are saved and merged."""
        self._order.keep(names)
        if names and DIMENSIONS not in self.tags:  # the user may have put others in their place
            self.tags = {**self.tags, DIMENSIONS: tag_of_dimensions(names)}

    def tags_with(self, other: Tags) -> Tags:
        """Return the tags of both, or raise a ValueError where they contradict each other."""
        for key in self.tags.keys() & other.keys():
            if self.tags[key] != other[key] and key == DIMENSIONS:
                raise ValueError(
                    f"cannot merge: the dimensions are the columns {self.tags[key]} here and "
                    f"{other[key]} in the other, and would be put together by their place; a "
                    f"pattern puts columns in order: --column 'x_*', open_source(..., column='x_*')"
                )
            if self.tags[key] != other[key]:
                raise ValueError(
                    f"cannot merge: tag {key!r} is {self.tags[key]!r} here and {other[key]!r} in "
                    f"the other, and the parts of one set have the same tags; if they are one set, "
                    f"set acc.tags of both alike"
                )
        return {**self.tags, **other}

    def merge(self, other: Origin) -> None:
        """Take in the ids of rows that are merged, in the places where they are, and their tags."""
        self.tags = self.tags_with(other.tags)
        with self._lock:
            self._sum = (self._sum + _number_of(other.digest)) % _DIGESTS
            self._n_ids += other.n_ids

    def reset(self) -> None:
        """Forget the ids and the columns; the user's tags stay."""
        self._order = ColumnOrder()
        self.tags = {key: value for key, value in self.tags.items() if key != DIMENSIONS}
        with self._lock:
            self._n_ids, self._sum = 0, 0


def _number_of(digest: str) -> int:
    """Return the sum that a digest is; 0 of an empty one."""
    return int.from_bytes(bytes.fromhex(digest), "little")


def _hash_of(place: int, encoded: bytes) -> int:
    """Hash the id of one row with its place."""
    data = b"%d %b" % (place, encoded)
    return int.from_bytes(hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest(), "little")


def encoded_ids(ids: Any, n_rows: int, mask: NDArray[np.bool_] | None = None) -> list[bytes]:
    """Return the bytes that are hashed of as many ids as rows, or raise an error.

    With a mask, each entry of which has an id, those of the rows that it keeps.
    """
    if is_tensor(ids):
        ids = ids.cpu().numpy()
    elif hasattr(ids, "to_numpy"):  # a Series, or an Index
        ids = ids.to_numpy()
    if isinstance(ids, str | bytes | Mapping) or not isinstance(ids, Sequence | np.ndarray):
        raise TypeError(f"ids must be a list or array of an id a row, not {type_name(ids)}")
    if mask is not None and mask.ndim > 1:
        raise ValueError(
            f"ids name rows one by one, and the mask has shape {mask.shape}; pass "
            f"Z.reshape(-1, Z.shape[-1]) and mask.reshape(-1)"
        )
    wanted = n_rows if mask is None else mask.size
    if len(ids) != wanted:
        raise ValueError(f"there are {len(ids)} ids and {wanted} rows; each row has one id")
    if mask is not None:
        ids = ids[mask] if isinstance(ids, np.ndarray) else list(itertools.compress(ids, mask))
    values = np.asarray(ids)
    if values.ndim == 1 and values.dtype.kind in "iu":
        return [b"%d" % number for number in values.tolist()]
    try:
        # Names of files that are no UTF-8 are ids like others.
        return [b"'" + str.encode(text, errors="surrogatepass") for text in values.tolist()]
    except TypeError:
        raise TypeError(
            "ids must be integers or texts, one a row; list(map(str, ids)) are texts"
        ) from None


def fingerprint_of(ids: object, n_rows: int, groups: NDArray[np.int64] | None = None) -> str:
    """Return the fingerprint of the ids of all rows of a set, dealt to groups or not."""
    provenance = Provenance()
    provenance.add(encoded_ids(ids, n_rows), groups)
    return provenance.origin.digest
