"""From a path, a pattern or a URL to a source."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rankme.sources._errors import BadDataError
from rankme.sources._files import LocalFile
from rankme.sources._formats import KNOWN_SUFFIXES, open_file, suffix_of
from rankme.sources._sharded import ShardedSource, natural_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rankme.sources._source import RowSource

__all__ = ["open_source"]


def open_source(path: str | os.PathLike[str], *, column: str | None = None) -> RowSource:
    """Open embeddings where they lie, as a source of rows.

    Parameters
    ----------
    path : str or os.PathLike
        A file, a folder of files (its sub-folders too), or a pattern such as ``"part-*.npy"``;
        the files of a folder or pattern are one set, in natural order: part-2 before part-10.
        Formats are told by their first bytes, those that have none by their suffix.
    column : str
        Which column of a table, tensor or dataset of a container. Needed only where several could
        be meant.

    Returns
    -------
    RowSource
        Its shape is known and checked; rows are read by `RowSource.blocks` only.

    Raises
    ------
    BadDataError
        The file does not hold a matrix of float16, bfloat16, float32 or float64; several columns
        could be meant (they are listed); files of a folder differ in width or format.
    MissingLibraryError
        The format needs a library that is not installed: an ImportError that names the extra.
    OSError
        A file cannot be opened or read.
    """
    text = os.fspath(path)
    if os.path.isdir(text):  # noqa: PTH112
        return _open_folder(text, column)
    if not os.path.lexists(text) and glob.has_magic(text):
        found = [name for name in glob.glob(text, recursive=True) if os.path.isfile(name)]  # noqa: PTH113, PTH207
        if not found:
            raise FileNotFoundError(2, "no file matches", text)
        return _open_set(text, sorted(found, key=natural_order), column)
    return open_file(LocalFile.find(path), column)


def _open_folder(path: str, column: str | None) -> RowSource:
    found = [
        str(file)
        for file in Path(path).rglob("*")
        if suffix_of(file.name) in KNOWN_SUFFIXES and _is_data(file.relative_to(path).parts)
    ]
    if not found:
        raise BadDataError(
            path, f"a folder without a file of embeddings; wanted {', '.join(KNOWN_SUFFIXES)}"
        )
    _check_formats(path, found)
    return _open_set(path, sorted(found, key=natural_order), column)


def _is_data(parts: Sequence[str]) -> bool:
    # As Spark and Arrow have it: names that begin so are notes and unfinished work.
    return not any(part.startswith((".", "_")) for part in parts)


def _check_formats(path: str, found: Iterable[str]) -> None:
    counts = Counter(suffix_of(name) for name in found)
    if len(counts) > 1:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
        raise BadDataError(path, f"holds files of several formats: {kinds}; name some by a pattern")


def _open_set(name: str, paths: Sequence[str], column: str | None) -> RowSource:
    return ShardedSource(name, tuple(open_file(LocalFile.find(path), column) for path in paths))
