"""Docstrings: a line for every helper, and NumPy's sections for everything public."""

import ast

import pytest

from package_imports import PACKAGE, module_name

FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
FACES = (
    "rankme",
    "rankme.cuda",
    "rankme.metrics",
    "rankme.sources",
    "rankme.distributed.dask",
    "rankme.distributed.ray",
    "rankme.distributed.spark",
    "rankme.distributed.torch",
    "rankme.integrations.sentence_transformers",
    "rankme.integrations.jax",
    "rankme.integrations.prometheus",
    "rankme.integrations.sklearn",
    "rankme.integrations.torch",
    "rankme.integrations.torchmetrics",
    "rankme.integrations.transformers",
)
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def tree_of(module):
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def is_marked(node, mark):
    return any(ast.unparse(one).rpartition(".")[2] == mark for one in node.decorator_list)


def is_property(node):
    return is_marked(node, "property") or is_marked(node, "cached_property")


def definitions(body, prefix=""):
    """Yield name and node of functions and classes, and of what classes hold."""
    for node in body:
        if isinstance(node, FUNCTIONS | ast.ClassDef):
            if not node.name.startswith("__") and not is_marked(node, "overload"):
                yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{prefix}{node.name}.")


def wrong_helpers(tree):
    """Yield what has no docstring, or is private and has one of several lines."""
    for name, node in definitions(tree.body):
        text = ast.get_docstring(node)
        if text is None:
            yield f"{name} has no docstring"
        elif node.name.startswith("_") and "\n" in text:
            yield f"{name} has a docstring of several lines"


def found(module, name):
    """Find the module and the node of a name; None where it is no function or class."""
    for node in tree_of(module).body:
        if isinstance(node, FUNCTIONS | ast.ClassDef) and node.name == name:
            if not is_marked(node, "overload"):
                return module, node
        elif isinstance(node, ast.ImportFrom) and node.module in FILES:
            for alias in node.names:
                is_module = f"{node.module}.{alias.name}" in FILES
                if (alias.asname or alias.name) == name and not is_module:
                    return found(node.module, alias.name)
    return None


def public_names(module):
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module} has no __all__")


def bases(module, node):
    """Yield a class and those of the package that it stands on."""
    yield module, node
    for base in node.bases:
        place = found(module, ast.unparse(base))
        if place is not None:
            yield from bases(*place)


def arguments_of(function):
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [one.arg for one in every if one.arg not in ("self", "cls")]


def has_section(text, *titles):
    return any(f"\n{title}\n{'-' * len(title)}\n" in f"\n{text}\n" for title in titles)


def names_in(text):
    """Return the names that the parameters' section has, of which several may share a line."""
    section = text.partition("\nParameters\n----------\n")[2].partition("\n\n")[0]
    heads = [line for line in section.splitlines() if not line.startswith(" ")]
    return {name.strip() for line in heads for name in line.partition(" :")[0].split(",")}


def wrong_function(name, node):
    """Yield what the docstring of a public function or method lacks."""
    text = ast.get_docstring(node) or ""
    arguments = arguments_of(node)
    if arguments and not has_section(text, "Parameters"):
        yield f"{name} has no Parameters"
    elif missing := set(arguments) - names_in(text):
        yield f"{name} has no parameter {', '.join(sorted(missing))}"
    returns = "None" if node.returns is None else ast.unparse(node.returns)
    if returns != "None" and not has_section(text, "Returns", "Yields"):
        yield f"{name} has neither Returns nor Yields"


def wrong_class(module, node):
    """Yield what the docstring of a public class and those of its methods lack."""
    seen = set()
    for _, one in bases(module, node):
        for method in one.body:
            if not isinstance(method, FUNCTIONS) or method.name in seen:
                continue
            seen.add(method.name)
            name = f"{node.name}.{method.name}"
            if method.name == "__init__" and one is node:
                missing = set(arguments_of(method)) - names_in(ast.get_docstring(node) or "")
                if missing:
                    yield f"{node.name} has no parameter {', '.join(sorted(missing))}"
            # What a host calls, on_..., the host documents.
            elif not method.name.startswith(("_", "on_")) and not is_property(method):
                yield from wrong_function(name, method)


def wrong_face(module):
    for name in public_names(module):
        place = found(module, name)
        if place is None:
            continue
        if isinstance(place[1], ast.ClassDef):
            yield from wrong_class(*place)
        else:
            yield from wrong_function(name, place[1])


def test_helpers():
    wrong = [f"{module}: {text}" for module in FILES for text in wrong_helpers(tree_of(module))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("face", FACES)
def test_faces(face):
    wrong = list(wrong_face(face))
    assert not wrong, "\n".join(wrong)


def test_every_public_function_is_looked_at():
    count = sum(found(face, name) is not None for face in FACES for name in public_names(face))
    assert count > 40


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ("def _f():\n    pass", ["_f has no docstring"]),
        ('def _f():\n    """One."""', []),
        ('def _f():\n    """One.\n\n    Two."""', ["_f has a docstring of several lines"]),
        ('def f():\n    """One.\n\n    Two."""', []),
        ('class C:\n    """One."""\n    def f(self): ...', ["C.f has no docstring"]),
        ('class C:\n    """One."""\n    def __len__(self): ...', []),
    ],
)
def test_the_rule_of_helpers(source, problems):
    assert list(wrong_helpers(ast.parse(source))) == problems


@pytest.mark.parametrize(
    ("signature", "sections", "problems"),
    [
        ("f()", "", []),
        ("f(a)", "", ["f has no Parameters"]),
        ("f(a, *, b)", "Parameters\n----------\na : int\n", ["f has no parameter b"]),
        ("f(a, *, b)", "Parameters\n----------\na, b : int\n    Both.\n", []),
        ("f() -> int", "", ["f has neither Returns nor Yields"]),
        ("f() -> int", "Returns\n-------\nint\n", []),
        ("f() -> None", "", []),
    ],
)
def test_the_rule_of_faces(signature, sections, problems):
    source = f'def {signature}:\n    """One.\n\n{sections}"""'
    node = ast.parse(source.replace("\n", "\n    ")).body[0]
    assert list(wrong_function("f", node)) == problems
