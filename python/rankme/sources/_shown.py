"""What of a URL may be shown, and what of an error: no password, no signature."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rankme.sources._bytes.urls import WITH_USER, is_web, links_of, one_link, split_user
from rankme.sources._database_url import SERVER_HINT, is_database, shown_database

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["hidden_values", "one_name", "redacted", "secrets_of", "shown_url", "without_secrets"]

HIDDEN = "..."
_IS_HIDDEN = re.compile(r"\.\.\.(\[.*\])?[,:;.)]*")  # with what a message writes behind it
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\+[A-Za-z0-9_]+)?://[^\s'\"<>]+")
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:/?#]*)(?::[0-9]*)?[.,;:!)\]]*(?=[/?#]|$)")
# A query and a fragment have pairs; a signature may be in either.
_PAIR = re.compile(r"(?P<mark>[?&#;])(?P<key>[^=&#;]*)=(?P<value>[^&#;]*)")
_SIGNING = re.compile(
    r"x-(amz|goog|ms|oss|cos|obs)-.*|(ossa|awsa|googlea)ccess(key)?id|key-pair-id|policy|signature|"
    r"sig|hmac|(.*[-_])?token|.*(secret|passw(or)?d|credential|authorization).*|"
    r"auth|jwt|pwd|api_?-?key|access_?-?key(_?-?id)?|subscription-key",
    re.IGNORECASE,
)
# They may also name what is fetched, so that shards are told apart by a digest of them.
_KEY = re.compile(r"key|code|hash|sign", re.IGNORECASE)
# What goes with a signature and changes with it: those of Azure, of S3 and of CloudFront.
_WITH_SIG = re.compile(r"s[eptvrsi]|srt|spr|sip|skoid|sktid|sk[tesv]|saoid|suoid|scid")
_WITH_SIGNATURE = re.compile("expires")
_NONE = frozenset(("file", "local", "http", "https", "memory"))  # protocols of links of a chain
_MOST_PLAIN = 999
_BEHIND = ",:;.)]!"  # in a text, which in a query would be percent-encoded
_LEAST = 3  # a shorter value stands in any text, and is no secret


def shown_url(url: str) -> str:
    """Return a path as it may be shown: of a URL without user and secrets."""
    if is_database(url):
        return shown_database(url)
    if "://" not in url:
        return url
    return "::".join(_shown_link(link) for link in links_of(url))


def one_name(url: str) -> str:
    """Return the spelling of a URL that shards go by: without user, password and signature."""
    return "::".join(_masked(one_link(link), in_name=True) for link in links_of(url))


def without_secrets(text: str) -> str:
    """Return a text in which URLs are as they may be shown."""
    # What says how a URL is written has no secret.
    return SERVER_HINT.join(
        _URL_IN_TEXT.sub(lambda found: _shown_in_text(found[0]), part)
        for part in text.split(SERVER_HINT)
    )


def _shown_in_text(url: str) -> str:
    """Return a URL of a text as it may be shown, with what the text writes behind it."""
    if not is_database(url):
        return shown_url(url)
    bare = url.rstrip(_BEHIND)
    return shown_url(bare) + url[len(bare) :]


def secrets_of(url: str) -> Iterator[str]:
    """Yield what a URL has that is not shown: users, passwords, signatures."""
    for link in links_of(url):
        user, _, password = split_user(link)[0].removesuffix("@").partition(":")
        signing = (found["value"] for found in _PAIR.finditer(link) if _hides(found, link))
        for secret in (user, password, *signing):
            yield from dict.fromkeys((secret, unquote(secret)))


def hidden_values(options: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts among the options of a store that are not in a name that is shown."""
    return tuple(value for value in _texts(options) if value not in name and value not in _NONE)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets, those in its URLs included."""
    # The longest first: one may be a part of another.
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _LEAST:
            text = text.replace(secret, HIDDEN)
    return without_secrets(text)


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in what an option is set to."""
    if isinstance(value, str):
        yield value
        yield from secrets_of(value)
    elif isinstance(value, int) and value > _MOST_PLAIN:  # a password of digits, read as JSON
        yield str(value)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple, set)):
        for one in value:
            yield from _texts(one)


def _shown_link(url: str) -> str:
    """Return a link of a chain as it may be shown."""
    rest = split_user(url)[1]
    scheme, _, place = rest.partition("://")
    if scheme in WITH_USER and not _SERVER.match(place):
        return f"{scheme}://{HIDDEN}"  # where a password ends is not certain
    return _masked(rest, in_name=False)


def _masked(url: str, *, in_name: bool) -> str:
    """Return a URL without the values that sign it."""
    if in_name and not is_web(url):
        return url  # a question mark begins no query

    def hide(found: re.Match[str]) -> str:
        if not _hides(found, url) or _IS_HIDDEN.fullmatch(found["value"]):
            return found[0]
        value = HIDDEN
        if in_name and _KEY.fullmatch(found["key"]):
            value = "sha256:" + hashlib.sha256(found["value"].encode()).hexdigest()[:16]
        return f"{found['mark']}{found['key']}={value}"

    return _PAIR.sub(hide, url)


def _hides(found: re.Match[str], url: str) -> bool:
    """Whether the value of a pair signs a URL, or goes with what does."""
    key = unquote(found["key"]).lower()
    if _SIGNING.fullmatch(key) or _KEY.fullmatch(key):
        return True
    with_sig = _WITH_SIG.fullmatch(key) and _has(url, "sig")
    return bool(with_sig or (_WITH_SIGNATURE.fullmatch(key) and _has(url, "signature")))


def _has(url: str, key: str) -> bool:
    """Whether a URL has a value for a key."""
    return any(unquote(found["key"]).lower() == key for found in _PAIR.finditer(url))
