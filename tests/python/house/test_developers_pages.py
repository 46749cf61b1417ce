"""What the developers' pages name is there, and the users' pages name none of it."""

import re

from helpers import ROOT

TESTS = ROOT / "tests" / "python"
DOCS = ROOT / "docs"
DECISIONS = DOCS / "developers" / "decisions"


def test_the_tables_of_faults_name_tests_that_exist():
    text = (DOCS / "developers" / "faults.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if ".py`: " in line]
    assert len(rows) >= 29
    for row in rows:
        for file, tests in re.findall(r"`(\w+/test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)", row):
            source = (TESTS / file).read_text(encoding="utf-8")
            for test in re.findall(r"`(test_\w+)`", tests):
                assert f"def {test}(" in source, f"{file}: {test}"


def test_the_table_of_statements_names_what_exists():
    page = (DOCS / "developers" / "statements.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)\. [^|]* \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    stated = (DOCS / "explanation" / "mathematics.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^\*\*(\d+)\.", stated, re.MULTILINE)
    assert numbers == [number for number, _, _ in rows] == [str(i) for i in range(1, 25)]
    for number, code, tests in rows:
        for file, names in re.findall(r"`([\w/]+\.\w+)`(?: \(((?:`\w+`(?:, )?)+)\))?", code):
            source = (ROOT / file).read_text(encoding="utf-8")
            assert all(name in source for name in re.findall(r"`(\w+)`", names)), (number, file)
        named = re.findall(r"`([\w/]+\.(?:py|cpp))`: ((?:`\w+`(?:, )?)+)", tests)
        assert named, number
        for file, names in named:
            folder = TESTS if file.endswith(".py") else ROOT / "tests" / "cpp"
            source = (folder / file).read_text(encoding="utf-8")
            for name in re.findall(r"`(\w+)`", names):
                assert re.search(rf"\b(?:def|void) {name}\(", source), (number, file, name)


def test_the_index_of_decisions_has_every_decision():
    listed = (DECISIONS / "index.md").read_text(encoding="utf-8")
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    expected = []
    for number, page in enumerate(pages, start=1):
        text = page.read_text(encoding="utf-8")
        title, *decisions = re.findall(r"^##? (.+)$", text, re.MULTILINE)
        assert title.startswith(f"{number}. "), page.name
        assert page.name.startswith(f"{number:03d}-")
        dates = re.findall(r"^\*\d{4}-\d\d-\d\d\*$", text, re.MULTILINE)
        assert len(dates) == len(decisions), page.name
        expected += [f"## [{title}]({page.name})", *(f"- {decision}" for decision in decisions)]
    assert [line for line in listed.splitlines() if line.startswith(("## ", "- "))] == expected


def test_the_house_names_every_header():
    page = (DOCS / "developers" / "house.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| (`\w+\.hpp`(?:, `\w+\.hpp`)*) \| ", page, re.MULTILINE)
    headers = [path.name for path in (ROOT / "cpp" / "include").rglob("*.hpp")]
    assert sorted(re.findall(r"\w+\.hpp", " ".join(named))) == sorted(headers)


def test_users_pages_name_no_test_and_no_private_module():
    private = re.compile(r"\btest_\w+|tests/python|\b_(?:core|cuda)\b|\b_\w+\.py\b|rankme\._\w+")
    found = [
        f"{path.relative_to(DOCS)}: {name}"
        for path in DOCS.rglob("*.md")
        if "developers" not in path.parts and path.name != "changelog.md"
        for name in private.findall(path.read_text(encoding="utf-8"))
    ]
    assert not found, found
