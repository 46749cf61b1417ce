"""Everything that a path holds, each by itself: the matrices of a file, the folders of a folder."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rankme.sources._converted import as_reading
from rankme.sources._errors import NoRowsError, SeveralDataError
from rankme.sources._folders import LocalFolder, is_data
from rankme.sources._format_table import KNOWN_SUFFIXES
from rankme.sources._formats import suffix_of
from rankme.sources._listing import in_order
from rankme.sources._open import open_as
from rankme.sources._shown import shown_url
from rankme.sources.huggingface import is_dataset
from rankme.sources.lakehouse import find_tables
from rankme.sources.zarr import is_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rankme.sources._reading import Reading
    from rankme.sources._source import RowSource

__all__ = ["Member", "Members", "members_of", "open_each"]


class Member(NamedTuple):
    """One of the sets that a path holds.

    Attributes
    ----------
    path : str
        Its own.
    column : str or None
        Which matrix of the file, where it holds several.
    """

    path: str
    column: str | None


class Members(NamedTuple):
    """All sets that a path holds.

    Attributes
    ----------
    sets : dict
        By their names: of matrices those in the file, of folders theirs.
    left_out : tuple of str
        Names of what is there and is none of these.
    why : str
        Why not.
    """

    sets: dict[str, Member]
    left_out: tuple[str, ...]
    why: str = "no set of embeddings"


def open_each(
    path: str | os.PathLike[str],
    *,
    dtype: object = None,
    integers: bool = False,
    unpack_bits: bool | str = False,
    storage_options: Mapping[str, Any] | None = None,
) -> dict[str, RowSource]:
    """Open everything that a path holds, each as a source of its own.

    Parameters
    ----------
    path : str or os.PathLike
        A container, of which every matrix is opened: ``.npz``, safetensors, PyTorch, HDF5, Zarr, or
        a table with several columns of vectors. Or a folder on disk, of which every sub-folder
        with files is opened as `rankme.open_source` does.
    dtype, integers, unpack_bits, storage_options
        As in `rankme.open_source`.

    Returns
    -------
    dict of str to RowSource
        By name, in natural order. What can be no set of embeddings, such as a bias, is not in it.

    Raises
    ------
    BadDataError, MissingLibraryError, OSError
        As `rankme.open_source`, of the first that cannot be opened; or a folder has no sub-folders.
    """
    reading = as_reading(None, dtype, integers, unpack_bits, storage_options=storage_options)
    found = members_of(os.fspath(path), reading)
    return {
        name: open_as(one.path, replace(reading, column=one.column))
        for name, one in found.sets.items()
    }


def members_of(path: str, reading: Reading) -> Members:
    """List what a path holds; errors as of `open_each`."""
    if os.path.isdir(path):  # noqa: PTH112
        folder = LocalFolder(path)
        # A store is a container; tables and saved datasets are one set, whatever their folders.
        if not (is_store(folder.top) or is_dataset(folder.top)):
            names = folder.names()
            if "" not in find_tables(names):
                return _folders_of(path, names)
    try:
        source = open_as(path, reading)
    except SeveralDataError as error:
        names = in_order(error.candidates)
        return Members({name: Member(path, name) for name in names}, error.others)
    name = source.identity.column or os.path.basename(shown_url(path))  # noqa: PTH119
    return Members({name: Member(path, source.identity.column)}, ())


def _folders_of(path: str, names: Sequence[str]) -> Members:
    """List the sub-folders with files."""
    inside: dict[str, bool] = {}
    beside: list[str] = []
    for name in names:
        top, slash, rest = name.partition("/")
        if not is_data([top]):
            continue
        if not slash:
            beside += [top] * (suffix_of(top) in KNOWN_SUFFIXES)
            continue
        inside[top] = inside.get(top, False) or bool(rest)
    if not inside:
        raise NoRowsError(
            path, "has no sub-folders with files, of which each would be a set: leave out --each"
        )
    sets = {name: Member(os.path.join(path, name), None) for name in in_order(inside)}  # noqa: PTH118
    return Members(sets, tuple(in_order(beside)), "files beside sub-folders, which are scored")
