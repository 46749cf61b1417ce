"""Is an answer wrong? By the accepted spellings, or by ROUGE-L, as the two papers have it."""

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["exact_match", "normalised", "rouge_l", "wrong_by_rouge"]

# arXiv:2510.08389 calls an answer wrong below it.
ROUGE_THRESHOLD = 0.5
APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}`."


def normalised(text: str) -> str:
    """Return a text as exact match compares it.

    Lower case, accents and punctuation gone, no articles, single spaces: the rule of SQuAD's and
    TriviaQA's own evaluation, with accents besides. A sign of a number and a point within one
    stay: 1.5 is not 15.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=\d)[.,](?=\d)|(?<!\w)-(?=\d)", _of_number, plain)
    plain = "".join(_kept(letter) for letter in plain)
    plain = re.sub(r"\b(a|an|the)\b", " ", plain)
    return " ".join(plain.replace("\0", ".").replace("\1", "-").split())


def _of_number(found: re.Match[str]) -> str:
    """Hide a mark that belongs to a number; a comma between digits goes."""
    return {".": "\0", "-": "\1", ",": ""}[found[0]]


def _kept(letter: str) -> str:
    """Drop apostrophes and points, part words at other marks, and leave the rest."""
    if letter.isalnum() or letter in "\0\1":
        return letter
    return "" if letter in APOSTROPHES else " "


def exact_match(answer: str, accepted: Sequence[str]) -> bool:
    """Tell whether an answer is one of the accepted spellings, but for what `normalised` drops."""
    return normalised(answer) in {normalised(spelling) for spelling in accepted}


def rouge_l(answer: str, reference: str) -> float:
    """Return the F-measure of ROUGE-L between two texts.

    With L the length of the longest common subsequence of words, P = L / words of the answer and
    R = L / words of the reference: F = 2 P R / (P + R) (Lin, "ROUGE: A Package for Automatic
    Evaluation of Summaries", 2004, with beta = 1). Words are runs of letters a to z and digits in
    lower case, as in Google's `rouge_score`. A text without words gives 0.
    """
    ours, theirs = (re.findall(r"[a-z0-9]+", text.lower()) for text in (answer, reference))
    longest = [0] * (len(theirs) + 1)
    for word in ours:
        diagonal = 0
        for j, other in enumerate(theirs, 1):
            above = longest[j]
            longest[j] = diagonal + 1 if word == other else max(above, longest[j - 1])
            diagonal = above
    if not longest[-1]:
        return 0.0
    return 2 * longest[-1] / (len(ours) + len(theirs))


def wrong_by_rouge(answer: str, accepted: Sequence[str]) -> bool:
    """Tell whether an answer is unlike every accepted one: ROUGE-L below 0.5 with each."""
    return max((rouge_l(answer, one) for one in accepted), default=0.0) < ROUGE_THRESHOLD
