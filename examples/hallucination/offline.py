"""Questions that can be had offline, with their accepted spellings: some 1,950 of 17 kinds.

They come from the quiz files of Debian's `bsdgames` and from two packages of PyPI, `countryinfo`
(MIT) and `periodictable` (public domain). Some facts are dated; where two sources disagree, both
answers count.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .labels import normalised
from .questions import Question
from .quiz import entries

__all__ = ["QUIZ_FOLDER", "countries", "drawn", "elements", "merged", "offline", "quiz"]

QUIZ_FOLDER = Path("/usr/share/games/bsdgames/quiz")


class _Column(NamedTuple):
    """Which categories of a quiz file make questions of a kind."""

    file: str
    kind: str
    text: str
    asked: int
    answer: int
    # What the names of the file are names of: an element of one kind is the element of another.
    of: str


# Of a play the files name act and scene too, which nobody asks for.
_SCENE = re.compile(r" [IVX]+-[ivx]+$")
_CAPITAL = "What is the capital of {}?"
_STATE = "What is the capital of the US state of {}?"
_POSTAL = "What is the postal code of the US state of {}?"
_PROVINCE = "What is the capital of {} in Canada?"
COLUMNS = (
    *(_Column(file, "capital", _CAPITAL, 0, 1, "place") for file in ("africa", "america")),
    *(_Column(file, "capital", _CAPITAL, 0, 1, "place") for file in ("asia", "europe")),
    _Column("state", "capital of a state", _STATE, 0, 1, "place"),
    _Column("state", "abbreviation", _POSTAL, 0, 2, "place"),
    _Column("province", "capital of a state", _PROVINCE, 0, 1, "place"),
    _Column("elements", "element", "Which element has the symbol {}?", 0, 3, "symbol"),
    _Column("babies", "young", "Which animal's young is called a {}?", 0, 1, "word"),
    _Column("sexes", "female", "What is the female of a {} called?", 0, 1, "word"),
    _Column("collectives", "group", "What is a group of {} called?", 0, 1, "word"),
    _Column("posneg", "opposite", "What is the opposite of {}?", 0, 1, "word"),
    _Column("latin", "latin", "What does the Latin word {} mean?", 0, 1, "word"),
    _Column("pres", "president", "Who was president of the USA after {}?", 0, 3, "person"),
    _Column("bard", "play", 'Which play has the line "{}"?', 0, 2, "line"),
    _Column("poetry", "poet", 'Who wrote the line "{}"?', 0, 3, "line"),
)


def quiz(folder: Path = QUIZ_FOLDER) -> Iterator[Question]:
    """Yield the questions of the quiz files, from a folder that has them all.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no {folder}: apt-get install bsdgames, or pass a folder")
    for column in COLUMNS:
        for i, entry in enumerate(entries(folder / column.file)):
            asked = entry[column.asked].canonical()
            spellings = [s for s in entry[column.answer].spellings() if not _SCENE.search(s)]
            if asked and spellings:
                yield Question(
                    f"{column.kind}/{column.file}/{i}",
                    column.text.format(asked),
                    tuple(spellings),
                    kind=column.kind,
                    subject=f"{column.of}: {normalised(asked)}",
                )


def countries() -> Iterator[Question]:
    """Yield capital, demonym, currency and domain of each country of `countryinfo`."""
    import countryinfo  # noqa: PLC0415 - as the others: the readers do without

    for country in countryinfo.all_countries():
        name = country.name()
        asked: list[tuple[str, str, Iterable[Any]]] = [
            ("capital", _CAPITAL, _listed(country.capital())),
            ("demonym", "What is the demonym of {}?", [country.demonym()]),
            ("currency", "What is the currency code of {}?", country.currencies() or ()),
            ("domain", "What is the internet domain of {}?", country.tld() or ()),
        ]
        for kind, text, found in asked:
            answers = tuple(one for one in found if one and one.isascii())
            if answers:
                yield Question(
                    f"{kind}/countryinfo/{name}",
                    text.format(name),
                    answers,
                    kind=kind,
                    subject=f"place: {normalised(name)}",
                )


def _listed(found: str | list[str] | None) -> list[str]:
    """Return capitals as a list; South Africa has three."""
    return found if isinstance(found, list) else [found or ""]


def elements() -> Iterator[Question]:
    """Yield symbol, number and, from the symbol, name of each element of `periodictable`."""
    import periodictable  # noqa: PLC0415

    for element in periodictable.elements:
        if element.number:  # 0 is the neutron
            name, number, symbol = element.name, str(element.number), element.symbol
            for kind, text, asked, answer in (
                ("symbol", "What is the chemical symbol of {}?", name, symbol),
                ("number", "What is the atomic number of {}?", name, number),
                ("element", "Which element has the symbol {}?", symbol, name),
            ):
                yield Question(
                    f"{kind}/periodictable/{symbol}",
                    text.format(asked),
                    (answer,),
                    kind=kind,
                    subject=f"symbol: {normalised(symbol)}",
                )


def merged(questions: Iterable[Question]) -> list[Question]:
    """Make one of questions that ask the same: the first one, with what any of them accepts."""
    same: dict[str, list[Question]] = defaultdict(list)
    for one in questions:
        same[normalised(one.text)].append(one)
    found = []
    for alike in same.values():
        first = alike[0]
        accepted = tuple(dict.fromkeys(text for one in alike for text in one.accepted))
        found.append(
            Question(first.id, first.text, accepted, kind=first.kind, subject=first.subject)
        )
    return found


def offline(folder: Path = QUIZ_FOLDER) -> list[Question]:
    """Return all questions that can be had offline, each once, in a fixed order."""
    return merged([*quiz(folder), *countries(), *elements()])


def drawn(
    questions: list[Question], n_questions: int, n_examples: int, seed: int = 0
) -> tuple[list[Question], dict[str, list[Question]]]:
    """Draw the questions to ask, and for each kind the examples that its prompts begin with.

    Examples are never asked. Kinds come in the proportion that they have.

    Parameters
    ----------
    questions : list of Question
        All there are.
    n_questions : int
        How many to ask at most.
    n_examples : int
        Examples of each kind.
    seed : int
        Another one draws others.

    Returns
    -------
    list of Question, dict of list of Question
        The questions in random order, and the examples by kind.

    Raises
    ------
    ValueError
        If a kind has no question left beside its examples.
    """
    order = list(questions)
    random.Random(seed).shuffle(order)  # noqa: S311 - a draw that can be repeated
    examples: dict[str, list[Question]] = defaultdict(list)
    asked = []
    for one in order:
        if one.accepted and len(examples[one.kind]) < n_examples:
            examples[one.kind].append(one)
        else:
            asked.append(one)
    alone = set(examples) - {one.kind for one in asked}
    if alone:
        raise ValueError(f"kinds with no question beside their examples: {sorted(alone)}")
    return asked[:n_questions], dict(examples)
