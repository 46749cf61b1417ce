r"""The files of the game quiz(6), as Debian's `bsdgames` has them.

A line holds the categories of one entry, with colons between them. A category is a pattern::

    a|b      alternatives
    {x}      may be left out
    [a|b]    alternatives within a word
    \x       x itself; at the end of a line: the entry goes on

so that every accepted spelling of an answer is in the file. An accent is typed as on a printer: the
mark, a backspace, the letter. It is dropped here, as `labels.normalised` drops accents.
"""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Pattern", "entries", "parse"]

MOST_SPELLINGS = 10_000
_OVERSTRIKE = re.compile(r"\W\x08(?=\w)|(?<=\w)\x08\W")
_CLOSING = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Pattern:
    """Alternatives, each a sequence of texts and of patterns inside it.

    Attributes
    ----------
    alternatives : tuple of tuple
        The parts of each alternative, text or `Pattern`.
    optional : bool
        Whether it may be left out.
    """

    alternatives: tuple[tuple["str | Pattern", ...], ...]
    optional: bool = False

    def canonical(self) -> str:
        """Return one spelling for a question: first alternatives, nothing left out."""
        return _plain(self._first())

    def spellings(self) -> tuple[str, ...]:
        """Return every spelling, each once; the canonical one first.

        Raises
        ------
        ValueError
            If there are more than 10,000.
        """
        found = dict.fromkeys([self.canonical(), *map(_plain, self._raw())])
        return tuple(text for text in found if text)

    def _first(self) -> str:
        """Return the canonical spelling with what makes accents."""
        parts = self.alternatives[0]
        return "".join(p if isinstance(p, str) else p._first() for p in parts)  # noqa: SLF001

    def _raw(self) -> list[str]:
        """Return the spellings with what makes accents."""
        every = [""] if self.optional else []
        for parts in self.alternatives:
            whole = [""]
            for part in parts:
                ends = [part] if isinstance(part, str) else part._raw()  # noqa: SLF001
                if len(whole) * len(ends) > MOST_SPELLINGS:
                    raise ValueError(f"a pattern has more than {MOST_SPELLINGS} spellings")
                whole = [begin + end for begin in whole for end in ends]
            every += whole
        return every


def _plain(text: str) -> str:
    """Drop printed accents, and spaces that an option leaves behind."""
    return " ".join(_OVERSTRIKE.sub("", text).split())


def parse(text: str) -> Pattern:
    """Read one category.

    Raises
    ------
    ValueError
        If a bracket has no partner.
    """
    pattern, end = _alternatives(text, 0, "")
    if end < len(text):
        raise ValueError(f"{text[end]!r} closes nothing in {text!r}")
    return pattern


def _alternatives(text: str, at: int, closing: str) -> tuple[Pattern, int]:
    """Read alternatives from a place on to a closing bracket, or to the end of the text."""
    every: list[tuple[str | Pattern, ...]] = []
    parts: list[str | Pattern] = []
    while at < len(text):
        letter = text[at]
        if letter in "}]":
            break
        if letter == "|":
            every.append(tuple(parts))
            parts = []
        elif letter in _CLOSING:
            inner, at = _alternatives(text, at + 1, _CLOSING[letter])
            parts.append(inner)
        elif letter == "\\" and at + 1 < len(text):
            at += 1
            parts.append(text[at])
        else:
            parts.append(letter)
        at += 1
    if closing and text[at : at + 1] != closing:
        raise ValueError(f"{closing!r} is missing in {text!r}")
    return Pattern((*every, tuple(parts)), optional=closing == "}"), at


def _categories(entry: str) -> list[str]:
    """Split an entry at its colons, but not at quoted ones."""
    found = [""]
    for piece in re.findall(r"\\.|.", entry):
        if piece == ":":
            found.append("")
        else:
            found[-1] += piece
    return found


def entries(path: Path) -> list[tuple[Pattern, ...]]:
    """Read a file of the game.

    Returns
    -------
    list of tuple of Pattern
        The categories of each entry. An empty category is a pattern without spellings.

    Raises
    ------
    ValueError
        If a bracket has no partner; the text names the file and the line.
    """
    found = []
    begun, first = "", 1
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        first = first if begun else number
        begun += line
        if re.search(r"(?<!\\)(\\\\)*\\$", begun):
            begun = begun[:-1]
            continue
        if begun.strip():
            try:
                found.append(tuple(map(parse, _categories(begun))))
            except ValueError as error:
                raise ValueError(f"{path}, line {first}: {error}") from None
        begun = ""
    if begun:
        raise ValueError(f"{path}: the last line goes on, and there is none")
    return found
