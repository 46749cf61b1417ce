"""The offline questions of the hallucination example: the game's syntax, and what is drawn."""

import sys

import pytest
from examples.hallucination.offline import COLUMNS, countries, drawn, elements, merged, quiz
from examples.hallucination.prompts import cut, prompt
from examples.hallucination.questions import Question
from examples.hallucination.quiz import entries, parse


@pytest.mark.parametrize(
    ("text", "canonical", "others"),
    [
        ("Vienna|Wien", "Vienna", {"Wien"}),
        ("{George }Washington", "George Washington", {"Washington"}),
        ("{G{eorge} }W", "George W", {"G W", "W"}),
        ("Mos[cow|kva]", "Moscow", {"Moskva"}),
        ("{the }sp[a|ea]rrow|bird", "the sparrow", {"sparrow", "the spearrow", "spearrow", "bird"}),
        (r"To be\: \{or\}", "To be: {or}", set()),
        ("Lom['\be|e\b'|e]", "Lome", set()),
        ("[°\bA|A\b°|A]land", "Aland", set()),
        ("{Carson City}", "Carson City", set()),
        ("", "", set()),
    ],
)
def test_patterns(text, canonical, others):
    pattern = parse(text)
    assert pattern.canonical() == canonical
    assert set(pattern.spellings()) == ({canonical} | others) - {""}
    assert not canonical or pattern.spellings()[0] == canonical


@pytest.mark.parametrize("text", ["{a", "a]", "[a}", "a|{b|[c}"])
def test_brackets_without_a_partner(text):
    with pytest.raises(ValueError, match=r"missing in|closes nothing"):
        parse(text)


def test_too_many_spellings_are_refused():
    with pytest.raises(ValueError, match="more than 10000 spellings"):
        parse("[0|1|2|3|4|5|6|7|8|9]" * 5).spellings()


def test_lines_go_on_and_colons_are_quoted(tmp_path):
    path = tmp_path / "quiz"
    path.write_text("a:b\\:c\n\nTo be{,} or not:\\\nthat is:\\\n{Hamlet}\n\\\\:x\n", "utf-8")
    found = [[category.canonical() for category in entry] for entry in entries(path)]
    assert found == [["a", "b:c"], ["To be, or not", "that is", "Hamlet"], ["\\", "x"]]


def test_errors_name_file_and_line(tmp_path):
    path = tmp_path / "quiz"
    path.write_text("a:b\nc:\\\n{d\n", "utf-8")
    with pytest.raises(ValueError, match=r"quiz, line 2: '}' is missing"):
        entries(path)
    path.write_text("a:b\\\n", "utf-8")
    with pytest.raises(ValueError, match="the last line goes on"):
        entries(path)


@pytest.fixture
def folder(tmp_path):
    """A folder of quiz files in the true layout, with an entry or two each."""
    made = {
        "africa": "Algeria:Algiers\nTogo:Lom['\be|e\b'|e]\n",
        "america": "Bra[z|s]il:Bras['\bi|i\b'|i]lia\n",
        "asia": "Armenia:Yerevan\n",
        "europe": "Armenia:Yerevan|Erevan\n",
        "state": "Ohio|OH:Columbus:OH:carnation\nUtah|UT:Salt Lake{ City}:UT:sego lily\n",
        "province": "Ontario:Toronto\n",
        "elements": "H:1:1.008:Hydrogen\nHe:2:4.003:Helium\n",
        "babies": "cub:lion|tiger|bear\n",
        "sexes": "bull:cow\n",
        "collectives": "bees:swarm\n",
        "posneg": "large|big:small\n",
        "latin": "condo:{I }found\n",
        "pres": "{J{ohn} }Adams:1797-1801:{T{homas} }Jefferson:\\\n{T{homas} }Jefferson\n",
        "bard": "To be{,} or not to be{\\:}:\\\nthat is:\\\nHamlet{ III-i}:\\\nHamlet\n",
        "poetry": "My mind to me a kingdom is:\\\nSuch joy:\\\nMy Mind:\\\n{Edward }Dyer\n",
    }
    assert set(made) == {column.file for column in COLUMNS}
    for name, text in made.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_quiz_questions(folder):
    found = {one.text: one for one in quiz(folder)}
    assert found["What is the capital of Togo?"].accepted == ("Lome",)
    assert found["What is the capital of the US state of Utah?"].accepted == (
        "Salt Lake City",
        "Salt Lake",
    )
    assert found["What is the postal code of the US state of Ohio?"].accepted == ("OH",)
    assert found["Which animal's young is called a cub?"].accepted == ("lion", "tiger", "bear")
    assert found["Who was president of the USA after John Adams?"].accepted[0] == "Thomas Jefferson"
    play = found['Which play has the line "To be, or not to be:"?']
    assert play.accepted == ("Hamlet",)  # without the scene
    assert found['Who wrote the line "My mind to me a kingdom is"?'].accepted[0] == "Edward Dyer"
    states = {one.subject for one in found.values() if "Ohio" in one.text}
    assert states == {"place: ohio"}


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="apt-get install bsdgames"):
        list(quiz(tmp_path / "games"))


