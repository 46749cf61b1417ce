"""Which Zarr stores lie in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme.sources import zarr
from rankme.sources._errors import BadDataError
from rankme.sources._folders import is_data
from rankme.sources._formats import KNOWN_SUFFIXES, suffix_of
from rankme.sources._sharded import natural_order

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["stores_in"]


def stores_in(folder: str, names: Sequence[str]) -> list[str]:
    """List the Zarr stores in a folder, in order; files beside them are refused."""
    stores: list[str] = []
    for name in sorted(names, key=lambda name: name.count("/")):
        place, _, last = name.rpartition("/")
        if zarr.is_store([last]) and not any(f"{place}/".startswith(f"{one}/") for one in stores):
            stores.append(place)
    inside = tuple(f"{store}/" for store in stores)
    others = [
        name
        for name in names
        if not name.startswith(inside)
        and is_data(name.split("/"))
        and suffix_of(name) in KNOWN_SUFFIXES
    ]
    if stores and others:
        raise BadDataError(
            folder,
            f"its folder {stores[0]} is a Zarr store or a saved dataset, beside files such as "
            f"{others[0]}; open that by itself, or name files by a pattern",
        )
    return sorted(stores, key=natural_order)
