"""Right and wrong answers of the hallucination example: exact match and ROUGE-L."""

import pytest
from examples.hallucination.labels import exact_match, normalised, rouge_l, wrong_by_rouge


@pytest.mark.parametrize(
    ("answer", "spelling"),
    [
        ("  The Hague.", "hague"),
        ("São Tomé", "Sao Tome"),
        ("Washington, D.C.", "washington DC"),
        ("Ivory-Coast", "ivory coast"),
        ("1,000", "1000"),
        (".jp", "JP"),
        ("St. John's", "St John\N{RIGHT SINGLE QUOTATION MARK}s"),
    ],
)
def test_spellings_that_are_one(answer, spelling):
    assert exact_match(answer, ["other", spelling])


@pytest.mark.parametrize(
    ("answer", "spelling"),
    [("1.5", "15"), ("-3", "3"), ("Paris, France", "Paris"), ("Theodor", "odor"), ("", "a b")],
)
def test_spellings_that_differ(answer, spelling):
    assert not exact_match(answer, [spelling])


def test_articles_go_only_as_words():
    assert normalised("An ant and the theatre") == "ant and theatre"


def test_rouge_l_is_the_published_example():
    """Lin (2004), section 3.1: sentences S1 to S3 have 3/4 and 1/2 in common, in order."""
    police = "police killed the gunman"
    assert rouge_l("police kill the gunman", police) == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", police) == pytest.approx(1 / 2)


def test_rouge_l_against_its_definition():
    """The longest common subsequence by brute force over all subsequences."""
    words = ["a", "b", "a", "c", "b", "d", "a"]
    others = ["b", "a", "c", "a", "b", "d"]

    def subsequences(text):
        return {
            tuple(word for i, word in enumerate(text) if pick >> i & 1)
            for pick in range(1 << len(text))
        }

    longest = max(map(len, subsequences(words) & subsequences(others)))
    expected = 2 * longest / (len(words) + len(others))
    assert rouge_l(" ".join(words), " ".join(others)) == pytest.approx(expected)


def test_rouge_l_of_nothing():
    assert rouge_l("", "Paris") == rouge_l("Paris", "") == rouge_l("...", "...") == 0.0


def test_wrong_below_a_half_of_the_best_spelling():
    assert not wrong_by_rouge("in New York City", ["Boston", "New York"])  # 2 * 2 / 6
    assert not wrong_by_rouge("the big city of New York", ["New York"])  # 2 * 2 / 8
    assert wrong_by_rouge("in the big city of New York", ["New York"])  # 2 * 2 / 9
    assert not wrong_by_rouge("of New York b c", ["b New York"])
    assert wrong_by_rouge("anything", [])
