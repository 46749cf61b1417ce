"""What each release has saved and pickled loads, says what it said, and goes on.

What it printed as JSON is still what its schema says.
"""

import json
import pickle
import subprocess

import pytest
from jsonschema import Draft202012Validator

import rankme
from helpers import ROOT
from kept_states import COMMANDS, COMPAT, CUT, KEPT, RESULTS, made, said

REST = slice(CUT, None)
ANSWERS = {path.parent: json.loads(path.read_text()) for path in COMPAT.glob("*/said.json")}
FILES = [path for path in sorted(COMPAT.glob("*/*")) if path.suffix in (".pickle", ".rankme")]
LINES = sorted(COMPAT.glob("*/*.jsonl"))
SCHEMAS = ROOT / "docs" / "reference" / "schema"


def loaded(path):
    if path.suffix == ".pickle":
        return pickle.loads(path.read_bytes())
    return KEPT[path.stem].load(path)


def assert_same(found, wanted, rel, at=""):
    """Compare two values of JSON, numbers to a relative error."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), at
        for key, value in wanted.items():
            assert_same(found[key], value, rel, f"{at}/{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for i, value in enumerate(wanted):
            assert_same(found[i], value, rel, f"{at}/{i}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=rel, abs=1e-12), at
    else:
        assert found == wanted, at


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_says_what_it_said_and_goes_on(path):
    thing = loaded(path)
    assert_same(said(thing), ANSWERS[path.parent][path.stem], 1e-12, path.name)
    if path.stem in RESULTS:
        assert type(thing) is type(RESULTS[path.stem]())
        return
    anew = made(path.stem)
    assert type(thing) is type(anew)
    for one in (thing, anew):
        KEPT[path.stem].feed(one, REST)
    assert_same(said(thing), said(anew), 1e-9, path.name)
    assert said(thing) != ANSWERS[path.parent][path.stem]


@pytest.mark.parametrize("path", LINES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_lines_of_the_command_are_what_their_schema_says(path):
    schema = Draft202012Validator(json.loads((SCHEMAS / f"{path.stem}.json").read_text()))
    for line in path.read_text(encoding="utf-8").splitlines():
        schema.validate(json.loads(line))


def test_every_release_has_kept_all():
    command = ["git", "-C", ROOT, "tag", "--list", "v*"]
    tags = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    assert {f"v{folder.name}" for folder in ANSWERS} >= {*tags, f"v{rankme.__version__}"}
    for folder, answers in ANSWERS.items():
        assert {path.stem for path in FILES if path.parent == folder} == answers.keys()
    newest = COMPAT / rankme.__version__
    assert ANSWERS[newest].keys() == KEPT.keys() | RESULTS.keys()
    printed = {path.stem for path in LINES if path.parent == newest}
    assert printed == COMMANDS.keys() == {path.stem for path in SCHEMAS.iterdir()}


def test_no_folder_of_a_machine_is_kept():
    for path in [*FILES, *LINES]:
        assert b"/home" not in (data := path.read_bytes())
        assert b"/tmp" not in data
