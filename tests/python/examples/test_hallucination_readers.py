"""The six published question sets, on records of their true layouts that were made here."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from examples.hallucination.published import READERS, read
from examples.hallucination.questions import Given

TRIVIAQA = {
    "Data": [
        {
            "Answer": {
                "Aliases": ["Lome", "Lomé", "City of Lome"],
                "MatchedWikiEntityName": "Lomé",
                "NormalizedAliases": ["lome", "lomé", "city of lome"],
                "NormalizedMatchedWikiEntityName": "lomé",
                "NormalizedValue": "lomé",
                "Type": "WikipediaEntity",
                "Value": "Lomé",
            },
            "EntityPages": [{"DocSource": "TagMe", "Filename": "Lome.txt", "Title": "Lomé"}],
            "Question": "Which city is the capital of Togo?",
            "QuestionId": "tc_1",
            "QuestionSource": "http://example.org/",
            "SearchResults": [
                {"Description": "...", "DisplayUrl": "x", "Filename": "1/1.txt", "Rank": 0}
            ],
        },
        # A test file has no answers.
        {"EntityPages": [], "Question": "Which one?", "QuestionId": "tc_2", "SearchResults": []},
    ],
    "Domain": "Web",
    "VerifiedEval": False,
    "Version": 1.0,
}
HOTPOTQA = [
    {
        "_id": "5a8b57f25542995d1e6f1371",
        "answer": "yes",
        "question": "Are Lomé and Accra capitals?",
        "supporting_facts": [["Lomé", 0], ["Accra", 0]],
        "context": [["Lomé", ["A capital.", " By the sea."]], ["Accra", ["Another capital."]]],
        "type": "comparison",
        "level": "hard",
    }
]
COQA = {
    "version": "1.0",
    "data": [
        {
            "source": "mctest",
            "id": "3dr23u6we5exclen4th8uq9rb42tel",
            "filename": "mc160.test.41",
            "story": "Cotton was a white cat.",
            "questions": [
                {"input_text": "What colour was Cotton?", "turn_id": 1},
                {"input_text": "Was it a dog?", "turn_id": 2},
            ],
            "answers": [
                {
                    "span_start": 13,
                    "span_end": 18,
                    "span_text": "white",
                    "input_text": "white",
                    "turn_id": 1,
                },
                {
                    "span_start": -1,
                    "span_end": -1,
                    "span_text": "",
                    "input_text": "no",
                    "turn_id": 2,
                },
            ],
            "additional_answers": {
                "0": [
                    {"span_text": "a white cat", "input_text": "pure white", "turn_id": 1},
                    {"span_text": "", "input_text": "no", "turn_id": 2},
                ]
            },
            "name": "mc160.test.41",
        }
    ],
}
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Togo",
            "paragraphs": [
                {
                    "context": "The capital of Togo is Lomé.",
                    "qas": [
                        {
                            "id": "56ddde6b9a695914005b9628",
                            "question": "What is Togo's capital?",
                            "answers": [
                                {"text": "Lomé", "answer_start": 23},
                                {"text": "Lomé", "answer_start": 23},
                                {"text": "is Lomé", "answer_start": 20},
                            ],
                            "is_impossible": False,
                        },
                        {
                            "id": "5ad39d53604f3c001a3fe8d1",
                            "question": "What is Ghana's capital?",
                            "answers": [],
                            "plausible_answers": [{"text": "Lomé", "answer_start": 23}],
                            "is_impossible": True,
                        },
                    ],
                }
            ],
        }
    ],
}
HALUEVAL = [
    {
        "knowledge": "Lomé is the capital of Togo.",
        "question": "What is the capital of Togo?",
        "right_answer": "Lomé",
        "hallucinated_answer": "The capital of Togo is Accra.",
    },
    {
        "document": "A cat was found.",
        "right_summary": "Cat found.",
        "hallucinated_summary": "A dog was found in Lomé.",
    },
]
PSILOQA = [
    {
        "id": "6e6c",
        "lang": "en",
        "wiki_title": "Lomé",
        "wiki_url": "https://en.wikipedia.org/wiki/Lom%C3%A9",
        "llm_checkpoint": "tiiuae/falcon-7b-instruct",
        "wiki_passage": "Lomé is the capital of Togo.",
        "question": "What is the capital of Togo?",
        "golden_answer": "Lomé.",
        "llm_answer": "It is Accra.",
        "annotated_span": "It is [HAL]Accra[/HAL].",
        "labels": [[6, 11]],
    },
    {
        "id": "7f7d",
        "lang": "fr",
        "wiki_title": "Lomé",
        "wiki_url": "https://fr.wikipedia.org/wiki/Lom%C3%A9",
        "llm_checkpoint": "croissantllm/CroissantLLMChat-v0.1",
        "wiki_passage": "Lomé est la capitale.",
        "question": "Quelle est la capitale ?",
        "golden_answer": "Lomé.",
        "llm_answer": "Lomé.",
        "annotated_span": "Lomé.",
        "labels": [],
    },
]


@pytest.fixture
def write(tmp_path):
    """Write a file, of one value or of a record a line."""

    def written(name, value, *, lines=False):
        path = tmp_path / name
        dumped = [json.dumps(one) for one in (value if lines else [value])]
        path.write_text("\n".join(dumped) + "\n", "utf-8")
        return path

    return written


def test_triviaqa(write):
    asked, hidden = read("triviaqa", write("unfiltered-web-dev.json", TRIVIAQA))
    assert (asked.id, asked.text) == ("tc_1", "Which city is the capital of Togo?")
    assert asked.accepted == ("Lomé", "Lome", "City of Lome")
    assert hidden.accepted == ()


def test_hotpotqa(write):
    (asked,) = read("hotpotqa", write("hotpot_dev_distractor_v1.json", HOTPOTQA))
    assert asked.accepted == ("yes",)
    assert asked.context == "Lomé: A capital. By the sea.\nAccra: Another capital."


def test_coqa(write):
    first, second = read("coqa", write("coqa-dev-v1.0.json", COQA))
    assert first.accepted == ("white", "pure white")
    assert first.context == "Cotton was a white cat."
    assert second.accepted == ("no",)
    assert second.context == "Cotton was a white cat.\nQ: What colour was Cotton?\nA: white"
    assert first.subject == second.subject
    assert first.id != second.id


def test_squad(write):
    asked, impossible = read("squad", write("dev-v2.0.json", SQUAD))
    assert asked.accepted == ("Lomé", "is Lomé")
    assert asked.context == "The capital of Togo is Lomé."
    assert asked.subject == impossible.subject == "Togo"
    assert impossible.accepted == ()


def test_halueval(write):
    asked, summary = read("halueval", write("qa_data.json", HALUEVAL, lines=True))
    assert asked.given == (
        Given("Lomé", wrong=False),
        Given("The capital of Togo is Accra.", wrong=True),
    )
    assert asked.context == "Lomé is the capital of Togo."
    assert summary.context == "A cat was found."
    assert [one.wrong for one in summary.given] == [False, True]
    assert asked.kind != summary.kind


def test_psiloqa_in_both_formats(write, tmp_path):
    wrong, right = read("psiloqa", write("test.jsonl", PSILOQA, lines=True))
    assert wrong.given == (Given("It is Accra.", wrong=True),)
    assert right.given == (Given("Lomé.", wrong=False),)
    assert (wrong.kind, right.kind) == ("psiloqa-en", "psiloqa-fr")
    assert wrong.accepted == ("Lomé.",)
    path = tmp_path / "test-00000-of-00001.parquet"
    pq.write_table(pa.Table.from_pylist(PSILOQA), path)
    assert read("psiloqa", path) == [wrong, right]


@pytest.mark.parametrize("name", READERS)
def test_another_layout_is_refused(name, write):
    path = write("other.json", {"rows": [1]})
    with pytest.raises(ValueError, match=rf"other\.json is not laid out like {name}, after 0"):
        read(name, path)
    path.write_text('{"data": [', "utf-8")
    with pytest.raises(ValueError, match="is not laid out like"):
        read(name, path)


def test_the_missing_field_is_named(write):
    path = write("qa.json", [HALUEVAL[0], {"question": "?", "knowledge": ""}], lines=True)
    with pytest.raises(ValueError, match="after 1 questions: no field 'right_answer'"):
        read("halueval", path)


def test_turns_that_do_not_match(write):
    story = {**COQA["data"][0], "answers": COQA["data"][0]["answers"][::-1]}
    with pytest.raises(ValueError, match="turns of story 3dr2"):
        read("coqa", write("coqa.json", {"version": "1.0", "data": [story]}))


def test_no_question_at_all_and_no_such_set(write):
    with pytest.raises(ValueError, match="holds no question of squad"):
        read("squad", write("empty.json", {"version": "1.1", "data": []}))
    with pytest.raises(ValueError, match="'bioasq' is no known set; known are triviaqa"):
        read("bioasq", write("x.json", {}))
