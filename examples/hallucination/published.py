"""Readers of the six published question sets, from the files as their authors give them out.

Nothing is fetched; get a file from its authors and pass its path. What the two papers took:

=========  ==============================================  =============================
name       file                                            what is read
=========  ==============================================  =============================
triviaqa   ``wikipedia-dev.json``, ``unfiltered-web-...``  ``Data``: question, aliases
hotpotqa   ``hotpot_dev_distractor_v1.json``               a list: question, answer
halueval   ``qa_data.json``, ``summarization_data.json``   lines: right and made-up answer
coqa       ``coqa-dev-v1.0.json``                          stories with turns
squad      ``dev-v1.1.json``, ``dev-v2.0.json``            articles, paragraphs, questions
psiloqa    ``test-00000-of-00001.parquet``, or JSON lines  rows: answers with wrong spans
=========  ==============================================  =============================
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .questions import Given, Question

__all__ = ["READERS", "read"]

Record = Mapping[str, Any]
SUMMARISE = "What is a summary of the text?"


def read(name: str, path: Path | str) -> list[Question]:
    """Read a published file.

    Parameters
    ----------
    name : str
        One of `READERS`.
    path : path
        The file.

    Returns
    -------
    list of Question
        In the order of the file; `kind` begins with the name of the set.

    Raises
    ------
    ValueError
        If the set is not known, or the file is not laid out like it; the text names the file, the
        record and the field.
    """
    if name not in READERS:
        raise ValueError(f"{name!r} is no known set; known are {', '.join(READERS)}")
    path = Path(path)
    found: list[Question] = []
    try:
        found.extend(READERS[name](path))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path} is not laid out like {name}, after {len(found)} questions: {reason}"
        ) from error
    if not found:
        raise ValueError(f"{path} holds no question of {name}")
    return found


def _whole(path: Path) -> Any:
    """Read a JSON file that holds one value."""
    return json.loads(path.read_text(encoding="utf-8"))


def _lines(path: Path) -> Iterator[Record]:
    """Read a file with a JSON object a line."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _once(spellings: Iterable[str]) -> tuple[str, ...]:
    """Return each spelling once, in order."""
    return tuple(dict.fromkeys(spellings))


def triviaqa(path: Path) -> Iterator[Question]:
    """Read TriviaQA: the value first, then its aliases. Test files have no answers."""
    for one in _whole(path)["Data"]:
        answer = one.get("Answer")
        spellings = _once([answer["Value"], *answer["Aliases"]]) if answer else ()
        yield Question(one["QuestionId"], one["Question"], spellings, kind="triviaqa")


def hotpotqa(path: Path) -> Iterator[Question]:
    """Read HotpotQA; the context is its paragraphs, the ten of the distractor setting."""
    for one in _whole(path):
        paragraphs = [f"{title}: {''.join(sentences)}" for title, sentences in one["context"]]
        yield Question(
            one["_id"], one["question"], (one["answer"],), "\n".join(paragraphs), kind="hotpotqa"
        )


def halueval(path: Path) -> Iterator[Question]:
    """Read HaluEval: questions, or documents to be summarised, with a right and a made-up text."""
    for i, one in enumerate(_lines(path)):
        if "document" in one:
            text, context, what = SUMMARISE, one["document"], "summary"
        else:
            text, context, what = one["question"], one["knowledge"], "answer"
        right, made_up = one[f"right_{what}"], one[f"hallucinated_{what}"]
        yield Question(
            str(i),
            text,
            (right,),
            context,
            kind=f"halueval-{what}",
            given=(Given(right, wrong=False), Given(made_up, wrong=True)),
        )


def coqa(path: Path) -> Iterator[Question]:
    """Read CoQA: a question for each turn, with the story and the turns before it as context.

    The subject is the story. Answers of the other annotators, in files for development, count too.
    """
    for story in _whole(path)["data"]:
        talk = story["story"]
        others = story.get("additional_answers", {})
        for i, (asked, said) in enumerate(zip(story["questions"], story["answers"], strict=True)):
            if asked["turn_id"] != said["turn_id"]:
                raise TypeError(f"turns of story {story['id']} do not match")
            spellings = [said["input_text"], *(those[i]["input_text"] for those in others.values())]
            yield Question(
                f"{story['id']}/{asked['turn_id']}",
                asked["input_text"],
                _once(spellings),
                talk,
                kind="coqa",
                subject=story["id"],
            )
            talk += f"\nQ: {asked['input_text']}\nA: {said['input_text']}"


def squad(path: Path) -> Iterator[Question]:
    """Read SQuAD 1.1 or 2.0. A question that is impossible to answer has no accepted spelling."""
    for article in _whole(path)["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                yield Question(
                    asked["id"],
                    asked["question"],
                    _once(answer["text"] for answer in asked["answers"]),
                    paragraph["context"],
                    kind="squad",
                    subject=article["title"],
                )


def psiloqa(path: Path) -> Iterator[Question]:
    """Read PsiloQA, as Parquet or as JSON lines: an answer is wrong if a span of it is marked.

    The kind is the language. Parquet needs pyarrow: ``pip install "rankme[parquet]"``.
    """
    for one in _parquet(path) if path.suffix == ".parquet" else _lines(path):
        spans = one["labels"]
        spans = json.loads(spans) if isinstance(spans, str) else spans
        yield Question(
            one["id"],
            one["question"],
            (one["golden_answer"],),
            one["wiki_passage"],
            kind=f"psiloqa-{one['lang']}",
            subject=one["wiki_title"],
            given=(Given(one["llm_answer"], wrong=bool(spans)),),
        )


def _parquet(path: Path) -> Iterator[Record]:
    """Read the rows of a Parquet file, by batches."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - the other sets do without

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1000):
            yield from batch.to_pylist()


READERS: dict[str, Callable[[Path], Iterator[Question]]] = {
    "triviaqa": triviaqa,
    "hotpotqa": hotpotqa,
    "halueval": halueval,
    "coqa": coqa,
    "squad": squad,
    "psiloqa": psiloqa,
}
