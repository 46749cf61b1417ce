"""Accumulators of modules as files of a folder: which names they get, and what is not replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

__all__ = ["files_of"]

_MODEL = "@model"  # no module's: quoted, an @ is %40


def files_of(
    folder: str | os.PathLike[str], modules: Iterable[str], *, overwrite: bool
) -> dict[str, Path]:
    """Make a folder, and return the file of each module in it.

    Parameters
    ----------
    folder
        Made where it is not there.
    modules
        Names, of which what is no letter, digit, ``.``, ``_``, ``-`` or ``~`` is quoted as in URLs.
        The model itself, ``""``, is called ``@model``.
    overwrite
        Whether files that are there may be replaced; else they are a FileExistsError.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = {name: place / f"{quote(name, safe='') or _MODEL}.rankme" for name in modules}
    for file in files.values():
        if file.exists() and not overwrite:
            raise FileExistsError(
                f"save: {file} is there already; overwrite=True replaces it, or take another folder"
            )
    return files
