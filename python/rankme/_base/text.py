"""Text of others, such as names, where it is shown."""

__all__ = ["one_line"]


def one_line(text: object) -> str:
    """Return the text with line ends and other control characters written as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )
