"""The directive ``formats-table``: every format that is read, from the table that readers go by."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from rankme.sources._format_table import FORMATS

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

    from rankme.sources._format_table import Format

HEADS = ("format", "suffixes", "told by", "what is read", "`column`", "needs")
SHOWN = 3  # of the signs of a format; FAISS has forty


class FormatsTable(Directive):
    """The table, a row a format. Its page says what the links in it mean."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the table, parsed as Markdown of the page."""
        lines = [HEADS, [":--"] * len(HEADS), *map(_cells, FORMATS)]
        node = nodes.container()
        text = StringList([f"| {' | '.join(line)} |" for line in lines], source="formats-table")
        self.state.nested_parse(text, self.content_offset, node)
        return node.children


def _cells(one: Format) -> list[str]:
    """Return one row."""
    return [
        one.name,
        ", ".join(map(_code, one.suffixes)) or "a folder",
        _told(one),
        one.holds,
        one.column or "none",
        _needs(one),
    ]


def _told(one: Format) -> str:
    """Say how a file or folder is told."""
    if one.inside:
        return f"{_either([*map(_code, one.inside)])} in it"
    if not one.magics:
        return one.also or "suffix"
    signs = [_code(_bytes(magic)) for magic in one.magics[:SHOWN]]
    signs += ["[another kind's](#faiss-indexes)"] * (len(one.magics) > SHOWN)
    return f"first bytes {_either(signs)}" + (f", and {one.also}" if one.also else "")


def _needs(one: Format) -> str:
    """Say which library is needed, and for what."""
    if one.extra is None:
        return ""
    extra = _code(f"rankme[{one.extra}]")
    return f"{one.needs}: {extra}" if one.needs else extra


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _bytes(magic: bytes) -> str:
    """Write letters as they are, and other bytes in hexadecimal."""
    return magic.decode() if magic.isalnum() else magic.hex(" ")


def _code(text: str) -> str:
    return f"`{text}`"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("formats-table", FormatsTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
