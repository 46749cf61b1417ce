"""rankme-cuda13 is the same tree, of the same version, with the libraries that the extra brings."""

import re
import sys

import pytest

import rankme
from helpers import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

FOLDER = ROOT / "packaging" / "cuda13"
ROOTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ITS = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
METADATA = ITS["tool"]["scikit-build"]["metadata"]
REQUIRED = METADATA["dependencies"]["result"]


def test_its_version_is_read_from_the_package():
    assert "version" not in ITS["project"]
    source = (FOLDER / METADATA["version"]["input"]).resolve()
    assert source == ROOT / "pyproject.toml"
    found = re.findall(METADATA["version"]["regex"], source.read_text("utf-8"), re.MULTILINE)
    assert found == [ROOTS["project"]["version"]]


def test_it_wants_the_package_of_exactly_that_version():
    assert REQUIRED[0] == "rankme=={project[version]}"
    # What CMake gives to both modules, and the loader compares.
    assert ROOTS["project"]["version"].startswith(rankme.__version__)


def test_its_libraries_are_those_of_the_extra():
    extra = ROOTS["project"]["optional-dependencies"]["cuda13"]
    assert REQUIRED[1:] == [one for one in extra if one.startswith("nvidia-")]


def test_the_extra_does_not_ask_for_a_name_that_nobody_holds():
    asked = [*ROOTS["project"]["dependencies"]]
    for extra in ROOTS["project"]["optional-dependencies"].values():
        asked += extra
    assert not [one for one in asked if re.match(r"rankme[-_.]", one)]


def test_it_is_built_with_what_the_tests_build_with():
    groups = ROOTS["dependency-groups"]
    needed = {*groups["cuda-build"], *ROOTS["build-system"]["requires"]}
    names = {re.match(r"[\w-]+", one)[0] for one in ITS["build-system"]["requires"]}
    assert names == {re.match(r"[\w-]+", one)[0] for one in needed}
    pinned = {one for one in needed if "==" in one}
    assert pinned == {one for one in ITS["build-system"]["requires"] if "==" in one}


@pytest.mark.parametrize("key", ["license", "requires-python", "authors"])
def test_what_both_say_of_themselves(key):
    assert ITS["project"][key] == ROOTS["project"][key]


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_its_terms_are_the_same_files(name):
    assert (FOLDER / name).resolve() == ROOT / name


def test_it_installs_the_module_alone():
    settings = ITS["tool"]["scikit-build"]
    assert settings["wheel"]["packages"] == []
    (component,) = settings["install"]["components"]
    text = (ROOT / "python" / "bindings" / "CMakeLists.txt").read_text(encoding="utf-8")
    installed = re.findall(rf"install\(TARGETS (\w+) .* COMPONENT {component}\)", text)
    assert installed == settings["build"]["targets"] == ["_cuda"]
    # The package, where it is built with the module, has it too.
    assert component in ROOTS["tool"]["scikit-build"]["install"]["components"]
