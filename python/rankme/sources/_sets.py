"""Whether the files of a folder are one set, told from their names alone.

Pooled by mistake, two sets give a number that is the score of neither. So files are one set only
where nothing in their names speaks against it, and sub-folders only where they are parts of one
table. The guide to files and URLs has the rule as users read it.
"""

from __future__ import annotations

import fnmatch
import glob
import itertools
import os.path
import re
from typing import TYPE_CHECKING

from rankme.sources._errors import AmbiguousDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

__all__ = ["require_one_set"]

# Words that tell sets apart, by what they tell; those of one line mean the same.
WORDS = {
    "split": (
        "train training trainset xtrain",
        "test testing testset xtest",
        "val valid validation valset xval",
        "dev",
        "eval evaluation",
        "holdout heldout",
    ),
    "modality": (
        "img imgs image images vision visual",
        "text texts txt caption captions",
        "audio speech",
        "video videos",
    ),
    "role": (
        "query queries",
        "doc docs document documents passage passages corpus",
        "student",
        "teacher",
        "encoder backbone",
        "projector projection projected",
        "predictor",
        "anchor anchors",
        "positive positives",
        "negative negatives",
    ),
    "origin": ("real", "fake generated synthetic"),
    "stage": ("before", "after"),
    "choice": ("best", "last final"),
    "token": ("cls", "patch patches"),
}
MEANINGS = {
    word: (kind, line.partition(" ")[0])
    for kind, lines in WORDS.items()
    for line in lines
    for word in line.split()
}
# What is made of other files, stands there no longer in use, or is no embedding: it tells beside
# files without such a word as well.
DERIVED = re.compile(
    "old|backup|bak|copy|tmp|temp|orig|original|deprecated|archived|normali[sz]ed|whitened|"
    "centered|centred|pca|umap|tsne|quanti[sz]ed|reduced|shuffled|dedup|deduped|augmented|filtered|"
    "ema|mean|std|var|cov|centroids?|codebook|prototypes?|model|weights|optimi[sz]er|logits|labels?|"
    "targets?|predictions?|probs|scores|ids"
)
# Before a number: another number is another set.
COUNTS = "step|epoch|ep|iter|iteration|checkpoint|ckpt|version|layer|l|stage|head|view|crop|seed|"
COUNTS += "run|trial"
COUNTED = re.compile(rf"(?<![a-z])({COUNTS})s?[-_ =.]*([0-9]+)")
VERSION = re.compile(r"(?<![a-z])v([0-9]{1,2})(?![0-9])")
# Columns of a partitioned table whose values are sets of their own.
SET_KEYS = re.compile(
    "split|subset|dataset|model|encoder|method|variant|version|experiment|exp|modality|" + COUNTS
)
# Folders that are pieces of one set, with a number behind.
PIECE = re.compile(
    r"(part|shard|chunk|piece|slice|bucket|partition|rank|worker|batch)s?[-_.]?[0-9]+"
)
PART_NUMBER = re.compile(r"(?:part|shard|chunk|piece|slice|batch)[-_.]?([0-9]+)")
# What tells one writer's files from another's, and no sets: UUIDs and hashes.
OF = re.compile(r"([0-9]+)-of-([0-9]+)")
UNIQUE = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|(?=[a-f]*[0-9])[0-9a-f]{12,}")
MOST_SHOWN = 6


def require_one_set(folder: str, names: Sequence[str]) -> None:
    """Raise an AmbiguousDataError where the names of files tell that they are several sets.

    Parameters
    ----------
    folder
        Path or URL, as it is shown.
    names
        Of all files of embeddings in it, relative to it, with slashes.

    Raises
    ------
    AmbiguousDataError
        With a list of the sets, and a path or pattern for each.
    """
    _require_one_mark(folder, names)
    _require_parts(folder, names, "", names)
    _require_one_series(folder, names)
    _require_one_count(folder, names)


def _require_one_mark(folder: str, names: Sequence[str]) -> None:
    """Refuse names with words of one kind that differ: train and test, layer 0 and layer 1."""
    marked = {name: _marks(name) for name in names}
    for kind in dict.fromkeys(itertools.chain.from_iterable(marked.values())):
        groups: dict[str, list[str]] = {}
        for name, marks in marked.items():
            if kind in marks:
                groups.setdefault(marks[kind], []).append(name)
            elif kind == "derived":
                groups.setdefault("", []).append(name)
        if len(groups) > 1:
            problem = f"their names differ in {kind}"
            if kind == "derived":
                problem = "some names have a word of what is derived, dead or no embedding"
            _refuse(folder, groups, names, problem)


