"""How URLs are spelled: the one name that a shard goes by, chains, the files below a folder."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["WILDCARD", "is_web", "links_of", "one_name", "urls_below", "with_whole_paths"]

# Different names of one protocol.
ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
# Where what comes before an @ is a user. Elsewhere it may be a part of the place: the container in
# abfs://container@account, a folder in memory://.
WITH_USER = {"http", "https", "ftp", "sftp", "ssh", "smb", "hdfs", "webhdfs"}
# Between the links of fsspec's chains, as zip://part.npy::s3://bucket/all.zip; a file name may have
# two colons as well.
CHAINED = re.compile(r"::(?=[A-Za-z0-9]+://|/)")
WILDCARD = re.compile(r"[*?[]")


def is_web(url: str) -> bool:
    """Whether it is the URL of a web server, where a question mark begins a query."""
    return url.startswith(("http://", "https://"))


def links_of(url: str) -> list[str]:
    """Return the links of a chain of URLs, or the one URL."""
    return CHAINED.split(url)


def one_name(url: str) -> str:
    """Return the spelling of a URL that shards go by: without user and password."""
    return "::".join(map(_one_link, links_of(url)))


def _one_link(url: str) -> str:
    """Return the one spelling of a link of a chain."""
    protocol, mark, rest = url.partition("://")
    if mark and protocol in WITH_USER:
        server, slash, path = rest.partition("/")
        rest = server.rpartition("@")[2] + slash + path
    return ALIASES.get(protocol, protocol) + mark + rest


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
