"""How URLs are spelled: their one spelling, chains, the files below a folder."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "WILDCARD",
    "is_web",
    "links_of",
    "one_link",
    "split_user",
    "urls_below",
    "with_whole_paths",
]

# Different names of one protocol.
ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
# Where what comes before an @ is a user. Elsewhere it may be a part of the place: the container in
# abfs://container@account, a folder in memory://.
WITH_USER = {"http", "https", "ftp", "sftp", "ssh", "smb", "hdfs", "webhdfs"}
# Between the links of fsspec's chains, as zip://part.npy::s3://bucket/all.zip; a file name may have
# two colons as well.
CHAINED = re.compile(r"::(?=[A-Za-z0-9]+://|/)")
WILDCARD = re.compile(r"[*?[]")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
SERVER_END = re.compile(r"[/?#]")
PASSWORD = re.compile(r"^[^\[:]*:[0-9]*[^0-9:]")  # where the number of a port would be


def is_web(url: str) -> bool:
    """Whether it is the URL of a web server, where a question mark begins a query."""
    return url.startswith(("http://", "https://"))


def links_of(url: str) -> list[str]:
    """Return the links of a chain of URLs, or the one URL."""
    return CHAINED.split(url)


def one_link(url: str) -> str:
    """Return the one spelling of a link of a chain: without user and password."""
    protocol, mark, rest = split_user(url)[1].partition("://")
    return ALIASES.get(protocol, protocol) + mark + rest


def split_user(url: str) -> tuple[str, str]:
    """Return what stands before the server of a link, ``user:password@``, and the rest."""
    protocol, mark, rest = url.partition("://")
    if mark and SCHEME.fullmatch(protocol):
        end = SERVER_END.search(rest)
        server = rest[: end.start()] if end else rest
        user, at, host = server.rpartition("@")
        # A password with a slash or a question mark in it goes on to the last @.
        if protocol in WITH_USER and not at and PASSWORD.search(server):
            user, at, host = rest.rpartition("@")
            server = rest
        if at and (protocol in WITH_USER or ":" in user):
            return f"{user}@", f"{protocol}://{host}{rest[len(server) :]}"
    return "", url


def with_whole_paths(url: str) -> str:
    """Write out the path on disk that a chain may end with, for whom works in another folder."""
    head, mark, last = url.rpartition("::")
    return url if not mark or "://" in last else head + mark + os.path.realpath(last)


def urls_below(
    url: str, path: str, found: Iterable[str], *, is_pattern: bool
) -> Iterator[tuple[str, str]]:
    """Pair what a file system found in a folder or by a pattern with the URLs of these files.

    Parameters
    ----------
    url, path
        The folder or pattern, as the user and as the file system has it.
    found
        Paths in the file system.
    """

    # The file system's own way back forgets hosts, accounts and the archive that a file is in. But
    # what comes before the first wildcard stands in the URL as well as in each path.
    def fixed(text: str) -> str:
        if not is_pattern:
            return text if text.endswith("://") else text.rstrip("/") + "/"
        wildcard = WILDCARD.search(text)
        return text[: text.rfind("/", 0, wildcard.start() if wildcard else None) + 1]

    links = links_of(url)
    number = next(number for number, link in enumerate(links) if "://" in link)
    base, begin = fixed(links[number]), fixed(path)
    for place in found:
        links[number] = base + place.removeprefix(begin)
        yield place, "::".join(links)