def _marks(name: str) -> dict[str, str]:
    """Return what the words of a name tell: {"split": "train", "layer": "3"}."""
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _stem(UNIQUE.sub("", name))).lower()
    marks: dict[str, list[str]] = {}
    for word in re.findall(r"[a-z]+", stem):
        if word in MEANINGS:
            kind, value = MEANINGS[word]
            marks.setdefault(kind, []).append(value)
        elif DERIVED.fullmatch(word):
            marks.setdefault("derived", []).append(word)
    for word, number in COUNTED.findall(stem):
        kind = "layer" if word == "l" else word
        marks.setdefault(kind, []).append(str(int(number)))
    for number in VERSION.findall(stem):
        marks.setdefault("version", []).append(str(int(number)))
    for piece in stem.split("/")[:-1]:
        key, sign, value = piece.partition("=")
        if sign and key not in marks and SET_KEYS.fullmatch(key):
            marks[key] = [value]
    return {kind: "+".join(dict.fromkeys(values)) for kind, values in marks.items()}


def _stem(name: str) -> str:
    """Return a name without what comes behind the last dot of its last piece."""
    place, slash, last = name.rpartition("/")
    return f"{place}{slash}{last.rpartition('.')[0]}"


def _require_parts(folder: str, names: Sequence[str], place: str, every: Sequence[str]) -> None:
    """Refuse sub-folders side by side, unless they are parts of one table; go into each."""
    branches: dict[str, list[str]] = {}
    for name in names:
        branch, slash, _ = name.removeprefix(place).partition("/")
        branches.setdefault(branch if slash else "", []).append(name)
    here = branches.pop("", [])
    if branches and (here or len(branches) > 1):
        kinds = {_kind_of_part(branch) for branch in branches}
        problem = None
        if len(kinds) > 1 or None in kinds:
            problem = "the names of the folders do not tell that they are parts of one table"
        elif here and not all("=" in branch for branch in branches):
            problem = "files lie beside folders of others"
        elif kinds == {"number"} and not _are_numbered_through(branches):
            problem = "the numbers of the folders may mean anything, and their files are not "
            problem += "numbered through as parts"
        if problem:
            _refuse(folder, {**branches, **({"": here} if here else {})}, every, problem)
        _require_same_files(folder, branches, every)
    for branch, inside in branches.items():
        _require_parts(folder, inside, f"{place}{branch}/", every)


def _kind_of_part(branch: str) -> str | None:
    """Return what sort of part the name of a folder says it is; None where it says nothing."""
    key, sign, _ = branch.partition("=")
    if sign and key:
        return f"{key}="
    if branch.isascii() and branch.isdigit():
        return "number"
    match = PIECE.fullmatch(branch.lower())
    return match[1] if match else None


def _are_numbered_through(branches: Mapping[str, Sequence[str]]) -> bool:
    """Whether every file is a part with a number that comes in no other folder."""
    seen: dict[int, str] = {}
    for branch, names in branches.items():
        for name in names:
            match = PART_NUMBER.search(name.rpartition("/")[2].lower())
            if match is None or seen.setdefault(int(match[1]), branch) != branch:
                return False
    return True


def _require_same_files(
    folder: str, branches: Mapping[str, Sequence[str]], every: Sequence[str]
) -> None:
    """Refuse parts that each hold the same several files: clip.npy and dino.npy in every one."""
    counts: dict[str, set[str]] = {}
    groups: dict[str, list[str]] = {}
    for branch, names in branches.items():
        for name in names:
            family = _family(name.rpartition("/")[2])
            counts.setdefault(family, set()).add(branch)
            groups.setdefault(family, []).append(name)
    repeated = {family: groups[family] for family, where in counts.items() if len(where) > 1}
    if len(repeated) > 1:
        _refuse(folder, repeated, every, "each part has files of these names")


def _require_one_series(folder: str, names: Sequence[str]) -> None:
    """Refuse series of the same numbers under several names: clip_0, clip_1, dino_0, dino_1."""
    series: dict[tuple[str, str], dict[tuple[str, ...], str]] = {}
    for name in names:
        place, _, last = name.rpartition("/")
        numbers = tuple(re.findall(r"[0-9]+", UNIQUE.sub("", _stem(last).lower())))
        series.setdefault((place, _family(last)), {})[numbers] = name
    same: dict[tuple[str, frozenset[tuple[str, ...]]], dict[str, list[str]]] = {}
    for (place, family), members in series.items():
        if len(members) > 1:
            groups = same.setdefault((place, frozenset(members)), {})
            groups[family] = list(members.values())
    for groups in same.values():
        if len(groups) > 1:
            _refuse(folder, groups, names, "these series have the same numbers")


