"""What the page of other packages says has a source, and its examples agree with each other."""

import re
from importlib.metadata import version

import pytest

from helpers import ROOT
from pages import programs, tables, text_of

PAGE = "explanation/how-it-compares.md"
TEXT = text_of(PAGE)
NOTES = dict(re.findall(r"^\[\^(\w+)\]: (.*)$", TEXT, re.MULTILINE))
RELEASE = re.compile(
    r"\[([\w-]+) (\d[\d.]*\d)\]\(https://pypi\.org/project/([\w-]+)/(\d[\d.]*\d)/\)"
)
FOR_TRAINING = ("stable-pretraining", "MONAI")
OF_FUNCTIONS = ("embedding-quality", "reptrix", "vendi-score", "dimensionality")
PEERS = FOR_TRAINING + OF_FUNCTIONS


def test_every_cell_has_a_source():
    metrics = next(rows for rows in tables("reference/metrics.md") if "formula" in rows[0])
    told = tables(PAGE)
    for table, peers in zip(told, (FOR_TRAINING, OF_FUNCTIONS), strict=True):
        assert len(table) >= 12
        assert f"RankMe and {len(metrics) - 1} other metrics" in table[1]["rankme"]
        for row in table:
            assert tuple(row) == ("", "rankme", *peers)
            for peer in peers:
                marks = re.findall(r"\[\^(\w+)\]", row[peer])
                assert marks, (row[""], peer)
                for mark in marks:
                    assert NOTES[mark].startswith(f"[{peer} "), (row[""], peer)
    ours = [[(row[""], row["rankme"]) for row in table] for table in told]
    assert ours[0] == ours[1]


def test_every_source_names_a_release_and_a_file():
    for note in NOTES.values():
        name, number, page, page_number = RELEASE.match(note).groups()
        assert (name.lower(), number) == (page, page_number)
        assert re.search(r"`[\w/]+\.(?:py|toml)`", note)


@pytest.mark.parametrize("peer", ["embedding-quality", "vendi-score", "dimensionality"])
def test_the_release_is_the_one_that_the_tests_run(peer):
    assert {RELEASE.match(note)[2] for note in NOTES.values() if note.startswith(f"[{peer} ")} == {
        version(peer)
    }
    assert f'"{peer}=={version(peer)}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_both_lines_of_an_example_print_the_same():
    examples = TEXT.partition("## One line for another")[2].partition("## When")[0]
    sections = re.split(r"^### ", examples, flags=re.MULTILINE)[1:]
    assert sorted(section.splitlines()[0] for section in sections) == sorted(
        ["calc_rankme", *PEERS]
    )
    for section in sections:
        theirs, ours = re.findall(r"^print\(.*\)  # (\S+)$", section, re.MULTILINE)
        assert theirs == ours
    assert len(programs(PAGE)) == 1 + len(sections)
