"""URLs of databases: what they name, and what of them may be shown."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode

from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DUCKDB",
    "POSTGRESQL",
    "SERVER_HINT",
    "SQLITE",
    "DatabaseUrl",
    "database_advice",
    "is_database",
    "no_database",
    "shown_database",
]

# How such a URL is written: the one in a message that stands for none.
SERVER_HINT = "postgresql://user:password@host:port/database"
POSTGRESQL, SQLITE, DUCKDB = "postgresql", "sqlite", "duckdb"
_ALIASES = {"postgres": POSTGRESQL}
_OPENED = (POSTGRESQL, *_ALIASES, SQLITE, DUCKDB)
# Refused by name, lest a library of files shows the password in such a URL.
_OTHERS = (
    "bigquery", "clickhouse", "cockroachdb", "databricks", "db2", "exasol", "mariadb", "mongodb",
    "mssql", "mysql", "oracle", "presto", "redis", "rediss", "redshift", "snowflake", "teradata",
    "trino", "vertica",
)  # fmt: skip
_SCHEME = re.compile(r"([a-z0-9]+)(\+[a-z0-9_]+)?:", re.IGNORECASE)
# libpq shows parts of a URL that it cannot parse, such as a password with a slash in it. So nothing
# reaches it but what is parsed here: a user, hosts, a path and parameters, with one @ at most.
_PARTS = re.compile(
    r"(?P<user>[^@/?#\[\]\s]*@)?(?P<hosts>[^@/?#\s]*)(?P<path>/[^@/?#\s]*)?"
    r"(?:\?(?P<asked>[^@#\s]*))?"
)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[\w.%-]*)(?::[0-9]{0,5})?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_SHOWN = ("host", "hostaddr", "port", "dbname")
_PASSWORDS = ("password", "sslpassword")
_OF_DUCKDB = {
    "memory_limit": re.compile(r"[0-9.]+ ?[KMGT]i?B", re.IGNORECASE),
    "threads": re.compile("[1-9][0-9]*"),
}
IN_MEMORY = ":memory:"


def is_database(url: str) -> bool:
    """Tell whether a path is the URL of a database."""
    found = _SCHEME.match(url)
    if found is None:
        return False
    scheme = found[1].lower()
    return scheme in _OPENED or (scheme in _OTHERS and url.startswith("//", found.end()))


def database_advice(name: str, head: bytes) -> str | None:
    """Tell how a file is opened that is a database, by its first 12 bytes or more."""
    kind = next((kind for kind, fits in _kinds_of(head).items() if fits), None)
    if kind is None:
        return None
    url = shlex.quote(f"{kind}:{name}")
    return f'a database of {kind}, of which a query selects the rows: {url} --query "SELECT ..."'


def no_database(path: str) -> str:
    """Say that a path is no URL of a database, and of the file of one how it is opened."""
    if os.path.isfile(path):  # noqa: PTH113
        with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
            advice = database_advice(path, file.read(16))
            if advice is not None:
                return advice
    return (
        "no database; query= and --query are for postgresql://HOST/NAME, sqlite:FILE, duckdb:FILE"
    )


def _kinds_of(head: bytes) -> dict[str, bool]:
    """Tell whether a file with such first bytes is a database of each kind."""
    return {SQLITE: head.startswith(b"SQLite format 3\0"), DUCKDB: head[8:12] == b"DUCK"}


def shown_database(url: str) -> str:
    """Return the URL of a database as it may be shown: without user and secrets."""
    found = _SCHEME.match(url)
    assert found is not None  # noqa: S101 - `is_database` was asked
    scheme = _ALIASES.get(found[1].lower(), found[1].lower())
    if scheme in (SQLITE, DUCKDB):
        return f"{scheme}:{_split_settings(url[found.end() :])[0]}"
    parts = _parts_of(url[found.end() :])
    if scheme != POSTGRESQL or parts is None:
        return f"{scheme}://..."
    asked = [(key, value) for key, value in parse_qsl(parts["asked"]) if key in _SHOWN]
    query = f"?{urlencode(asked, safe='/')}" if asked else ""
    return f"{scheme}://{parts['hosts']}{parts['path']}{query}"


@dataclass(frozen=True)
class DatabaseUrl:
    """A database that can be opened.

    Attributes
    ----------
    scheme : str
        ``"postgresql"``, ``"sqlite"`` or ``"duckdb"``.
    name : str
        The URL as it is shown.
    place : str
        What the driver is given: a URL, or a path on disk.
    secrets : tuple of str
        What must be in no message.
    settings : mapping
        Of DuckDB.
    """

    scheme: str
    name: str
    place: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    settings: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def parse(cls, url: str) -> DatabaseUrl:
        """Read a URL.

        Parameters
        ----------
        url
            ``postgresql://user:password@host:port/database``, ``sqlite:FILE`` or ``duckdb:FILE``.
            What a ``+`` adds to the scheme, the driver of another library, is left out.

        Raises
        ------
        BadDataError
            It is of another database, or cannot be read; the text shows no part that may be secret.
        FileNotFoundError
            There is no such file.
        """
        found = _SCHEME.match(url)
        assert found is not None  # noqa: S101 - `is_database` was asked
        scheme = _ALIASES.get(found[1].lower(), found[1].lower())
        rest = url[found.end() :]
        if scheme == POSTGRESQL:
            return cls._of_server(scheme, rest, shown_database(url))
        if scheme in (SQLITE, DUCKDB):
            return cls._of_file(scheme, rest, shown_database(url))
        raise BadDataError(
            shown_database(url),
            f"{scheme} is not opened by its URL; opened are postgresql://, sqlite: and duckdb:. "
            f"Run the query with an ADBC driver or another library that gives Arrow, and pass its "
            f"cursor or reader: rankme.score(cursor)",
        )

    @classmethod
    def _of_server(cls, scheme: str, rest: str, name: str) -> DatabaseUrl:
        """Read the URL of PostgreSQL."""
        parts = _parts_of(rest)
        if parts is None:
            raise BadDataError(
                name,
                f"no URL of PostgreSQL; wanted {SERVER_HINT}, in "
                "which letters, digits and any of '-._~' stand for themselves and all else in user "
                "and password is percent-encoded, as urllib.parse.quote(password, safe='') does",
            )
        password = parts["user"].rpartition("@")[0].partition(":")[2]
        asked = [one.partition("=") for one in parts["asked"].split("&")]
        told = [password, *(value for key, _, value in asked if key in _PASSWORDS)]
        told += [*map(unquote, told), os.environ.get("PGPASSWORD", "")]
        return cls(scheme, name, f"{scheme}:{rest}", tuple(filter(None, dict.fromkeys(told))))

    @classmethod
    def _of_file(cls, scheme: str, rest: str, name: str) -> DatabaseUrl:
        """Read the URL of a file."""
        path, asked = _split_settings(rest)
        if path.startswith("//"):
            if not path.startswith("///"):
                raise BadDataError(
                    name, f"names a host; wanted {scheme}:FILE, or {scheme}:///FILE from the root"
                )
            path = unquote(path[2:])
        if scheme == DUCKDB and path.startswith(("md:", "motherduck:")):
            raise BadDataError(
                name,
                "MotherDuck is not opened by a URL; pass a relation: "
                "rankme.score(duckdb.connect('md:...').sql(query))",
            )
        settings = _settings_of(name, scheme, asked)
        if scheme == DUCKDB and path in ("", IN_MEMORY):
            return cls(scheme, name, IN_MEMORY, settings=settings)
        if not os.path.exists(path):  # noqa: PTH110
            relative = path.lstrip("/")
            hint = ""
            if path.startswith("/") and os.path.exists(relative):  # noqa: PTH110
                hint = f"; for that in this folder: {scheme}:{relative}"
            raise FileNotFoundError(2, f"no such file{hint}", name)
        _check_kind(name, scheme, path)
        return cls(scheme, name, os.path.realpath(path), settings=settings)


def _parts_of(rest: str) -> dict[str, str] | None:
    """Take the URL of a server apart, behind its scheme; None where that is not certain."""
    found = _PARTS.fullmatch(rest.removeprefix("//")) if rest.startswith("//") else None
    if found is None or _BAD_PERCENT.search(rest):
        return None
    parts = {key: value or "" for key, value in found.groupdict().items()}
    if not all(_HOST.fullmatch(host) for host in parts["hosts"].split(",")):
        return None
    if parts["asked"] and not all("=" in one for one in parts["asked"].split("&")):
        return None
    return parts


def _split_settings(rest: str) -> tuple[str, str]:
    """Take the URL of a file apart, behind its scheme: the path, and settings if there are some."""
    path, mark, asked = rest.partition("?")
    # The name of a file may have a question mark; a setting has a value.
    return (rest, "") if mark and asked and "=" not in asked else (path, asked)


def _settings_of(name: str, scheme: str, asked: str) -> dict[str, str]:
    """Read the settings behind the question mark of the URL of a file."""
    settings = dict(parse_qsl(asked, keep_blank_values=True))
    known = _OF_DUCKDB if scheme == DUCKDB else {}
    for key, value in settings.items():
        # Nothing of them is shown: a token may be among them.
        if key not in known or not known[key].fullmatch(value):
            wanted = "wanted such as memory_limit=1GB and threads=4" if known else "SQLite has none"
            hint = f"a '?' within the name of a file is %3F in {scheme}:///FILE"
            raise BadDataError(name, f"has a setting that is not known; {wanted}; {hint}")
    return settings


def _check_kind(name: str, scheme: str, path: str) -> None:
    """Refuse a file that is no database of the kind."""
    # DuckDB would fetch an extension from the network to open a database of SQLite.
    if os.path.isdir(path):  # noqa: PTH112
        raise BadDataError(name, f"a folder; wanted the file of a database of {scheme}")
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(16)
    kinds = _kinds_of(head)
    # An empty file is a database of SQLite without tables.
    if kinds[scheme] or (scheme == SQLITE and not head):
        return
    other = next((one for one, fits in kinds.items() if fits), None)
    hint = f"; it is one of {other}: {other}:{path}" if other else f"; the first bytes are {head!r}"
    raise BadDataError(name, f"no database of {scheme}{hint}")
