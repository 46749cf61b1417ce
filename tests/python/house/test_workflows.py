"""The workflows run code of others: it is named by commit, so that a moved tag changes nothing."""

import re

import pytest

from helpers import ROOT

USES = re.compile(r"^\s*(?:- )?uses: (?P<action>\S+)(?P<rest>.*)$", re.MULTILINE)
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FOUND = [
    (f"{path.name}: {one['action']}", one["action"], one["rest"])
    for path in WORKFLOWS
    for one in USES.finditer(path.read_text(encoding="utf-8"))
]


def test_all_are_found():
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert len(FOUND) == text.count("uses:") > 20


@pytest.mark.parametrize(
    ("action", "rest"), [one[1:] for one in FOUND], ids=[one[0] for one in FOUND]
)
def test_an_action_is_pinned_by_commit_and_says_its_version(action, rest):
    if action.startswith("./"):
        return
    assert PINNED.fullmatch(action)
    assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest)


def test_one_action_has_one_commit():
    commits = {tuple(action.split("@")) for _, action, _ in FOUND if "@" in action}
    assert len(commits) == len({name for name, _ in commits})
