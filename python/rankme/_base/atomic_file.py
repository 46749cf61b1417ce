"""Files that are written whole or not at all.

The bytes go to a temporary file in the same folder, which is flushed to the disk and then renamed
over the target. A crash leaves the old file or the new one; at worst a stray ``.rankme-*.tmp``
beside it, never half a file under the name itself.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable

__all__ = ["remove_strays", "write_pieces"]


def write_pieces(path: str | os.PathLike[str], pieces: Iterable[bytes | memoryview]) -> None:
    """Write pieces of bytes to a file, whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
        An existing file is replaced, and its permissions are kept; of a symbolic link, the file
        that it points to.
    pieces : iterable of bytes or memoryview
        Written one after the other.

    Raises
    ------
    OSError
        If it cannot be written, or exists and is no regular file. The old file then stands, and no
        temporary file is left; only where flushing the folder fails, after the renaming, the new
        file stands.
    """
    target = os.path.realpath(path)
    mode = _mode_of(target)
    folder = os.path.dirname(target)  # noqa: PTH120
    temporary = os.path.join(folder, f"{_stray_prefix(target)}{secrets.token_hex(8)}.tmp")  # noqa: PTH118
    # tempfile.mkstemp would give a new file mode 0600 instead of what the umask says. What replaces
    # a private file must be private from the start.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            _lock(descriptor)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    _flush_folder(folder)


def remove_strays(path: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed while they wrote a file have left beside it.

    What is still being written stays, and so does what cannot be removed.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)  # noqa: PTH120
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            if name.startswith(_stray_prefix(target)) and name.endswith(".tmp"):
                _remove_unlocked(os.path.join(folder, name))  # noqa: PTH118


def _remove_unlocked(stray: str) -> None:
    """Remove a temporary file, unless a process is still writing it."""
    with open(stray, "rb") as file:  # noqa: PTH123
        if _lock(file.fileno()):
            os.unlink(stray)  # noqa: PTH108


def _lock(descriptor: int) -> bool:
    """Lock a file as long as it is open here; False where another process has, or it cannot be."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stray_prefix(target: str) -> str:
    """Return how the names of a file's temporary files begin."""
    # Of one length, since the name itself may be as long as a name can be.
    digest = hashlib.sha256(os.fsencode(os.path.basename(target))).hexdigest()  # noqa: PTH119
    return f".rankme-{digest[:16]}-"


def _mode_of(target: str) -> int | None:
    """Return the permissions of the file to replace, or None where there is none."""
    try:
        mode = os.stat(target).st_mode  # noqa: PTH116
    except FileNotFoundError:
        return None
    # Renaming over a device or a pipe would put a file in its place.
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "exists and is not a regular file", target)
    return mode & 0o777


def _flush_folder(folder: str) -> None:
    """Flush the entries of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot flush a folder and say so; nothing more can be done.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