def test_questions_that_ask_the_same_are_one(folder):
    found = {one.text: one for one in merged(quiz(folder))}
    assert found["What is the capital of Armenia?"].accepted == ("Yerevan", "Erevan")
    assert len(found) == len(list(quiz(folder))) - 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="countryinfo 1.0.1 needs Python 3.11")
def test_countries_and_elements():
    asked = {one.text: one for one in [*countries(), *elements()]}
    assert asked["What is the capital of Japan?"].accepted == ("Tokyo",)
    assert asked["What is the currency code of Japan?"].accepted == ("JPY",)
    assert asked["What is the internet domain of Japan?"].accepted == (".jp",)
    assert asked["What is the chemical symbol of gold?"].accepted == ("Au",)
    assert asked["What is the atomic number of gold?"].accepted == ("79",)
    assert asked["Which element has the symbol H?"].accepted == ("hydrogen",)
    assert "What is the atomic number of neutron?" not in asked
    gold = {one.subject for one in asked.values() if one.accepted in {("Au",), ("gold",), ("79",)}}
    assert gold == {"symbol: au"}


def made(kind, n):
    return [Question(f"{kind}{i}", f"{kind} {i}?", (f"a{i}",), kind=kind) for i in range(n)]


def test_draws_are_repeatable_and_examples_are_never_asked():
    every = [*made("x", 30), *made("y", 5), Question("none", "none?", (), kind="y")]
    asked, examples = drawn(every, 20, 3, seed=1)
    assert (asked, examples) == drawn(every, 20, 3, seed=1)
    assert asked != drawn(every, 20, 3, seed=2)[0]
    assert len(asked) == 20
    assert {kind: len(ones) for kind, ones in examples.items()} == {"x": 3, "y": 3}
    assert not {one.id for ones in examples.values() for one in ones} & {one.id for one in asked}
    assert all(one.accepted for ones in examples.values() for one in ones)
    everything, _ = drawn(every, 1000, 3)
    assert len(everything) == 36 - 6
    with pytest.raises(ValueError, match=r"no question beside their examples: \['y'\]"):
        drawn(made("x", 9) + made("y", 2), 5, 2)


def test_prompts_show_examples_of_the_kind_and_end_where_the_answer_begins():
    one, two = made("x", 2)
    asked = Question("q", "x 9?", (), context="It is.", kind="x")
    assert prompt(asked, {"x": [one, two], "y": made("y", 1)}) == (
        "Q: x 0?\nA: a0\nQ: x 1?\nA: a1\nIt is.\nQ: x 9?\nA:"
    )
    assert prompt(asked, {}) == "It is.\nQ: x 9?\nA:"
    assert cut(" Lome \nQ: next") == "Lome"
    assert cut("") == ""