def _require_one_count(folder: str, names: Sequence[str]) -> None:
    """Refuse a series of which files are missing, or which was written twice: 1-of-2, 1-of-3."""
    series: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for name in names:
        place, _, last = name.rpartition("/")
        match = OF.search(last)
        if match:
            totals = series.setdefault((place, _family(last)), {})
            totals.setdefault(match[2], {})[match[1]] = name
    for totals in series.values():
        if len(totals) > 1:
            groups = {total: list(there.values()) for total, there in totals.items()}
            _refuse(folder, groups, names, "their names count different numbers of files")
        for total, there in totals.items():
            if len(there) < int(total):
                raise AmbiguousDataError(
                    folder,
                    f"has {len(there)} of the {int(total)} files that the name "
                    f"{next(iter(there.values()))} counts; fetch the others, or name those that "
                    f"are meant, by a pattern in quotes",
                )


def _family(last: str) -> str:
    """Return the name of a file without what tells it from others of its series."""
    return re.sub(r"[0-9]+", "", UNIQUE.sub("", _stem(last).lower()))


def _refuse(
    folder: str, groups: Mapping[str, Sequence[str]], every: Sequence[str], problem: str
) -> None:
    """Raise the error that lists sets, with how to choose one and how to pool them."""
    ways = [_way_to(folder, names, every) for names in groups.values()]
    listed = [
        f"{way} ({len(names)} {'file' if len(names) == 1 else 'files'})"
        if way
        else f"{folder.rstrip('/')}/{names[0]} and {len(names) - 1} more"
        for way, names in zip(ways[:MOST_SHOWN], groups.values(), strict=False)
    ]
    if len(groups) > MOST_SHOWN:
        listed.append(f"and {len(groups) - MOST_SHOWN} more")
    raise AmbiguousDataError(
        folder,
        f"holds files that may be {len(groups)} different sets, for {problem}: "
        f"{', '.join(listed)}; score one of these, a folder or a pattern in quotes; whoever means "
        f"all as one set names them one by one: rankme score --pool PATH PATH, "
        f"open_source([path, path])",
    )


def _way_to(folder: str, names: Sequence[str], every: Collection[str]) -> str | None:
    """Return the path or pattern of just these files; None where there is none so simple."""
    base = folder if folder.endswith("/") else f"{folder}/"
    if len(names) == 1:
        return f"{base}{names[0]}"
    places = [name.rpartition("/")[0] for name in names]
    place = os.path.commonpath(places) if all(places) else ""
    if place and sum(name.startswith(f"{place}/") for name in every) == len(names):
        return f"{base}{place}"
    levels = [name.split("/") for name in names]
    if len({len(level) for level in levels}) > 1:
        return None
    pattern = "/".join(map(_common, zip(*levels, strict=True)))
    found = [name for name in every if _matches(name, pattern)]
    return f"{_escape(base)}{pattern}" if sorted(found) == sorted(names) else None


def _escape(base: str) -> str:
    """Escape what is no wildcard in a path; a URL is escaped behind its scheme."""
    scheme, mark, rest = base.rpartition("://")
    return scheme + mark + glob.escape(rest)


def _common(pieces: Iterable[str]) -> str:
    """Return the pattern of what some names have in common, at their beginnings and ends."""
    first, *others = dict.fromkeys(pieces)
    if not others:
        return glob.escape(first)
    begin = _beginning([first, *others])
    end = _beginning([name[len(begin) :][::-1] for name in (first, *others)])[::-1]
    # Before a number that all begin with, such as 1 of 10 and 11, and behind one.
    begin, end = begin.rstrip("0123456789"), end.lstrip("0123456789")
    numbered = all(name[len(begin) :][:1].isdigit() for name in (first, *others))
    return f"{glob.escape(begin)}{'[0-9]' if numbered else ''}*{glob.escape(end)}"


def _beginning(names: Sequence[str]) -> str:
    """Return what all names begin with."""
    first, last = min(names), max(names)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern means a name, level by level, as a glob does."""
    pieces, wanted = name.split("/"), pattern.split("/")
    matches: Callable[[str, str], bool] = fnmatch.fnmatchcase
    return len(pieces) == len(wanted) and all(map(matches, pieces, wanted))
