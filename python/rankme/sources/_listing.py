"""Which names of a folder are its embeddings: Zarr stores, or files of one format."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rankme.sources import huggingface, zarr
from rankme.sources._errors import BadDataError
from rankme.sources._folders import is_data
from rankme.sources._format_table import KNOWN_SUFFIXES
from rankme.sources._formats import is_beside, suffix_of
from rankme.sources._sets import require_one_set
from rankme.sources._sharded import natural_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["data_files", "in_order", "is_packed", "stores"]

# Behind the suffix of a format: what is not read, and what was not written to its end.
_PACKED = {"gz", "bz2", "xz", "zst", "lz4", "zip"}
_UNREAD = _PACKED | {"part", "partial", "crdownload", "incomplete"}


def stores(folder: str, names: Sequence[str]) -> list[str]:
    """List the Zarr stores in a folder, in order; files beside them are refused."""
    found: list[str] = []
    for name in sorted(names, key=lambda name: name.count("/")):
        place, _, last = name.rpartition("/")
        if zarr.is_store([last]) and not any(f"{place}/".startswith(f"{one}/") for one in found):
            found.append(place)
    inside = tuple(f"{store}/" for store in found)
    others = [
        name
        for name in names
        if not name.startswith(inside)
        and is_data(name.split("/"))
        and suffix_of(name) in KNOWN_SUFFIXES
    ]
    if found and others:
        raise BadDataError(
            folder,
            f"its folder {found[0]} is a Zarr store or a saved dataset, beside files such as "
            f"{others[0]}; open that by itself, or name files by a pattern",
        )
    return in_order(found)


def data_files(folder: str, names: Sequence[str]) -> list[str]:
    """Choose the files of embeddings among those of a folder, in order; one format only."""
    data = [name for name in names if is_data(name.split("/"))]
    found = [name for name in data if suffix_of(name) in KNOWN_SUFFIXES]
    if not found:
        raise BadDataError(
            folder, f"a folder without a file of embeddings; wanted {', '.join(KNOWN_SUFFIXES)}"
        )
    for name in names:
        place, _, last = name.rpartition("/")
        if huggingface.is_dataset([last]):
            raise BadDataError(
                folder,
                f"its folder {place} is a saved dataset, by its {last}; open that "
                f"by itself, or name files by a pattern",
            )
    for name in data:
        whole, _, end = name.rpartition(".")
        if end in _UNREAD and suffix_of(whole) in KNOWN_SUFFIXES and name not in found:
            raise BadDataError(
                folder,
                f"holds {name}, which is compressed or not finished, so that its rows would be "
                f"missing; decompress it, fetch it again, or name the other files by a pattern",
            )
    caches = [name for name in found if huggingface.is_cache(name)]
    if 0 < len(caches) < len(found):
        raise BadDataError(
            folder,
            f"holds {caches[0]}, which the datasets library makes of the other files; name these "
            f"by a pattern",
        )
    # Beside other formats, text is about the rows: their ids and labels. So is an index of them.
    found = [name for name in found if not is_beside(name)] or found
    found = in_order(found)
    require_one_set(folder, found)
    counts = Counter(map(suffix_of, found))
    if len(counts) > 1:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
        raise BadDataError(
            folder, f"holds files of several formats: {kinds}; name some by a pattern"
        )
    return found


def is_packed(name: str) -> bool:
    """Whether a file is compressed in a way in which its format is not read."""
    whole, _, end = name.rpartition(".")
    return (
        end in _PACKED
        and suffix_of(whole) in KNOWN_SUFFIXES
        and suffix_of(name) not in KNOWN_SUFFIXES
    )


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names, with their numbers as numbers."""
    return sorted(names, key=natural_order)
