"""Users of the service: usual ones, and others."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from examples.layer_selection import docstrings

AT_ONCE = 32


def answer(url: str, texts: Sequence[str]) -> dict[str, Any]:
    """Ask the service at a URL for the embeddings of texts."""
    request = urllib.request.Request(  # noqa: S310 - ours
        f"{url}/embed",
        json.dumps({"texts": list(texts)}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        found: dict[str, Any] = json.load(response)
    return found


def page(url: str, name: str = "metrics") -> str:
    """Return a page of the service."""
    with urllib.request.urlopen(f"{url}/{name}", timeout=60) as response:  # noqa: S310
        return str(response.read().decode())


def sentences(count: int) -> tuple[list[str], list[str]]:
    """Return sentences for a reference, and as many others of the same kind, for users.

    Rows of the reference itself would be nearer to it than new ones are.
    """
    texts = docstrings(2 * count)
    return texts[::2], texts[1::2]


def requests(texts: Sequence[str], count: int, seed: int) -> Iterator[list[str]]:
    """Yield requests of some of the texts, drawn at random."""
    drawn = np.random.default_rng(seed).permutation(len(texts))[:count]
    for begin in range(0, count, AT_ONCE):
        yield [texts[i] for i in drawn[begin : begin + AT_ONCE]]


def cut(texts: Sequence[str]) -> list[str]:
    """Return texts cut off after two words: those of a client with a fault."""
    return [" ".join(text.split()[:2]) for text in texts]
