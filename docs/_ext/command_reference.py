"""The directive ``command-reference``: the commands of ``rankme`` and their options.

They are read from the typer application, so that the page cannot differ from ``rankme --help``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from typer.main import get_command

from rankme.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class CommandReference(Directive):
    """One section a command: usage, help, and what each argument and option means."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        root = get_command(app)
        with root.make_context("rankme", [], resilient_parsing=True) as context:
            contexts = [
                command.make_context(name, [], parent=context, resilient_parsing=True)
                for name, command in root.commands.items()
            ]
            return [self._section(each) for each in contexts]

    def _section(self, context: Any) -> nodes.section:
        """Describe one command."""
        command = context.command
        section = nodes.section(names=[f"rankme {context.info_name}"])
        self.state.document.note_explicit_target(section)
        section += nodes.title(text=f"rankme {context.info_name}")
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        section += nodes.literal_block(usage, usage, language="text")
        section += nodes.paragraph(text=command.help)
        section += nodes.definition_list("", *_items(context))
        return section


def _items(context: Any) -> Iterator[nodes.definition_list_item]:
    """Describe the parameters of a command, as its help does."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        names, text = record
        term = nodes.term("", "", nodes.literal(text=names.strip()))
        meaning = nodes.definition("", nodes.paragraph(text=text.strip()))
        yield nodes.definition_list_item("", term, meaning)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("command-reference", CommandReference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
