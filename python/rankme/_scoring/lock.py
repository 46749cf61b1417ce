"""One run at a time has the file of a run."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["locked"]


@contextmanager
def locked(path: str, warn: Callable[[str], None]) -> Iterator[None]:
    """Keep other runs from a file within the ``with``.

    The file itself is replaced at each checkpoint, so an empty one beside it is locked. The system
    ends the lock with the process, however that ends; the empty file of one that was killed stays,
    and is in nobody's way.

    Parameters
    ----------
    path
        Of the file of the run, which need not be there.
    warn
        Told in a text that the file system has no locks.

    Raises
    ------
    BadDataError
        Another run has it.
    OSError
        Nothing can be written beside it.
    """
    handle, beside = None, f"{os.path.realpath(path)}.lock"
    try:
        while handle is None:
            handle = _taken(beside)
    except BlockingIOError:
        raise BadDataError(
            path, "another run uses it now; two runs cannot share a file: end that one, or name "
            "another file",
        ) from None  # fmt: skip
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, path) from error
        warn(f"{path}: the file system has no locks; take care that one run at a time uses it")
        yield
        return
    try:
        yield
    finally:
        # While it is locked: whoever waits for this very file then sees that it is gone.
        with suppress(FileNotFoundError):
            os.unlink(beside)  # noqa: PTH108
        os.close(handle)


def _taken(beside: str) -> int | None:
    """Lock a file; None where it was removed meanwhile, a BlockingIOError where it is taken."""
    handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == os.stat(beside).st_ino:  # noqa: PTH116
            return handle
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None
