"""Where the rows of an accumulator come from: tags, and a fingerprint of their ids in order."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.arrays import is_tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "NOWHERE",
    "Origin",
    "Provenance",
    "Tags",
    "as_tags",
    "encoded_ids",
    "fingerprint_of",
    "parse_origin",
]

Tags: TypeAlias = Mapping[str, str | int | float | bool]

_MAX_COUNT = 2**63 - 1
_DIGEST_BYTES = 16
_ENDED = b"\xff"


class Origin(NamedTuple):
    """What is kept of the provenance in a saved state.

    Attributes
    ----------
    tags : mapping
    n_ids : int
        How many rows came with an id.
    digest : str
        Of these ids in order, hexadecimal; empty where there are none.
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


def as_tags(tags: object) -> Tags:
    """Return tags that were checked: texts as keys, and texts, numbers or booleans as values."""
    if not isinstance(tags, Mapping):
        raise TypeError(f"tags must be a mapping such as {{'step': 1000}}, not {type_name(tags)}")
    for key, value in tags.items():
        if not isinstance(key, str):
            raise TypeError(f"the keys of tags must be texts, and {key!r} is {type_name(key)}")
        if not isinstance(value, str | int | float):
            raise TypeError(
                f"tag {key!r} must be a text, a number or a boolean, not {type_name(value)}"
            )
        if isinstance(value, float) and not np.isfinite(value):
            raise ValueError(f"tag {key!r} must be finite, not {value}")
    return dict(tags)


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
    """The tags of one accumulator, and the hash of its rows' ids as they come."""

    __slots__ = ("_digest", "_hash", "_lock", "_n_ids", "tags")

    def __init__(self, origin: Origin = NOWHERE) -> None:
        self.tags = origin.tags
        self._lock = threading.Lock()
        self._n_ids = origin.n_ids
        self._digest = origin.digest
        self._hash: hashlib.blake2b | None = None

    @property
    def origin(self) -> Origin:
        """What it is now."""
        with self._lock:
            digest = self._digest if self._hash is None else self._hash.hexdigest()
            return Origin(self.tags, self._n_ids, digest)

    def add(self, encoded: bytes, n_ids: int) -> None:
        """Take in ids behind those before."""
        with self._lock:
            # A hash that goes on cannot be saved: what was loaded begins one on the saved digest.
            if self._hash is None:
                self._hash = hashlib.blake2b(bytes.fromhex(self._digest), digest_size=_DIGEST_BYTES)
            self._hash.update(encoded)
            self._n_ids += n_ids

    def tags_with(self, other: Tags) -> Tags:
        """Return the tags of both, or raise a ValueError where they contradict each other."""
        for key in self.tags.keys() & other.keys():
            if self.tags[key] != other[key]:
                raise ValueError(
                    f"cannot merge: tag {key!r} is {self.tags[key]!r} here and {other[key]!r} in "
                    f"the other, and the parts of one set have the same tags; if they are one set, "
                    f"set acc.tags of both alike"
                )
        return {**self.tags, **other}

    def merge(self, other: Origin) -> None:
        """Take in the ids of rows that are merged behind those here, and their tags."""
        self.tags = self.tags_with(other.tags)
        if not other.n_ids:
            return
        if not self._n_ids:
            self._n_ids, self._digest, self._hash = other.n_ids, other.digest, None
        else:
            # Not as if they had been added: which group a row goes to depends on the merges.
            self.add(b"merged" + bytes.fromhex(other.digest), other.n_ids)

    def reset(self) -> None:
        """Forget the ids; the tags stay."""
        with self._lock:
            self._n_ids, self._digest, self._hash = 0, "", None


def encoded_ids(ids: Any, n_rows: int, mask: NDArray[np.bool_] | None = None) -> bytes:
    """Return the bytes that the hash takes of as many ids as rows, or raise an error.

    With a mask, each entry of which has an id, those of the rows that it keeps.
    """
    if is_tensor(ids):
        ids = ids.cpu().numpy()
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
        return values.astype("<i8").tobytes()
    try:
        # No UTF-8 has the byte 255, so that no two lists of texts are the same bytes.
        return b"".join(map(_ENDED.__add__, map(str.encode, values.tolist())))
    except TypeError:
        raise TypeError(
            "ids must be integers or texts, one a row; list(map(str, ids)) are texts"
        ) from None


def fingerprint_of(ids: object, n_rows: int) -> str:
    """Return the fingerprint of the ids of all rows of a set."""
    provenance = Provenance()
    provenance.add(encoded_ids(ids, n_rows), n_rows)
    return provenance.origin.digest
