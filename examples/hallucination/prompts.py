"""What a base model is shown: examples of the kind, then the question."""

from collections.abc import Mapping, Sequence

from .questions import Question

__all__ = ["cut", "prompt"]


def prompt(question: Question, examples: Mapping[str, Sequence[Question]]) -> str:
    """Return the text that a model is to continue with the answer.

    Parameters
    ----------
    question : Question
        What is asked. Its context, if it has one, stands before it.
    examples : mapping
        By kind, questions whose first accepted spelling is shown. A question of another kind is
        asked without examples.
    """
    shown = [
        f"{_context(one)}Q: {one.text}\nA: {one.accepted[0]}\n"
        for one in examples.get(question.kind, ())
    ]
    return f"{''.join(shown)}{_context(question)}Q: {question.text}\nA:"


def _context(question: Question) -> str:
    """Return the context on lines of its own."""
    return f"{question.context}\n" if question.context else ""


def cut(answer: str) -> str:
    """Return an answer without what a model wrote on further lines."""
    return answer.strip().split("\n")[0].strip()
