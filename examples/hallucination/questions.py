"""A question with the answers that count as right, whatever file it came from."""

from dataclasses import dataclass

__all__ = ["Given", "Question"]


@dataclass(frozen=True)
class Given:
    """An answer that comes with a data set, and what its authors say of it.

    Attributes
    ----------
    text : str
        The answer.
    wrong : bool
        Whether it is a hallucination.
    """

    text: str
    wrong: bool


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes
    ----------
    id : str
        Unique within its file.
    text : str
        The question, without context.
    accepted : tuple of str
        The spellings that are right. Empty if the question has no answer, as in SQuAD 2.0, or if
        the file tells right from wrong by `given` alone.
    context : str
        What should be read before the question; empty if nothing.
    kind : str
        Questions of one kind ask for the same sort of thing; they share the examples of a prompt.
    subject : str
        What is asked about. Questions of one subject never stand on both sides of a split.
    given : tuple of Given
        Answers of other models that come with the data set.
    """

    id: str
    text: str
    accepted: tuple[str, ...]
    context: str = ""
    kind: str = ""
    subject: str = ""
    given: tuple[Given, ...] = ()
