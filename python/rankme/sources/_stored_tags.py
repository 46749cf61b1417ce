"""Tags that a file itself stores: a JSON object under the key ``rankme`` of its metadata."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rankme._base.tags import as_tags
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from rankme._base.tags import Tags

__all__ = ["KEY", "stored_tags"]

KEY = "rankme"


def stored_tags(name: str, value: Any) -> Tags:
    """Return the tags that a file stores.

    Parameters
    ----------
    name
        Of the file, for errors.
    value
        What its metadata have under `KEY`: JSON as text or bytes, an object where the format stores
        objects, or None.
    """
    if value is None:
        return {}
    try:
        return as_tags(json.loads(value) if isinstance(value, str | bytes) else value)
    except (ValueError, TypeError) as error:
        raise BadDataError(
            name,
            f"its metadata have {value!r} under {KEY!r}; wanted a JSON object of tags such as "
            f'{{"step": 1000}} ({error})',
        ) from None
