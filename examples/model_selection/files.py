"""Files that are there whole or not at all, so that a run that was killed goes on."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["claim", "write_whole"]


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
        A name beside it, with the same suffix: some writers look at that. What a killed run left
        under it is written over.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def claim(folder: Path) -> IO[bytes]:
    """Make a folder this run's own, until the file that comes back is closed or the process ends.

    Raises
    ------
    SystemExit
        If another run has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ".lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SystemExit(f"another run is at work in {folder}") from None
    return file
