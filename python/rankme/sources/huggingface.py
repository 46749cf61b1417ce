"""Hugging Face datasets on disk: what ``Dataset.save_to_disk`` leaves in a folder."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["DICT_FILE", "STATE_FILE", "is_cache", "is_dataset", "list_files"]

STATE_FILE = "state.json"
DICT_FILE = "dataset_dict.json"


def is_dataset(names: Collection[str]) -> bool:
    """Whether a folder with files of these names is a saved dataset, or a dictionary of such."""
    return STATE_FILE in names or DICT_FILE in names


def is_cache(name: str) -> bool:
    """Whether a file of this name is what ``Dataset.map`` and its like keep beside the data."""
    return re.search(r"(^|/)cache-[0-9a-f]{16}[^/]*\.arrow$", name) is not None


def list_files(name: str, read: Callable[[str], bytes], *, is_dict: bool) -> list[str]:
    """List the Arrow files of a saved dataset, in the order of their rows.

    Parameters
    ----------
    name
        The folder, for errors.
    read
        Returns the bytes of a file, by its path in the folder.
    is_dict
        Whether the folder holds a dictionary of datasets, which has to be of one split.

    Returns
    -------
    list of str
        Paths in the folder.
    """
    if not is_dict:
        return _files_of(name, read, "")
    splits = _parse(name, DICT_FILE, read(DICT_FILE)).get("splits")
    if not isinstance(splits, list) or not splits:
        raise BadDataError(name, f"{DICT_FILE} names no splits")
    if len(splits) > 1:
        raise BadDataError(
            name,
            f"holds {len(splits)} splits: {', '.join(map(repr, splits))}; open the folder of one",
        )
    return _files_of(name, read, f"{splits[0]}/")


def _files_of(name: str, read: Callable[[str], bytes], folder: str) -> list[str]:
    """List the data files of one dataset."""
    place = f"{folder}{STATE_FILE}"
    state = _parse(name, place, read(place))
    if state.get("_indices_data_files"):
        # Old versions kept the order of the rows beside them, and with it which rows count.
        raise BadDataError(name, "keeps its rows by a list of indices; save flatten_indices()")
    files = state.get("_data_files")
    if not isinstance(files, list) or not files:
        raise BadDataError(name, f"{place} names no data files")
    return [f"{folder}{entry['filename']}" for entry in files]


def _parse(name: str, place: str, text: bytes) -> dict[str, Any]:
    """Return the JSON object that a file holds."""
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise BadDataError(name, f"{place} cannot be read: {error}") from error
    if not isinstance(parsed, dict):
        raise BadDataError(name, f"{place} holds no object")
    return parsed
