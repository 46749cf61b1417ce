"""The floors of the house: a room imports from itself and from the floors below, nothing else."""

import graphlib

import pytest

from package_imports import PACKAGE, imports_of, module_name

# From the roof to the ground. Rooms of one floor do not know each other.
FLOORS = (
    {"cli"},
    {"bench"},
    {"integrations"},
    {"distributed", "selection"},
    {"_scoring"},
    {"_accumulators"},
    {"metrics"},
    {"sources"},
    {"_base"},
)
HEIGHT = {room: -i for i, floor in enumerate(FLOORS) for room in floor}
COMPILED = {"rankme._core", "rankme._cuda"}
FACES = {"__init__.py", "__main__.py", "cuda.py", "_config.py"}  # they hand names on
# Old names of modules, two lines each, so that old pickles load.
ALIASES = {
    "_accumulator.py",
    "_batch.py",
    "_errors.py",
    "_layers.py",
    "_score.py",
    "_spectrum.py",
    "sources/_files.py",
    "sources/_raw.py",
    "sources/_remote.py",
}
PROGRAMS = {"cli", "bench"}  # they compute with the public names, as users do


def files_of(room):
    return sorted((PACKAGE / room).rglob("*.py"))


def is_allowed(room, name):
    if name in COMPILED:
        return True
    target = name.partition(".")[2].partition(".")[0]
    if target not in HEIGHT:
        return room in PROGRAMS
    return target == room or HEIGHT[target] < HEIGHT[room]


def test_no_room_reaches_up():
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for room in sorted(HEIGHT)
        for path in files_of(room)
        for line, name in imports_of(path)
        if not is_allowed(room, name)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_among_files():
    files = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    graph = {}
    for name, path in files.items():
        # `from package import name` names a file or something in it.
        targets = (
            target if target in files else target.rpartition(".")[0]
            for _, target in imports_of(path)
            if target not in COMPILED
        )
        graph[name] = {target for target in targets if target != name}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_every_file_has_a_room():
    assert {path.name for path in PACKAGE.glob("*.py")} <= FACES | ALIASES
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= HEIGHT.keys()
    assert len(rooms) + 1 <= 11  # with the faces


def test_an_alias_hands_on_and_nothing_uses_it():
    names = {module_name(PACKAGE / alias) for alias in ALIASES}
    for alias in ALIASES:
        lines = (PACKAGE / alias).read_text(encoding="utf-8").splitlines()
        code = [line for line in lines[1:] if line and not line.startswith(("    ", ")"))]
        assert [line.split()[0] for line in code] == ["from", "__all__"], alias
    used = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        for line, name in imports_of(path)
        if name in names or name.rpartition(".")[0] in names
    ]
    assert not used, used


@pytest.mark.parametrize(
    ("room", "name", "allowed"),
    [
        ("metrics", "rankme._base.errors", True),
        ("metrics", "rankme._core", True),
        ("metrics", "rankme._accumulators.accumulator.Accumulator", False),
        ("_scoring", "rankme.score", False),
        ("cli", "rankme.score", True),
        ("distributed", "rankme.selection", False),
    ],
)
def test_the_rule_itself(room, name, allowed):
    assert is_allowed(room, name) == allowed
