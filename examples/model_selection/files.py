"""Files that are there whole or not at all, so that a run that was killed goes on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["write_whole"]


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give the name of a file to write; it takes its real name when all is written.

    Parameters
    ----------
    path : Path
        The real name. Folders on the way are made.

    Yields
    ------
    Path
        A name beside it, with the same suffix: some writers look at that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
