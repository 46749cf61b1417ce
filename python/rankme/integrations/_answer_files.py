"""Answers in a folder: a file of settings, and one for each batch of questions, all whole."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.atomic_file import remove_strays, write_pieces

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["AnswerFolder", "Answered", "read_answers"]

SCHEMA = "rankme.answers/1"
_SETTINGS = "settings.json"
_NAME = re.compile(r"answers-(\d{8})-(\d{8})\.npz")


class Answered(NamedTuple):
    """The answers to one question: S texts, states (S, L, K), and how many tokens each has."""

    texts: list[str]
    states: NDArray[Any]
    n_tokens: list[int]


class AnswerFolder:
    """A folder that a run writes its answers to, and goes on from.

    Parameters
    ----------
    path : str or os.PathLike
        It is made if need be.
    settings : dict
        What answers depend on, as JSON has it; `n_questions` and `layers` are among it.

    Raises
    ------
    OSError
        If it cannot be written to.
    ValueError
        If it has answers of other settings, which are named, or is no folder of answers.
    """

    def __init__(self, path: str | os.PathLike[str], settings: dict[str, Any]) -> None:
        self._path = Path(path)
        self._path.mkdir(parents=True, exist_ok=True)
        file = self._path / _SETTINGS
        remove_strays(file)
        if not file.exists():
            if any(self._path.glob("answers-*")):
                raise ValueError(
                    f"{self._path} has answers and no {_SETTINGS}, which tells of what"
                )
            text = json.dumps({"schema": SCHEMA, **settings}, indent=1)
            write_pieces(file, [text.encode()])
        found = _settings_of(self._path)
        # As JSON has it: tuples become lists.
        wanted = json.loads(json.dumps({"schema": SCHEMA, **settings}))
        other = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
        if other:
            told = "; ".join(
                f"{key} was {found.get(key)!r:.80} and is {wanted.get(key)!r:.80}" for key in other
            )
            raise ValueError(
                f"{self._path} has answers of other settings: {told}. Take another folder, or the "
                f"same settings"
            )

    def done(self) -> set[int]:
        """Return the numbers of the questions that have been answered."""
        return {number for begin, end, _ in _files_of(self._path) for number in range(begin, end)}

    def add(self, begin: int, answered: list[Answered]) -> None:
        """Write the answers to questions that follow one another, whole or not at all."""
        file = self._path / f"answers-{begin:08}-{begin + len(answered):08}.npz"
        remove_strays(file)
        texts = json.dumps([one.texts for one in answered]).encode()
        buffer = io.BytesIO()
        np.savez(
            buffer,
            states=np.concatenate([one.states for one in answered]),
            n_samples=np.array([len(one.texts) for one in answered]),
            n_tokens=np.concatenate([one.n_tokens for one in answered]).astype(np.int64),
            texts=np.frombuffer(texts, np.uint8),
        )
        write_pieces(file, [buffer.getbuffer()])


def read_answers(
    folder: str | os.PathLike[str],
) -> tuple[list[list[str]], list[NDArray[Any]], list[list[int]], tuple[int, ...]]:
    """Return the texts, states, numbers of tokens and layers of all answers in a folder."""
    path = Path(folder)
    settings = _settings_of(path)
    found: dict[int, Answered] = {}
    for begin, end, file in _files_of(path):
        for number, one in enumerate(_read(file, end - begin), begin):
            found.setdefault(number, one)
    count = settings["n_questions"]
    missing = [number for number in range(count) if number not in found]
    if missing:
        raise ValueError(
            f"{path} has answers to {len(found)} of {count} questions; call answer_states with the "
            f"same settings and folder to make the others"
        )
    every = [found[number] for number in range(count)]
    return (
        [one.texts for one in every],
        [one.states for one in every],
        [one.n_tokens for one in every],
        tuple(settings["layers"]),
    )


def _settings_of(path: Path) -> dict[str, Any]:
    """Return the settings that a folder of answers has."""
    file = path / _SETTINGS
    try:
        settings = json.loads(file.read_bytes())
        schema = settings["schema"]
    except FileNotFoundError:
        raise ValueError(f"{path} is no folder of answers: it has no {_SETTINGS}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file} is damaged, or no file of settings: {error}") from error
    if schema != SCHEMA:
        raise ValueError(f"{file} is of {schema!r}, and this rankme reads {SCHEMA!r}")
    found: dict[str, Any] = settings
    return found


def _files_of(path: Path) -> list[tuple[int, int, Path]]:
    """List the files of answers, with the first question of each and the one behind its last."""
    matches = ((_NAME.fullmatch(file.name), file) for file in sorted(path.iterdir()))
    return [(int(match[1]), int(match[2]), file) for match, file in matches if match]


def _read(file: Path, count: int) -> list[Answered]:
    """Return the answers of one file."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            texts = json.loads(arrays["texts"].tobytes())
            ends = np.cumsum(arrays["n_samples"])[:-1]
            states = np.split(arrays["states"], ends)
            tokens = np.split(arrays["n_tokens"], ends)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} is damaged, and no answers can be read from it ({error}); remove it, and "
            f"answer_states makes them again"
        ) from error
    if not len(texts) == len(states) == count:
        raise ValueError(f"{file} has answers to {len(texts)} questions, and its name says {count}")
    return [Answered(*one) for one in zip(texts, states, [t.tolist() for t in tokens], strict=True)]
