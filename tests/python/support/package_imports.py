"""What the files of the package import when they run, read without running them."""

import ast
from pathlib import Path

import rankme

PACKAGE = Path(rankme.__file__).parent


def module_name(path):
    """Name a file of the package as an import would."""
    parts = ["rankme", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """Yield the line and the full name of everything of rankme that a file imports when it runs.

    An import inside a function counts; one under TYPE_CHECKING does not, since it never runs.
    """
    waiting = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import out, from rankme on"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if f"{name}.".startswith("rankme."))
