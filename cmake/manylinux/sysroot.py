"""Unpack the headers and libraries of Debian 11's glibc 2.31, which toolchain.cmake builds against.

    python cmake/manylinux/sysroot.py FOLDER

Packages are named with their checksums. A folder that is complete is kept. Nothing but Python is
needed, so that this works where dpkg, curl and xz are not.
"""

import hashlib
import io
import os
import shutil
import sys
import tarfile
import urllib.request
from pathlib import Path

MIRRORS = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")
PACKAGES = {
    "pool/main/g/glibc/libc6_2.31-13+deb11u11_amd64.deb": (
        "05f7264da867b37f4c5ce49266b558ea1e81e05a9464f623152fca70f3550282"
    ),
    "pool/main/g/glibc/libc6-dev_2.31-13+deb11u11_amd64.deb": (
        "e7f7b45d9c5cfcf37609f0b6efd3c645272c812144703af89dfd32218fcb0fd3"
    ),
    "pool/main/l/linux/linux-libc-dev_5.10.223-1_amd64.deb": (
        "e3be603bd12377bb90fcfb0f2048ca3a81c886e49d6f09945b82159d1c54f7b2"
    ),
    "pool/main/libx/libxcrypt/libcrypt-dev_4.4.18-4_amd64.deb": (
        "8b04bf00b8c43360d9ba3adec209db290168ba3526d4aef3175fb84372b1bebf"
    ),
    "pool/main/libx/libxcrypt/libcrypt1_4.4.18-4_amd64.deb": (
        "f617952df0c57b4ee039448e3941bccd3f97bfff71e9b0f87ca6dae15cb3f5ef"
    ),
    "pool/main/g/gcc-10/libgcc-s1_10.2.1-6_amd64.deb": (
        "e478f2709d8474165bb664de42e16950c391f30eaa55bc9b3573281d83a29daf"
    ),
}
# An archive of ar: a magic, then members of a header, their bytes, and a byte up to an even place.
_MAGIC, _HEADER, _NAME, _SIZE = b"!<arch>\n", 60, slice(0, 16), slice(48, 58)


def fetched(path: str, checksum: str) -> bytes:
    """Return a package from the first mirror that has it, if it is the one that is meant."""
    errors = []
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(f"{mirror}/{path}", timeout=60) as answer:  # noqa: S310
                package: bytes = answer.read()
        except OSError as error:
            errors.append(f"{mirror}: {error}")
            continue
        found = hashlib.sha256(package).hexdigest()
        if found == checksum:
            return package
        errors.append(f"{mirror}: the checksum is {found}, not {checksum}")
    raise SystemExit(f"{path} cannot be had:\n  " + "\n  ".join(errors))


def member(package: bytes, start: bytes) -> bytes:
    """Return the member of an ar archive whose name starts so."""
    if not package.startswith(_MAGIC):
        raise SystemExit("a package is no ar archive")
    place = len(_MAGIC)
    while place < len(package):
        header = package[place : place + _HEADER]
        size = int(header[_SIZE])
        place += _HEADER
        if header[_NAME].startswith(start):
            return package[place : place + size]
        place += size + size % 2
    raise SystemExit(f"a package has no {start.decode()}")


def made_relative(folder: Path) -> None:
    """Let links lead to this folder's files.

    A link to /lib/x86_64-linux-gnu/libm.so.6 would lead to the library of this machine, and the
    linker would take that without a word.
    """
    for path in folder.rglob("*"):
        if path.is_symlink() and path.readlink().is_absolute():
            target = folder / path.readlink().relative_to("/")
            path.unlink()
            path.symlink_to(os.path.relpath(target, path.parent))


def main(folder: Path) -> None:
    """Make the folder, unless it is complete."""
    complete = folder / "complete"
    if complete.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, checksum in PACKAGES.items():
        data = member(fetched(path, checksum), b"data.tar")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            # Debian's own files, by their checksums: links to absolute places are among them.
            archive.extractall(folder, filter="fully_trusted")  # noqa: S202
    shutil.rmtree(folder / "usr/share")
    made_relative(folder)
    complete.touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
