"""The command: ``python -m examples.hallucination``, in the repository."""

import argparse
import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

import rankme
from rankme.bench.machine import describe_machine

from .asking import answered, given
from .model import GEMMA, Asked, loaded
from .offline import QUIZ_FOLDER, drawn, offline
from .published import READERS, read
from .questions import Question
from .report import write
from .study import Protocol, detection_results, layer_results

SCHEMA = "rankme.example.hallucination/1"


def arguments() -> argparse.ArgumentParser:
    """Return what the command takes."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.hallucination",
        description="Detects made-up answers of a language model by RankMe of its layers and by "
        "the effective rank of sampled answers. Goes on where it was killed.",
    )
    parser.add_argument(
        "--model", default=GEMMA, help='"gemma" (extra examples-gemma), or a folder of a model'
    )
    parser.add_argument("--set", default="offline", help=f"offline, or one of {', '.join(READERS)}")
    parser.add_argument("--file", type=Path, help="of a published set")
    parser.add_argument("--quiz", type=Path, default=QUIZ_FOLDER, help="of Debian's bsdgames")
    parser.add_argument("--given", action="store_true", help="judge the answers of the set")
    parser.add_argument("--questions", type=int, default=10_000, help="at most; more may follow")
    parser.add_argument("--sampled", type=int, default=500, help="of them, the first so many")
    parser.add_argument("--samples", type=int, default=10, help="of each of those")
    parser.add_argument("--examples", type=int, default=3, help="of each kind, in a prompt")
    parser.add_argument("--splits", type=int, default=Protocol.n_splits)
    parser.add_argument("--probes", nargs="+", default=list(Protocol.probes))
    parser.add_argument("--batch", type=int, default=4, help="questions at once, of ten samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True, help="a folder for answers and states")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--name", help="of the files with the results; by default that of the set")
    return parser


def asked_for(options: argparse.Namespace) -> list[Question]:
    """Return all questions of the set."""
    if options.set == "offline":
        return offline(options.quiz)
    if options.file is None:
        raise SystemExit(f"--set {options.set} needs its --file; see README.md")
    return read(options.set, options.file)


def say(n_done: int, n: int) -> None:
    """Tell how many questions have been answered, with the time."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} answered: {n_done} of {n}\n")


def shares(questions: list[Question], right: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Count questions and right answers of each kind."""
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for one, well in zip(questions, right, strict=True):
        by_kind[one.kind].append(bool(well))
    return {
        kind: {"n": len(all_), "share_right": sum(all_) / len(all_)}
        for kind, all_ in sorted(by_kind.items())
    }


def of_given(asked: Asked, options: argparse.Namespace, protocol: Protocol) -> dict[str, Any]:
    """Judge layers by the answers that the set has."""
    every = asked_for(options)
    random.Random(options.seed).shuffle(every)  # noqa: S311 - a draw that can be repeated
    found = given(asked, every[: options.questions], batch=options.batch)
    return {
        "kinds": shares(found.questions, found.right),
        "layers": layer_results(found.states, found.right, found.questions, protocol),
        "detection": None,
    }


def of_sampled(asked: Asked, options: argparse.Namespace, protocol: Protocol) -> dict[str, Any]:
    """Ask; judge layers by the first answer to each question, and questions by their samples."""
    questions, examples = drawn(
        asked_for(options), options.questions, options.examples, options.seed
    )
    found = answered(
        asked,
        questions,
        examples,
        n_sampled=options.sampled,
        n_samples=options.samples,
        batch=options.batch,
        seed=options.seed,
        folder=options.work,
        progress=say,
    )
    states = np.stack([one[0] for one in found.states])
    sampled = found.of(options.sampled)
    return {
        "kinds": shares(questions, found.right()),
        "layers": layer_results(states, found.right(), questions, protocol),
        "detection": detection_results(sampled, protocol) if options.sampled else None,
    }


def main(argv: list[str] | None = None) -> None:
    """Do what is missing, then write the results."""
    options = arguments().parse_args(argv)
    protocol = Protocol(n_splits=options.splits, seed=options.seed, probes=tuple(options.probes))
    asked = loaded(options.model)
    results = (of_given if options.given else of_sampled)(asked, options, protocol)
    names = ("set", "given", "sampled", "samples", "examples", "splits", "seed")
    packages = {one.__name__: one.__version__ for one in (rankme, torch, transformers)}
    write(
        {
            "schema": SCHEMA,
            "model": asked.name,
            "questions": f"{options.set} questions",
            "machine": {**describe_machine(), **packages},
            "settings": {name: getattr(options, name) for name in names},
            **results,
        },
        options.out,
        options.name or options.set,
    )


if __name__ == "__main__":
    main()
