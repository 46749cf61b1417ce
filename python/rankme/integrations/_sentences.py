"""Where a text in tokens ends: at its first sentence, or at a place in what it reads as."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = ["SentenceEnds", "decoded", "n_tokens_of"]

# The first sentence: up to a mark that a space or the end follows, with the quotes and brackets
# that close there; marks of Chinese and Japanese need no space. Or up to the end of the line.
_SENTENCE = re.compile(
    r"\s*\S.*?(?:[.!?\u2026]+[\"'\u2019\u201d)\]]*(?=\s|\Z)|[\u3002\uff01\uff1f]+|(?=\n)|\Z)",
    re.DOTALL,
)


class SentenceEnds:
    """What tells the last token of the first sentence among tokens.

    Parameters
    ----------
    ends : tokenizer or collection of int
        A tokenizer of Transformers, whose `decode` gives the text; or the ids of the tokens that
        end a sentence.

    Raises
    ------
    TypeError
        If it is neither.
    """

    def __init__(self, ends: Any) -> None:
        self._place: Callable[[Sequence[int]], int]
        if hasattr(ends, "decode"):
            self._place = lambda tokens: _by_text(ends, tokens)
            return
        try:
            marks = frozenset(int(one) for one in ends)
        except (TypeError, ValueError):
            raise TypeError(
                f"ends must be a tokenizer, or the ids of the tokens that end a sentence, not "
                f"{type_name(ends)}"
            ) from None
        self._place = lambda tokens: _by_ids(marks, tokens)

    def n_tokens(self, tokens: Sequence[int]) -> int:
        """Count the tokens of the first sentence; all of them where none ends."""
        return self._place(tokens)


def decoded(tokenizer: Any, tokens: Sequence[int]) -> str:
    """Return the text of tokens, without special ones."""
    text: str = tokenizer.decode(
        list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return text


def n_tokens_of(tokenizer: Any, tokens: Sequence[int], length: int) -> int:
    """Count the first tokens whose text has as many characters, or all tokens where it has less."""
    return bisect_left(
        range(len(tokens)), length, key=lambda n: len(decoded(tokenizer, tokens[:n]))
    )


def _by_text(tokenizer: Any, tokens: Sequence[int]) -> int:
    """Count the tokens of the first sentence of what they read as."""
    found = _SENTENCE.match(decoded(tokenizer, tokens))
    return len(tokens) if found is None else n_tokens_of(tokenizer, tokens, found.end())


def _by_ids(marks: Collection[int], tokens: Sequence[int]) -> int:
    """Count the tokens up to the first one that ends a sentence."""
    places = (i for i, token in enumerate(tokens, 1) if token in marks)
    return next(places, len(tokens))
